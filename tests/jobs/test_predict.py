"""Promises 2, 4, 6, 9 and 10, from an open scene to the parts on disk."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from geounet.assemble import cut, part_input
from geounet.block import Array, Block, Piece, Segmenter
from geounet.errors import OutputError, SceneError
from geounet.grid import Window, WindowGrid
from geounet.io.cog import CogOptions, Layer
from geounet.io.parts import Parts
from geounet.io.scene import Scene, open_scene
from geounet.jobs.predict import Predicted, predict_parts
from geounet.legend import NODATA
from geounet.nn.views import VIEWS
from geounet.rule import LEVELS, cut_level
from tests.models import BrightIsBuilding, PowerCutError, segmenter_of, tiny_model
from tests.scenes import UTM, noise, write_scene

LAYERS = [Layer(1, "class"), Layer(2, "building")]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("predict")


@pytest.fixture(scope="session")
def network(folder: Path) -> Segmenter:
    """A real network that sees 32 pixels far, on a pooling grid of 4."""
    return segmenter_of(tiny_model(folder / "model.safetensors", depth=2, width=3))


@pytest.fixture(scope="session")
def networks(folder: Path) -> dict[tuple[str, int], Segmenter]:
    """Real networks by test-time augmentation and depth, on pooling grids of 2 to 16 pixels."""
    paths = {depth: tiny_model(folder / f"depth_{depth}.safetensors", depth=depth, width=2) for depth in (1, 2, 3, 4)}
    return {(tta, depth): segmenter_of(paths[depth], tta=tta) for tta in VIEWS for depth in paths}  # type: ignore[arg-type]


def grid_of(scene: Scene, segmenter: Segmenter, window: int = 10_000) -> WindowGrid:
    card, (height, width) = segmenter.card, scene.frame.shape
    return WindowGrid(height, width, window, card.halo, card.alignment, *scene.frame.phase(card.alignment))


def strip_of(scene: Scene, segmenter: Segmenter, folder: Path, window: int = 10_000) -> tuple[Array, Predicted]:
    """Class and probability of a scene (2, height, width), put together from its parts."""
    import rasterio

    folder.mkdir(exist_ok=True)
    parts = Parts(folder, scene.frame, bands=2)
    predicted = predict_parts(scene, segmenter, grid_of(scene, segmenter, window), parts)
    parts.checked().assemble(folder / "whole.tif", LAYERS, tags={}, options=CogOptions("mode"))
    with rasterio.open(folder / "whole.tif") as dataset:
        values: Array = dataset.read()
    return values, predicted


def scores_of(scene: Scene, segmenter: Segmenter, window: int) -> Array:
    """Probability of a building, (height, width) float32, from windows no larger than `window`."""
    found = np.full(scene.frame.shape, np.nan, dtype="float32")
    grid = grid_of(scene, segmenter, window)
    for plans in grid.parts(1 << 20, 3):
        pixels, valid = scene.read(part_input(plans))
        pieces = list(cut(pixels, valid, plans))
        for piece, scores in zip(pieces, segmenter.scores(pieces), strict=True):
            found[piece.core.rows, piece.core.cols] = scores.cut(piece.core).values[1]
    return found


@settings(deadline=None, max_examples=200)
@given(
    shape=st.tuples(st.integers(1, 160), st.integers(1, 160)),
    depth=st.integers(1, 4),
    core=st.integers(0, 60),
    origin=st.tuples(st.integers(0, 15), st.integers(0, 15)),
    tta=st.sampled_from((*["none"] * 8, *sorted(VIEWS))),
    seed=st.integers(0, 99),
)
def test_tiled_prediction_equals_that_of_the_whole_scene(
    *,
    folder: Path,
    networks: dict[tuple[str, int], Segmenter],
    shape: tuple[int, int],
    depth: int,
    core: int,
    origin: tuple[int, int],
    tta: str,
    seed: int,
) -> None:
    network = networks[tta, depth]
    window = 2 * network.card.halo + network.card.alignment + core
    seen = np.random.default_rng(seed).random(shape) < 0.9
    seen[0, 0] = True
    path = write_scene(folder / "any.tif", noise(*shape, seed=seed), UTM.cropped(*origin), mask=seen)
    with open_scene(path) as scene:
        whole, tiled = (scores_of(scene, network, side) for side in (10_000, window))
    both = ~np.isnan(whole) & ~np.isnan(tiled)
    assert both[seen].all()
    assert np.abs(whole - tiled)[both].max() <= 1e-5
    certain = both & (np.abs(whole - (cut_level(0.5) - 0.5) / LEVELS) > 1e-4)
    one, other = (np.rint(LEVELS * chances[certain]) >= cut_level(0.5) for chances in (whole, tiled))
    assert_array_equal(one, other)


def test_the_network_of_these_tests_is_not_indifferent(folder: Path, network: Segmenter) -> None:
    with open_scene(write_scene(folder / "lively.tif", noise(60, 60))) as scene:
        scores = scores_of(scene, network, 10_000)
    assert scores.std() > 0.05
    assert 0.1 < (scores > 0.5).mean() < 0.9


HIDDEN = np.zeros((90, 110), dtype=bool)
HIDDEN[:12] = True  # a collar
HIDDEN[40:60, 30:50] = True
HIDDEN[np.random.default_rng(8).random(HIDDEN.shape) < 0.02] = True


def filled(value: float, dtype: str = "uint8") -> Array:
    """A scene whose hidden pixels hold a value, the same elsewhere."""
    pixels = noise(*HIDDEN.shape, dtype=dtype)
    pixels[:, HIDDEN] = value
    return pixels


def with_alpha(value: float) -> Array:
    return np.concatenate([filled(value), 255 * (~HIDDEN[None]).astype("uint8")])


@pytest.mark.parametrize("ratio", [1.0, 1.7], ids="ratio {}".format)
@pytest.mark.parametrize(
    ("scenes", "told"),
    [
        pytest.param([filled(0), filled(255)], [{"mask": ~HIDDEN}] * 2, id="internal mask"),
        pytest.param([with_alpha(0), with_alpha(255)], [{"alpha": True}] * 2, id="alpha"),
        pytest.param([filled(0), filled(255)], [{"nodata": 0}, {"nodata": 255}], id="declared nodata"),
    ],
)
def test_values_under_the_mask_change_no_byte(
    tmp_path: Path, network: Segmenter, scenes: list[Array], told: list[dict[str, object]], ratio: float
) -> None:
    answers = []
    for number, (pixels, options) in enumerate(zip(scenes, told, strict=True)):
        path = write_scene(tmp_path / f"{number}.tif", pixels, **options)  # type: ignore[arg-type]
        with open_scene(path, resolution=0.3 * ratio) as scene:
            answers.append(strip_of(scene, network, tmp_path / str(number), window=80)[0])
    assert_array_equal(answers[0], answers[1])
    assert 0.05 < (answers[0][0] == 1).mean() < 0.95


def test_nan_and_infinity_are_hidden_like_any_other_value(tmp_path: Path) -> None:
    network = segmenter_of(tiny_model(tmp_path / "m.safetensors", depth=2, dtype="float32", mean=0.0, std=50.0))
    answers = []
    for number, value in enumerate((np.nan, np.inf, -np.inf, 7.0)):
        told: dict[str, NDArray[np.bool_]] = {"mask": ~HIDDEN} if value == 7 else {}
        path = write_scene(tmp_path / f"{number}.tif", filled(value, "float32"), **told)  # type: ignore[arg-type]
        with open_scene(path) as scene:
            answers.append(strip_of(scene, network, tmp_path / str(number), window=80)[0])
    for answer in answers:
        assert_array_equal(answer, answers[0])
    assert_array_equal(answers[0] == NODATA, np.stack([HIDDEN, HIDDEN]))


@pytest.mark.parametrize("ratio", [1.0, 0.4, 1.7], ids="ratio {}".format)
def test_pixels_the_scene_does_not_have_are_nodata_in_both_bands_and_no_others(
    tmp_path: Path, network: Segmenter, ratio: float
) -> None:
    path = write_scene(tmp_path / "a.tif", filled(0), nodata=0)
    with open_scene(path, resolution=0.3 * ratio) as scene:
        answer, _ = strip_of(scene, network, tmp_path / "parts", window=80)
        valid = scene.read(scene.frame.window)[1].values[0]
    for band in answer:
        assert_array_equal(band == NODATA, ~valid)


@settings(deadline=None, max_examples=10)
@given(row=st.integers(0, 40), col=st.integers(0, 40), window=st.integers(72, 140), ratio=st.sampled_from((1.0, 1.6)))
def test_a_crop_of_the_scene_gives_the_crop_of_the_answer(
    *, tmp_path_factory: pytest.TempPathFactory, network: Segmenter, row: int, col: int, window: int, ratio: float
) -> None:
    here = tmp_path_factory.mktemp("crop")
    pixels = noise(190, 200)
    paths = (
        write_scene(here / "whole.tif", pixels),
        write_scene(here / "crop.tif", pixels[:, row : row + 150, col : col + 155], UTM.cropped(row, col)),
    )
    with open_scene(paths[0], resolution=0.3 * ratio) as whole, open_scene(paths[1], resolution=0.3 * ratio) as crop:
        full = scores_of(whole, network, 10_000)
        part = scores_of(crop, network, window)
        across, down = ~whole.frame.transform @ crop.frame.transform @ (0, 0)
    first = Window(round(down), round(across), *part.shape)
    context = network.card.halo + 2
    inner = slice(context, -context)
    assert part[inner, inner].size > 100
    assert np.abs(part - full[first.rows, first.cols])[inner, inner].max() <= 1e-5


@contextmanager
def three_rows(tmp_path: Path) -> Iterator[tuple[Scene, WindowGrid, Parts]]:
    path = write_scene(tmp_path / "a.tif", noise(100, 60))
    (tmp_path / "parts").mkdir(exist_ok=True)
    with open_scene(path) as scene:
        grid = grid_of(scene, BrightIsBuilding(), window=72)
        yield scene, grid, Parts(tmp_path / "parts", scene.frame, bands=2)


def contents(parts: Parts) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in parts.folder.glob("*.tif")}


def test_a_job_interrupted_between_parts_goes_on_and_ends_with_the_same_parts(tmp_path: Path) -> None:
    (tmp_path / "straight").mkdir()
    with three_rows(tmp_path / "straight") as (scene, grid, parts):
        assert predict_parts(scene, BrightIsBuilding(), grid, parts).parts == 3
        straight = contents(parts)
    with three_rows(tmp_path) as (scene, grid, parts):
        with pytest.raises(PowerCutError):
            predict_parts(scene, BrightIsBuilding(pieces_left=3), grid, parts)
        assert 0 < len(parts.finished()) < 3
    with three_rows(tmp_path) as (scene, grid, parts):
        resumed = predict_parts(scene, BrightIsBuilding(), grid, parts)
        assert resumed.parts_resumed > 0
        assert resumed.windows < len(grid)
        assert contents(parts) == straight


class Early(BrightIsBuilding):
    """Like a GPU, begins with windows when it is given them; notes when, and when the answers were fetched."""

    def __init__(self) -> None:
        super().__init__(begins_early=True)
        self.log: list[str] = []

    def predict(self, pieces: Iterable[Piece]) -> Iterator[Block]:
        self.log.append("given")
        return self._fetched(list(super().predict(pieces)))

    def _fetched(self, answers: list[Block]) -> Iterator[Block]:
        self.log.append("fetched")
        yield from answers


def test_what_begins_early_is_given_a_part_before_the_last_one_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "straight").mkdir()
    early = Early()
    with three_rows(tmp_path / "straight") as (scene, grid, parts):
        predict_parts(scene, BrightIsBuilding(), grid, parts)
        straight = contents(parts)
    with three_rows(tmp_path) as (scene, grid, parts):
        assert predict_parts(scene, early, grid, parts).parts == 3
        assert contents(parts) == straight
    assert early.log == ["given", "given", "fetched", "given", "fetched", "fetched"]


@pytest.mark.parametrize("damage", ["changed", "cut short", "gone"])
def test_a_damaged_part_is_made_again_and_the_others_are_not(tmp_path: Path, damage: str) -> None:
    with three_rows(tmp_path) as (scene, grid, parts):
        predict_parts(scene, BrightIsBuilding(), grid, parts)
        whole = contents(parts)
        path = sorted(parts.folder.glob("*.tif"))[1]
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:-1] + (b"x" if damage == "changed" else b""))
        assert len(parts.finished()) == 2
        assert predict_parts(scene, BrightIsBuilding(), grid, parts).parts_resumed == 2
        assert contents(parts) == whole


@pytest.mark.parametrize("bytes_lost", [1, 20, 100])
def test_a_journal_cut_short_loses_one_part_and_no_later_one(tmp_path: Path, bytes_lost: int) -> None:
    with three_rows(tmp_path) as (scene, grid, parts):
        predict_parts(scene, BrightIsBuilding(), grid, parts)
        journal = parts.folder / "journal.jsonl"
        journal.write_bytes(journal.read_bytes()[:-bytes_lost])
        predict_parts(scene, BrightIsBuilding(), grid, parts)
        assert len(parts.finished()) == 3


def test_an_error_of_the_network_is_raised_where_the_job_was_called(tmp_path: Path) -> None:
    with three_rows(tmp_path) as (scene, grid, parts), pytest.raises(PowerCutError):
        predict_parts(scene, BrightIsBuilding(pieces_left=0), grid, parts)


def test_a_part_that_cannot_be_written_ends_reading_and_predicting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    def full(self: Parts, block: Block) -> None:
        raise OutputError("no room")

    monkeypatch.setattr(Parts, "write", full)
    before = threading.active_count()
    with three_rows(tmp_path) as (scene, grid, parts):
        try:
            predict_parts(scene, BrightIsBuilding(), grid, parts)
        except OutputError as error:
            assert str(error) == "no room"  # noqa: PT017 (while the error is held, no thread may still read the scene)
            assert threading.active_count() == before, threading.enumerate()
        else:
            pytest.fail("the error was lost")


def test_a_scene_that_cannot_be_read_to_its_end_is_one_error(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "a.tif", noise(100, 60))
    path.write_bytes(path.read_bytes()[:9000])
    with (
        open_scene(path) as scene,
        pytest.raises(SceneError, match=r"a\.tif cannot be read at row \d+, column 0 .* truncated"),
    ):
        strip_of(scene, BrightIsBuilding(), tmp_path / "parts", window=72)


def test_windows_without_data_are_skipped_and_counted(tmp_path: Path) -> None:
    pixels = noise(100, 60)
    pixels[:, 45:] = 0
    with open_scene(write_scene(tmp_path / "a.tif", pixels, nodata=0)) as scene:
        answer, predicted = strip_of(scene, BrightIsBuilding(), tmp_path / "parts", window=72)
        grid = grid_of(scene, BrightIsBuilding(), 72)
    assert predicted.windows + predicted.windows_skipped == len(grid)
    assert predicted.windows_skipped > 0
    assert predicted.network_pixels == predicted.windows * grid.window_shape[0] * grid.window_shape[1]
    assert (answer[:, 45:] == NODATA).all()
    assert not (answer[:, :45] == NODATA).any()


def test_a_scene_of_nodata_alone_makes_an_empty_map(tmp_path: Path) -> None:
    pixels = np.zeros((3, 50, 60), dtype="uint8")
    with open_scene(write_scene(tmp_path / "a.tif", pixels, nodata=0)) as scene:
        answer, predicted = strip_of(scene, BrightIsBuilding(), tmp_path / "parts", window=72)
    assert answer.shape == (2, 50, 60)
    assert (answer == NODATA).all()
    assert predicted.windows == 0
