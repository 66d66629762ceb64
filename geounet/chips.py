"""ChipsCard: what a folder of training windows says of itself (chips.json)."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from geounet.errors import ChipsError, GeoUNetError
from geounet.legend import Legend

FORMAT = 1
SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class ChipWindow:
    """One training window: its scene (by number), first pixel on the working grid, split, and share of each class.

    `shares` is by class id, of the window's scored pixels, contact among the building's; it is empty where all of them
    are ignored.
    """

    scene: int
    row: int
    col: int
    split: str
    valid: float
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ChipsCard:
    """Contents of chips.json; images.npy and labels.npy beside it hold the pixels in the order of `windows`.

    Args:
        size: rows and columns of a window; `stride`: pixels from one to the next.
        dtype: of images.npy (count, bands, size, size); labels.npy is (count, size, size) uint8, 254 = contact,
            255 = ignore.
        mean, std: of each band over the valid training pixels, in the scenes' units.
        ground_resolution: metres a pixel; None where the scenes have no CRS.
        fill: per band, what invalid pixels hold in images.npy (the mean, rounded to the dtype).
        contact_width: metres on the ground of the contact between near neighbours; None where none is drawn.
        origin: provenance: scenes, labels, settings, notes, counts.
    """

    size: int
    stride: int
    dtype: str
    colours: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fill: tuple[float, ...]
    ground_resolution: float | None
    legend: Legend
    windows: tuple[ChipWindow, ...]
    contact_width: float | None = None
    origin: Mapping[str, object] = field(default_factory=dict)

    @property
    def bands(self) -> int:
        return len(self.colours)

    def of_split(self, split: str) -> tuple[int, ...]:
        """Numbers of the windows of a split, in order."""
        return tuple(i for i, window in enumerate(self.windows) if window.split == split)

    def to_json(self) -> str:
        rows = [[w.scene, w.row, w.col, w.split, w.valid, *w.shares] for w in self.windows]
        counts = {split: len(self.of_split(split)) for split in SPLITS}
        content = {"format": FORMAT, **asdict(self), "legend": self.legend.to_json(), "windows": rows, "counts": counts}
        return json.dumps(content | {"origin": dict(self.origin)}, allow_nan=False)

    @classmethod
    def read(cls, folder: Path) -> "ChipsCard":
        """The card of a folder of training windows.

        Raises:
            ChipsError: no chips.json there, or one that this version cannot read.
        """
        path = folder / "chips.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content.pop("format") != FORMAT:
                raise ChipsError(f"{path} has a later format than {FORMAT}; update geounet")
            del content["counts"]
            content["legend"] = Legend.from_json(content["legend"])
            content["windows"] = tuple(
                ChipWindow(row[0], row[1], row[2], row[3], row[4], tuple(row[5:])) for row in content["windows"]
            )
            for key in ("colours", "mean", "std", "fill"):
                content[key] = tuple(content[key])
            return cls(**content)
        except OSError as error:
            if folder.is_file():
                raise ChipsError(
                    f"{folder} is no folder of training windows; a scene is trained on with --labels"
                ) from error
            raise ChipsError(f"{folder} holds no chips.json; make training windows with `geounet tile`") from error
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            if isinstance(error, GeoUNetError):
                raise
            raise ChipsError(f"{path} cannot be read ({error}); tile the scene again") from error
