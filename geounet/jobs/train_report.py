"""What a finished training is judged and pictured by: its validation windows, answered as a map would be."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from geounet.block import Array, Block, Piece, Segmenter
from geounet.card import ModelCard
from geounet.legend import CONTACT
from geounet.metrics import Confusion
from geounet.nn.areas import AreaWindows
from geounet.nn.chip_set import Windows
from geounet.nn.chip_store import VOID
from geounet.nn.score import scored, scored_truth
from geounet.nn.surface import Surface
from geounet.report.samples import Sample, samples_picture
from geounet.rule import LEVELS

SHOWN = 6


@dataclass(frozen=True)
class Judgement:
    """Counts over all pixels, and the score of each window by its index (those with no foreground have none)."""

    confusion: Confusion
    scores: dict[int, float]


def judged(segmenter: Segmenter, areas: AreaWindows, windows: Windows) -> Judgement:
    """The segmenter's answers, as in a map of the windows' ground, scored by the rule that makes the maps.

    Args:
        areas: windows that cover those on disk, `windows`, each pixel once.
    """
    classes = len(segmenter.card.legend.classes)
    indices = {(folder.path, number): index for index, (folder, number) in enumerate(windows.places)}
    total, found = Confusion.empty(classes), [Confusion.empty(classes) for _ in windows.places]
    told: deque[Array] = deque()  # labels of the windows that are on their way through the network
    for area, answer in zip(areas.windows, segmenter.predict(_pieces(areas, told)), strict=True):
        labels = told.popleft()
        total += scored(labels, answer.values[0], classes)
        for number in area.numbers:
            inside = area.surface.folder.place(number).within(area.core).seen_from(area.core)
            own, answered = labels[inside.rows, inside.cols], answer.values[0][inside.rows, inside.cols]
            found[indices[area.surface.folder.path, number]] += scored(own, answered, classes)
    scores = {index: counts.score for index, counts in enumerate(found) if counts.score is not None}
    return Judgement(total, scores)


def _pieces(areas: AreaWindows, told: deque[Array]) -> Iterator[Piece]:
    """What the network is given; the labels of each core are added to `told`."""
    for area in areas.windows:
        pixels, labels = area.read()
        inside = area.core.seen_from(area.window)
        told.append(labels[inside.rows, inside.cols])
        yield Piece(Block(area.window, pixels), Block(area.window, (labels != VOID)[None]), area.core)


def _in_context(windows: Windows, card: ModelCard) -> Iterator[Piece]:
    """Each window with what is around it in its split, so that its answer is that of a map."""
    for folder, number in windows.places:
        core = folder.place(number)
        chip = folder.card.windows[number]
        given = core.aligned(card.alignment).grown(card.halo)
        pixels, labels = Surface(folder, chip.scene, chip.split).read(given, [number])
        yield Piece(Block(given, pixels), Block(given, (labels != VOID)[None]), core)


def _answered(answer: Block, classes: int) -> tuple[Array, Array]:
    """Class, and probability 0..1 of the likeliest foreground class, (h, w) each."""
    return answer.values[0], answer.values[1:classes].max(axis=0) / LEVELS


def telling(scores: Mapping[int, float]) -> dict[int, str]:
    """Titles of the best, median and worst windows by their index: two each, or one where there are fewer than six.

    >>> telling({0: 0.5, 1: 0.7, 2: 0.6})
    {1: 'best: IoU 0.70', 2: 'median: IoU 0.60', 0: 'worst: IoU 0.50'}
    >>> telling({0: 0.5, 1: 0.7})
    {1: 'best: IoU 0.70', 0: 'worst: IoU 0.50'}
    """
    ranked = sorted(scores, key=lambda index: -scores[index])
    each = 2 if len(ranked) >= SHOWN else 1
    middle = (len(ranked) - each) // 2
    names = dict.fromkeys(ranked[middle : middle + each], "median")
    names |= dict.fromkeys(ranked[-each:], "worst") | dict.fromkeys(ranked[:each], "best")
    return {index: f"{names[index]}: IoU {scores[index]:.2f}" for index in ranked if index in names}


def pictured(segmenter: Segmenter, windows: Windows, judgement: Judgement) -> bytes:
    """A PNG of image, truth, probability and errors: of the best, median and worst windows, else of the first."""
    classes = len(segmenter.card.legend.classes)
    titles = telling(judgement.scores) or dict.fromkeys(range(min(SHOWN, len(windows))), "training window")
    picked = windows.picked(list(titles))
    samples = [
        Sample(
            title, pixels, labels != VOID, scored_truth(labels, classes), *_answered(answer, classes), labels == CONTACT
        )
        for title, (pixels, labels), answer in zip(
            titles.values(), picked, segmenter.predict(_in_context(picked, segmenter.card)), strict=True
        )
    ]
    return samples_picture(samples, segmenter.card.legend, segmenter.card.colours)
