"""Small values: what they refuse, and that what was written is read again."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geounet.card import Architecture, ModelCard, network_outputs
from geounet.chips import ChipsCard, ChipWindow
from geounet.errors import ChipsError, LegendError, ModelError, OutputError, SettingsError
from geounet.files import identity, whole_file, whole_folder
from geounet.legend import Legend, LegendClass
from geounet.rule import LEVELS, cut_level

BUILDING = Legend.of_names("building")
CARD = ModelCard(
    architecture=Architecture(bands=2, width=8, depth=3),
    colours=("red", "undefined"),
    dtype="uint16",
    mean=(300.0, 500.5),
    std=(20.0, 1.0),
    ground_resolution=None,
    halo=48,
    alignment=8,
    legend=BUILDING,
    training={"step": 3, "iou": None},
)
CHIPS = ChipsCard(
    size=32,
    stride=16,
    dtype="float32",
    colours=("gray",),
    mean=(0.5,),
    std=(1.5,),
    fill=(0.5,),
    ground_resolution=0.3,
    legend=BUILDING,
    windows=(
        ChipWindow(0, 0, 16, "train", 1.0, (0.75, 0.25)),
        ChipWindow(1, 32, 0, "val", 0.5, (1.0, 0.0)),
    ),
    origin={"scenes": ["a.tif"]},
)


def test_a_model_card_is_read_as_it_was_written() -> None:
    assert ModelCard.from_json(CARD.to_json()) == CARD
    assert ModelCard.from_json(CARD.with_training(iou=0.5).to_json()).training == {"step": 3, "iou": 0.5}


def test_a_chips_card_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "chips.json").write_text(CHIPS.to_json())
    assert ChipsCard.read(tmp_path) == CHIPS
    assert (CHIPS.of_split("train"), CHIPS.of_split("val"), CHIPS.of_split("test")) == ((0,), (1,), ())


def changed(text: str, **keys: object) -> str:
    return json.dumps(json.loads(text) | keys)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("{", "cannot be read", id="half"),
        pytest.param("[]", "cannot be read", id="a list"),
        pytest.param(changed(CARD.to_json(), format=2), "later format than 1; update geounet", id="format"),
        pytest.param(changed(CARD.to_json(), mean=[1.0]), "2 bands must give a colour, mean and dev", id="mean"),
        pytest.param(changed(CARD.to_json(), std=[1.0, 0.0]), "deviations .* must be above 0", id="std"),
        pytest.param(changed(CARD.to_json(), contact_width=0.5), "1 outputs does not fit a legend of 2", id="outputs"),
        pytest.param(changed(CARD.to_json(), wings=2), "cannot be read", id="an unknown key"),
        pytest.param(changed(CARD.to_json(), architecture={"width": 0}), "width 0 of a network must be", id="width"),
        pytest.param(
            changed(CARD.to_json(), architecture={"name": "yolo"}), "architecture 'yolo' is unknown", id="name"
        ),
    ],
)
def test_a_model_card_that_contradicts_itself_is_refused(text: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        ModelCard.from_json(text)


def test_a_folder_without_chips_is_told_how_to_get_some(tmp_path: Path) -> None:
    with pytest.raises(ChipsError, match=r"holds no chips\.json; make training windows with `geounet tile`"):
        ChipsCard.read(tmp_path)


@pytest.mark.parametrize(
    ("names", "contact", "outputs"),
    [
        pytest.param(("building",), False, 1, id="one logit for background and building"),
        pytest.param(("building",), True, 3, id="contact makes it three"),
        pytest.param(("house", "shed"), False, 3, id="one for each of three classes"),
    ],
)
def test_a_network_has_as_many_outputs_as_its_legend_asks_for(
    names: tuple[str, ...], contact: bool, outputs: int
) -> None:
    assert network_outputs(Legend.of_names(*names), contact=contact) == outputs


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        pytest.param([], "a legend of 0 classes", id="empty"),
        pytest.param([(0, "a", "#ffffff"), (2, "b", "#000000")], r"class ids \[0, 2\] must be", id="a gap"),
        pytest.param([(0, "a", "#ffffff"), (1, "a", "#000000")], "must be different", id="a name twice"),
        pytest.param([(0, "a", "#ffffff"), (1, "", "#000000")], "not empty", id="no name"),
        pytest.param([(0, "a", "#ffffff"), (1, "b", "red")], "colour 'red' of class 'b'", id="a colour by name"),
    ],
)
def test_a_legend_that_contradicts_itself_is_refused(classes: list[tuple[int, str, str]], words: str) -> None:
    with pytest.raises(LegendError, match=words):
        Legend(tuple(LegendClass(*row) for row in classes))


@pytest.mark.parametrize("rows", [None, {}, [1], [{"id": 0}]], ids=["none", "a dict", "numbers", "keys missing"])
def test_a_legend_of_another_shape_is_refused(rows: object) -> None:
    with pytest.raises(LegendError, match="a legend must be a list of id, name and colour"):
        Legend.from_json(rows)


@given(st.integers(1, LEVELS))
def test_the_cut_of_a_level_s_own_probability_is_that_level(level: int) -> None:
    assert cut_level(level / LEVELS) == level


@pytest.mark.parametrize("threshold", [0.0, -0.5, 1.01, float("nan")])
def test_a_threshold_that_is_no_probability_is_refused(threshold: float) -> None:
    with pytest.raises(SettingsError, match="must be above 0 and at most 1"):
        cut_level(threshold)


def fails(path: Path) -> None:
    (path / "a").write_text("half") if path.is_dir() else path.write_text("half")
    raise ZeroDivisionError("our own bug")


def is_full(path: Path) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("work", "error", "words"),
    [
        pytest.param(fails, ZeroDivisionError, "our own bug", id="a bug"),
        pytest.param(is_full, OutputError, r"(file|folder) cannot be written \(No space left", id="a full disk"),
    ],
)
def test_what_fails_half_way_leaves_what_was_there(
    tmp_path: Path, work: Callable[[Path], None], error: type[Exception], words: str
) -> None:
    (tmp_path / "file").write_text("before")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_text("before")
    with pytest.raises(error, match=words), whole_file(tmp_path / "file") as unfinished:
        work(unfinished)
    with pytest.raises(error, match=words), whole_folder(tmp_path / "folder", overwrite=True, marker="a") as unfinished:
        work(unfinished)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == ["file", "folder", "folder/a"]
    assert (tmp_path / "file").read_text() == (tmp_path / "folder" / "a").read_text() == "before"


def test_a_folder_of_other_things_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "scene.tif").write_text("precious")
    with (
        pytest.raises(OutputError, match=r"photos holds other things \(there is no chips.json in it\)"),
        whole_folder(tmp_path / "photos", overwrite=True, marker="chips.json"),
    ):
        pass
    assert (tmp_path / "photos" / "scene.tif").read_text() == "precious"


def test_a_replaced_folder_leaves_nothing_of_the_old_one(tmp_path: Path) -> None:
    for text in ("old", "new"):
        with whole_folder(tmp_path / "chips", overwrite=True, marker="new") as unfinished:
            (unfinished / "new").write_text(text)
    assert [path.name for path in tmp_path.iterdir()] == ["chips"]
    assert (tmp_path / "chips" / "new").read_text() == "new"


@pytest.mark.parametrize("name", ["contact", "layer_styles", "a/b", '"; drop', "<b>", "", " x"])
def test_class_names_that_a_geopackage_cannot_hold_are_refused(name: str) -> None:
    with pytest.raises(LegendError, match="class name"):
        Legend.of_names(name)


def test_class_names_that_differ_in_capitals_alone_are_refused() -> None:
    with pytest.raises(LegendError, match="differ in more than capitals"):
        Legend.of_names("House", "house")


def test_remote_files_of_one_name_are_told_apart() -> None:
    assert identity("https://a.example/2019/ortho.tif") != identity("https://a.example/2023/ortho.tif")


def test_a_whole_file_has_the_rights_that_any_new_file_has(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    with whole_file(tmp_path / "ours") as unfinished:
        unfinished.write_text("all")
        assert not (tmp_path / "ours").exists()
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_card_with_other_statistics_is_another_card() -> None:
    assert replace(CARD, mean=(1.0, 2.0)).to_json() != CARD.to_json()
