"""Tree crowns: a small library of clumpy shapes, stamped at every size."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .canvas import CELL, Canvas, Mask, Patch, linear
from .dice import one_of
from .noise import Field, fbm
from .plan import Tree
from .style import RGB

SIZE = 96

COLOURS: dict[str, tuple[RGB, RGB]] = {
    "broad": ((94, 112, 66), (76, 96, 56)),
    "dark": ((70, 92, 54), (58, 78, 48)),
    "olive": ((112, 120, 78), (94, 104, 68)),
    "conifer": ((58, 80, 56), (50, 68, 50)),
    "bright": ((122, 134, 74), (108, 122, 66)),
    "russet": ((116, 88, 70), (100, 80, 62)),
}


@dataclass(frozen=True, slots=True)
class Crown:
    """A crown of radius 1 and height 1 over SIZE x SIZE cells: height (0 outside) and relative brightness of leaves."""

    height: Field
    leaves: Field


@dataclass(frozen=True, slots=True)
class Crowns:
    """The crowns a town's trees are stamped from."""

    broad: tuple[Crown, ...]
    conifers: tuple[Crown, ...]


def grown_crowns(rng: np.random.Generator, count: int = 28) -> Crowns:
    """A library of crowns, drawn anew for every town."""
    return Crowns(tuple(broad_crown(rng) for _ in range(count)), tuple(conifer_crown(rng) for _ in range(count // 3)))


def grid() -> tuple[Field, Field]:
    """Coordinates of the cells, -1.1 to 1.1 from left to right and from top to bottom."""
    axis = np.linspace(-1.1, 1.1, SIZE, dtype=np.float32)
    return axis[None, :], axis[:, None]


def broad_crown(rng: np.random.Generator) -> Crown:
    """A heap of leafy balls on a dome, with gaps between them."""
    x, y = grid()
    height = np.zeros((SIZE, SIZE), dtype=np.float32)
    leaves = np.ones((SIZE, SIZE), dtype=np.float32)
    squeeze = rng.uniform(0.8, 1.0)
    for _ in range(int(rng.integers(34, 60))):
        reach, turn = 0.82 * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
        ball = rng.uniform(0.13, 0.27)
        base = 0.62 * np.sqrt(max(1 - reach**2, 0.0)) + rng.normal(0.1, 0.07)
        centre = reach * np.cos(turn), reach * np.sin(turn) * squeeze
        rest = ball**2 - (x - centre[0]) ** 2 - (y - centre[1]) ** 2
        top = np.where(rest > 0, base + np.sqrt(np.maximum(rest, 0)) * 1.1, 0).astype(np.float32)
        higher = top > height
        np.copyto(height, top, where=higher)
        np.copyto(leaves, np.float32(rng.normal(1.0, 0.09)), where=higher)
    detail = fbm((SIZE, SIZE), 9.0, 3, rng, persistence=0.8)
    height = np.where(height > 0, np.maximum(height + 0.035 * detail, 0.05), 0)
    height = np.where(detail < -1.9, 0, height)
    return Crown(np.asarray(height, dtype=np.float32), np.asarray(leaves * (1 + 0.10 * detail), dtype=np.float32))


def conifer_crown(rng: np.random.Generator) -> Crown:
    """A cone with spiky whorls."""
    x, y = grid()
    turn = np.arctan2(y, x)
    rim = 0.86 + 0.1 * np.sin(turn * rng.integers(7, 12) + rng.uniform(0, 6)) + 0.06 * np.sin(turn * 17)
    reach = np.hypot(x, y) / rim
    detail = fbm((SIZE, SIZE), 8.0, 3, rng, persistence=0.8)
    height = np.where(reach < 1, 1.0 - 0.92 * reach + 0.05 * detail, 0)
    return Crown(np.asarray(np.maximum(height, 0), dtype=np.float32), np.asarray(1 + 0.14 * detail, dtype=np.float32))


def draw_tree(canvas: Canvas, tree: Tree, crowns: Crowns, rng: np.random.Generator) -> None:
    """Stamp a crown where it rises above what is there, so that it hides the edges of lower roofs."""
    library = crowns.conifers if tree.species == "conifer" else crowns.broad
    crown = one_of(library, rng)
    turns, flip = int(rng.integers(4)), bool(rng.random() < 0.5)
    warm, dark = (linear(colour) for colour in COLOURS[tree.species])
    share, tone = float(rng.random()), float(rng.normal(1.0, 0.1))
    side = max(round(2.2 * tree.radius / CELL), 5)
    left, top = round(tree.x / CELL - side / 2), round(tree.y / CELL - side / 2)
    patch, rows, cols = clipped(canvas, left, top, side)
    if patch is None:
        return
    shape, leaves = (stamp(layer, side, turns, flip)[rows, cols] for layer in (crown.height, crown.leaves))
    height = shape * np.float32(tree.height)
    visible: Mask = (shape > 0.04) & (height > canvas.height[patch.rows, patch.cols])
    colour = (warm * share + dark * (1 - share)) * np.float32(tone)
    low = np.clip(0.62 + 0.5 * shape, 0.5, 1.1)
    canvas.paint(patch, visible, colour * (leaves * low)[..., None])
    if min(shape.shape) > 1:
        down, right = (np.clip(0.75 * slope, -1.3, 1.3) for slope in np.gradient(height, CELL))
        canvas.raise_to(patch, visible, height, (right, down))


def stamp(layer: Field, side: int, turns: int, flip: bool) -> Field:
    """A layer of a crown at the size wanted, turned and mirrored."""
    sized = cv2.resize(layer, (side, side), interpolation=cv2.INTER_AREA if side < SIZE else cv2.INTER_LINEAR)
    turned = np.rot90(sized, turns)
    return np.asarray(turned[:, ::-1] if flip else turned, dtype=np.float32)


def clipped(canvas: Canvas, left: int, top: int, side: int) -> tuple[Patch | None, slice, slice]:
    """The part of a square of cells that lies on the canvas, and where that part lies within the square."""
    rows = slice(max(top, 0), min(top + side, canvas.shape[0]))
    cols = slice(max(left, 0), min(left + side, canvas.shape[1]))
    if rows.start >= rows.stop or cols.start >= cols.stop:
        return None, rows, cols
    return Patch(rows, cols), slice(rows.start - top, rows.stop - top), slice(cols.start - left, cols.stop - left)
