"""MODEL.md: the model card for people."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from geounet.card import ModelCard
from geounet.metrics import PixelCounts

FIGURES = ("iou", "f1", "precision", "recall", "accuracy", "iou_two_channel")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a model's page tells beside its card.

    Args:
        scenes, labels: names of the files it was trained on.
        windows: how many of each split, of `size` pixels a side.
        classes: counts over the validation pixels, of each foreground class by name; empty without validation windows.
        by_scenes: whether each scene went to one split as a whole.
        is_chosen: whether validation told which weights to keep.
        steps: done in all, and the one after which the kept weights were.
        has_towns: whether synthetic towns were learned from, too.
        contact_iou: IoU of the contact between neighbours, where it is learned and there is any.
    """

    scenes: Sequence[str]
    labels: Sequence[str]
    windows: Mapping[str, int]
    size: int
    classes: Mapping[str, PixelCounts]
    steps: tuple[int, int]
    by_scenes: bool = False
    is_chosen: bool = True
    has_towns: bool = False
    contact_iou: float | None = None


def model_page(card: ModelCard, facts: Facts) -> str:
    """A page in Markdown: data, split, figures, ground resolution, intended use, limits."""
    return (
        "\n\n".join(
            [
                f"# Model of {_listed(c.name for c in card.legend.foreground)}",
                _network(card, facts),
                "## Data",
                _data(card, facts),
                "## Figures",
                _figures(facts),
                "## Intended use",
                f"Mapping of {_listed(c.name for c in card.legend.foreground)} in imagery like that of the training: "
                f"{_resolution(card)}, bands {_listed(card.colours)}, {escaped(card.dtype)}. "
                f"`geounet infer SCENE --model THIS_FOLDER` {_treatment(card)}, and refuses one whose bands or number "
                "type do not fit.",
                "## Limits",
                _limits(facts),
            ]
        )
        + "\n"
    )


def escaped(text: object) -> str:
    """A text as Markdown shows it, whatever is in it: one line, no markup, no HTML.

    >>> escaped("a|b <i>*c*")
    'a\\\\|b \\\\<i\\\\>\\\\*c\\\\*'
    """
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~&$-])", r"\\\1", " ".join(str(text).split()))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(escaped(name) for name in names)


def _resolution(card: ModelCard) -> str:
    return "no known ground resolution" if card.ground_resolution is None else f"{card.ground_resolution:.3g} m a pixel"


def _treatment(card: ModelCard) -> str:
    if card.ground_resolution is None:
        return "maps a scene at its own pixels, whatever they measure"
    return "resamples a scene to the ground resolution"


def _network(card: ModelCard, facts: Facts) -> str:
    shape = card.architecture
    joined = "with" if shape.skips else "without"
    return (
        f"A U-Net of depth {shape.depth} and width {shape.width}, {joined} skip connections; weights after step "
        f"{facts.steps[1]:,} of {facts.steps[0]:,}, "
        f"{'chosen on the validation windows' if facts.is_chosen else 'the last ones'}."
    )


def _data(card: ModelCard, facts: Facts) -> str:
    counts = ", ".join(f"{count:,} for {escaped(split)}" for split, count in facts.windows.items())
    divided = "by whole scenes" if facts.by_scenes else "by blocks of ground"
    lines = [
        f"- Scenes: {_listed(facts.scenes) or 'not told'}",
        f"- Labels: {_listed(facts.labels) or 'not told'}",
        f"- Ground resolution: {_resolution(card)}",
        f"- Bands: {_listed(card.colours)}, {escaped(card.dtype)}",
        f"- Windows of {facts.size} px with labels: {counts}; split {divided}, never by single windows",
    ]
    if facts.has_towns:
        lines.append(
            "- A quarter of the samples or less: synthetic towns that come with geounet; the figures are without them"
        )
    if card.contact_width is not None:
        scored = "" if facts.contact_iou is None else f", with an IoU of {facts.contact_iou:.3f}"
        lines.append(
            f"- Contact between neighbours {card.contact_width:.3g} m apart or less is a class of its own{scored}"
        )
    return "\n".join(lines)


def _figures(facts: Facts) -> str:
    if not facts.classes:
        return "None: there were no validation windows. The last weights were kept."
    head = ["| class | " + " | ".join(name.replace("_", " ") for name in FIGURES) + " |", "|---" * 7 + "|"]
    rows = [
        f"| {escaped(name)} | " + " | ".join(_figure(getattr(counts, figure)) for figure in FIGURES) + " |"
        for name, counts in facts.classes.items()
    ]
    note = (
        "Pooled over all validation pixels, the class against all others. The two-channel IoU is accuracy / (2 - "
        "accuracy), as some tutorials print it; it says little where the class is rare."
    )
    return "\n".join([*head, *rows, "", note])


def _figure(value: float | None) -> str:
    return "none there" if value is None else f"{value:.3f}"


def _limits(facts: Facts) -> str:
    scored = (
        "- The figures are of ground near that of the training, by the labels as they are. In another country, season "
        "or sensor they are lower: score a map there with `geounet eval` before it is used."
    )
    chosen = "- The weights were chosen on the windows that are scored here, which flatters the figures a little."
    return "\n".join(
        [scored] * bool(facts.classes)
        + [chosen] * facts.is_chosen
        + ["- Errors of the labels are learned. A map is no survey."]
    )
