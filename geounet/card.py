"""ModelCard: the contract that a model carries with its weights, so that infer needs scene and model alone."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from geounet.errors import GeoUNetError, ModelError
from geounet.legend import Legend

FORMAT = 1  # raised when an older reader could misread a card


@dataclass(frozen=True, slots=True)
class Architecture:
    """What the network's shape depends on: a U-Net with two 3x3 convolutions a level.

    Args:
        bands: of the input.
        outputs: 1 for background/building (a logit), else one for each class.
        width: channels of the first level; each level down doubles them.
        depth: times the input is halved.
        skips: whether the levels going down are concatenated to those going up.
    """

    bands: int = 3
    outputs: int = 1
    width: int = 64
    depth: int = 4
    skips: bool = True
    name: str = "unet"

    def __post_init__(self) -> None:
        if self.name != "unet":
            raise ModelError(f"architecture {self.name!r} is unknown to this version; it knows 'unet'")
        for key, largest in (("bands", 512), ("outputs", 255), ("width", 1024), ("depth", 8)):
            value = getattr(self, key)
            if not isinstance(value, int) or not 1 <= value <= largest:
                raise ModelError(f"{key} {value!r} of a network must be a whole number from 1 to {largest}")


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model was trained on and what it expects.

    Args:
        colours: of the bands, in GDAL's words: red, green, blue, gray, undefined, ...
        dtype: of the scenes, as numpy names it.
        mean, std: of each band over the valid pixels of the training windows, in the scenes' own units.
        ground_resolution: metres a pixel on the ground; None where the training scenes had no CRS.
        halo: pixels of context that the core of a window needs on each side for an exact answer.
        alignment: pooling grid in pixels; window starts are multiples of it.
        contact_width: metres on the ground of the contact class; None where the model has none.
        training: record of the training: settings, counts, best score.
    """

    architecture: Architecture
    colours: tuple[str, ...]
    dtype: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    ground_resolution: float | None
    halo: int
    alignment: int
    legend: Legend
    contact_width: float | None = None
    training: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        bands = self.architecture.bands
        if not len(self.colours) == len(self.mean) == len(self.std) == bands:
            raise ModelError(f"a model card with {bands} bands must give a colour, mean and deviation for each")
        if not all(s > 0 for s in self.std):
            raise ModelError(f"deviations {self.std} of a model card must be above 0")
        if self.outputs_expected != self.architecture.outputs:
            raise ModelError(
                f"a network of {self.architecture.outputs} outputs does not fit a legend of "
                f"{len(self.legend.classes)} classes; it takes {self.outputs_expected}"
            )

    @property
    def outputs_expected(self) -> int:
        return network_outputs(self.legend, contact=self.contact_width is not None)

    def with_training(self, **record: object) -> "ModelCard":
        """The card with more entries in its training record."""
        return replace(self, training={**self.training, **record})

    def to_json(self) -> str:
        content = {"format": FORMAT, **asdict(self), "legend": self.legend.to_json(), "training": dict(self.training)}
        return json.dumps(content, sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "ModelCard":
        """The card that `to_json` wrote.

        Raises:
            ModelError: anything else, or a card of a later format.
        """
        try:
            content = json.loads(text)
            if content.pop("format") != FORMAT:
                raise ModelError(f"a model card of a later format than {FORMAT}; update geounet")
            content["architecture"] = Architecture(**content["architecture"])
            content["legend"] = Legend.from_json(content["legend"])
            for key in ("colours", "mean", "std"):
                content[key] = tuple(content[key])
            return cls(**content)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, GeoUNetError):
                raise
            raise ModelError(f"a model card that cannot be read ({error}); train or export the model again") from error


def network_outputs(legend: Legend, *, contact: bool = False) -> int:
    """Output channels for a legend: one logit for background/building, else one for each class, contact included.

    >>> network_outputs(Legend.of_names("building"))
    1
    """
    return 1 if legend.is_binary and not contact else len(legend.classes) + contact
