"""What a finished training is judged and pictured by: its validation windows, answered as a map would be."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from geounet.block import Array, Block, Piece, Segmenter
from geounet.grid import Window
from geounet.legend import CONTACT
from geounet.metrics import Confusion
from geounet.nn.chip_set import Windows
from geounet.nn.chip_store import VOID
from geounet.nn.score import scored, scored_truth
from geounet.report.samples import Sample, samples_picture
from geounet.rule import LEVELS

SHOWN = 6


@dataclass(frozen=True)
class Judgement:
    """Counts over all windows, and the score of each window by its index (those with no foreground have none)."""

    confusion: Confusion
    scores: dict[int, float]


def pieces(windows: Iterable[tuple[Array, Array]]) -> Iterator[Piece]:
    """Each window as the network is given it, all of it core."""
    for pixels, labels in windows:
        place = Window(0, 0, *labels.shape)
        yield Piece(Block(place, pixels), Block(place, (labels != VOID)[None]), place)


def judged(segmenter: Segmenter, windows: Windows) -> Judgement:
    """The segmenter's answers on the windows, scored by the rule that makes the maps."""
    classes = len(segmenter.card.legend.classes)
    total, scores = Confusion.empty(classes), {}
    answers = segmenter.predict(pieces(windows))
    for index, (answer, (_, labels)) in enumerate(zip(answers, windows, strict=True)):
        found = scored(labels, answer.values[0], classes)
        total += found
        if found.score is not None:
            scores[index] = found.score
    return Judgement(total, scores)


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
            titles.values(), picked, segmenter.predict(pieces(picked)), strict=True
        )
    ]
    return samples_picture(samples, segmenter.card.legend, segmenter.card.colours)
