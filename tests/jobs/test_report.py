"""report.html: one file, the same for the same map, whatever of its surroundings is still there."""

import base64
import hashlib
import html
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from PIL import Image

from geounet.card import Architecture
from geounet.errors import SceneError
from geounet.io.picture import Smaller, averaged
from geounet.io.scene import open_scene
from geounet.jobs import report_overlays, report_scene, report_shapes
from geounet.jobs.evaluate import evaluate
from geounet.jobs.infer import infer
from geounet.jobs.report import LIMIT, write_report
from geounet.jobs.view import view
from geounet.report.images import flat, photograph
from tests.models import write_model
from tests.nn.cards import card_of
from tests.reports import patches, write_errors
from tests.scenes import (
    DEGREES_60N,
    NOWHERE,
    ROTATED,
    SOUTH_UP,
    UTM,
    Place,
    noise,
    three_buildings,
    write_polygons,
    write_scene,
)


class Elements(HTMLParser):
    """The elements of a page that a browser would see, and the texts of those that have an id."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str | None, str] = {}
        self._id: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._id = dict(attrs).get("id")

    def handle_data(self, data: str) -> None:
        self.texts[self._id] = self.texts.get(self._id, "") + data


def content_in(page: str) -> dict[str, Any]:
    """What a report's script is given."""
    content: dict[str, Any] = json.loads(Elements(page).texts["content"])
    return content


def content_of(report: Path) -> dict[str, Any]:
    return content_in(report.read_text(encoding="utf-8"))


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A scene of 150 x 170 px at 0.3 m in UTM."""
    return write_scene(tmp_path / "scene.tif", patches())


@pytest.fixture
def mapped(scene: Path, model: Path, tmp_path: Path) -> Path:
    """The map of the scene."""
    return infer(scene, model=model, out=tmp_path / "map", device="cpu", precision="fp32").out


def test_infer_ends_with_the_report_and_the_same_folder_gives_the_same_bytes(mapped: Path) -> None:
    first = (mapped / "report.html").read_bytes()
    assert write_report(mapped).read_bytes() == first
    assert len(first) < LIMIT
    content = content_of(mapped / "report.html")
    assert [overlay["id"] for overlay in content["overlays"]] == ["scene", "classes", "probability"]
    assert content["title"] == "Map of scene.tif"
    assert str(mapped.parent) not in first.decode()


def test_the_report_is_the_same_wherever_map_and_scene_are_moved_together(mapped: Path, tmp_path: Path) -> None:
    before = (mapped / "report.html").read_text(encoding="utf-8")
    elsewhere = tmp_path / "else" / "where"
    elsewhere.mkdir(parents=True)
    for name in ("scene.tif", "map"):
        (tmp_path / name).rename(elsewhere / name)
    # the model stayed: nothing of it is told
    told = content_of(write_report(elsewhere / "map"))
    was = content_in(before)
    assert told["overlays"] == was["overlays"]
    assert told["footprints"] == was["footprints"]
    assert ["Model", "it is not where it was"] in [[name, value.split("; ")[-1]] for name, value in told["summary"]]


def test_the_policy_allows_the_pages_own_scripts_and_styles_by_their_hashes_and_nothing_else(mapped: Path) -> None:
    text = (mapped / "report.html").read_text(encoding="utf-8")
    tags = Elements(text).tags
    policy = next(a["content"] for _, a in tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}
    assert rules["default-src"] == ["'none'"]
    assert rules["img-src"] == ["data:"]
    assert "unsafe" not in policy
    for kind in ("script", "style"):
        found = re.findall(rf"<{kind}>(.*?)</{kind}>", text, flags=re.DOTALL)
        digests = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in found]
        assert rules[f"{kind}-src"] == [f"'sha256-{digest}'" for digest in digests]
        assert len(found) == 2
    assert not [a for _, a in tags if any(key in ("src", "style") or key.startswith("on") for key in a)]
    assert [a["href"] for _, a in tags if "href" in a] == ["data:,", "#facts"]
    assert not re.search(r"url\((?!#)", "".join(re.findall(r"<style>(.*?)</style>", text, flags=re.DOTALL)))


def test_the_licence_of_leaflet_is_in_the_page(mapped: Path) -> None:
    text = html.unescape((mapped / "report.html").read_text(encoding="utf-8"))
    assert "Copyright (c) 2010-2023, Volodymyr Agafonkin" in text
    assert "Redistributions in binary form must reproduce the above copyright notice" in text


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(UTM, id="north-up"),
        pytest.param(SOUTH_UP, id="south-up"),
        pytest.param(ROTATED, id="rotated"),
        pytest.param(DEGREES_60N, id="in degrees"),
        pytest.param(NOWHERE, id="without a CRS"),
    ],
)
def test_footprints_lie_on_the_pixels_of_their_class(place: Place, model: Path, tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "scene.tif", patches(), place)
    made = infer(scene, model=model, out=tmp_path / "map", device="cpu", simplify=0, fill_holes=0.0, min_area=0.0)
    content = content_of(made.out / "report.html")
    with rasterio.open(made.out / "classes.tif") as raster:
        classes = raster.read(1)
    assert content["ground"]["shape"] == list(classes.shape)
    found = [rings for layer in content["footprints"] for polygons, _ in layer["shapes"] for rings in polygons]
    drawn = shapely.union_all([polygon_of(rings) for rings in found])
    rows, cols = np.nonzero(classes == 1)
    assert shapely.contains(drawn, shapely.points(cols + 0.5, rows + 0.5)).mean() > 0.97
    rows, cols = np.nonzero(classes == 0)
    assert shapely.contains(drawn, shapely.points(cols + 0.5, rows + 0.5)).mean() < 0.03


def polygon_of(rings: list[list[float]]) -> shapely.Polygon:
    shell, *holes = (np.reshape(ring, (-1, 2)) for ring in rings)
    return shapely.Polygon(shell, holes)


@pytest.mark.parametrize(
    ("place", "north", "is_wide"),
    [
        pytest.param(UTM, 0, False, id="north-up"),
        pytest.param(SOUTH_UP, 180, False, id="south-up"),
        pytest.param(ROTATED, 30, False, id="rotated"),
        pytest.param(DEGREES_60N, 0, False, id="in degrees"),
        pytest.param(Place(rasterio.Affine(3e-6, 0, 15, 0, -3e-6, 60), "EPSG:4326"), 0, True, id="square degrees"),
    ],
)
def test_ground_is_drawn_in_its_proportions_with_north_and_metres(
    place: Place, north: float, is_wide: bool, model: Path, tmp_path: Path
) -> None:
    scene = write_scene(tmp_path / "scene.tif", noise(60, 80), place)
    made = infer(scene, model=model, out=tmp_path / "map", device="cpu", no_vectors=True, no_resample=True)
    ground = content_of(made.out / "report.html")["ground"]
    assert abs((ground["north"] - north + 180) % 360 - 180) < 1.5  # meridians converge
    across, down = ground["aspect"]
    assert across * down == pytest.approx(1)
    # at 60 degrees north a degree of longitude is half as long as one of latitude
    assert across / down == pytest.approx(0.5 if is_wide else 1, rel=0.01)
    assert ground["metres"] == pytest.approx(np.sqrt(3e-6 * 55_800 * 3e-6 * 111_412) if is_wide else 0.3, rel=0.01)


def test_the_scene_lies_under_the_map_of_a_coarser_grid_of_its_own(tmp_path: Path, model: Path) -> None:
    finer = Place(UTM.transform @ rasterio.Affine.scale(1 / 3), UTM.crs)
    pixels = np.full((3, 240, 300), 40, "uint8")
    pixels[:, 90:150, 60:120] = 220  # metres 6 to 12 from the left, 9 to 15 from the top
    scene = write_scene(tmp_path / "scene.tif", pixels, finer)
    made = infer(scene, model=model, out=tmp_path / "map", device="cpu")
    content = content_of(made.out / "report.html")
    overlay = content["overlays"][0]
    left, top, right, bottom = overlay["place"]
    rows, cols = overlay["shape"]
    assert (rows, cols) == (240, 300)
    with rasterio.open(made.out / "classes.tif") as raster, rasterio.open(scene) as source:
        for col, row, x, y in ((0, 0, left, top), (300, 240, right, bottom)):
            assert raster.transform @ (x, y) == pytest.approx(source.transform @ (col, row), abs=1e-6)


def test_without_the_scene_the_report_says_so(mapped: Path, scene: Path) -> None:
    scene.unlink()
    content = content_of(write_report(mapped))
    assert [overlay["id"] for overlay in content["overlays"]] == ["classes", "probability"]
    assert content["notes"] == ["The scene that was mapped is not at hand, or has changed since: it is left out here."]


def test_a_report_that_is_made_again_fetches_nothing(mapped: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    summary = json.loads((mapped / "summary.json").read_text())
    summary["found_at"]["scenes"] = ["http://127.0.0.1:9/scene.tif"]
    (mapped / "summary.json").write_text(json.dumps(summary))
    assert "left out" in content_of(view(mapped))["notes"][0]
    assert "http://127.0.0.1:9/scene.tif would have to be fetched" in caplog.text


def test_another_scene_in_the_place_of_the_one_that_was_mapped_is_not_shown(mapped: Path, scene: Path) -> None:
    write_scene(scene, noise(150, 171, seed=3))
    assert "left out" in content_of(write_report(mapped))["notes"][0]


def test_ground_without_data_is_not_counted_as_mapped(model: Path, tmp_path: Path) -> None:
    pixels = np.full((3, 100, 200), 90, "uint8")
    pixels[:, :, :150] = 0
    scene = write_scene(tmp_path / "scene.tif", pixels, nodata=0)
    content = content_of(infer(scene, model=model, out=tmp_path / "map", device="cpu").out / "report.html")
    assert f" on {100 * 50 * 0.09:,.0f} m², mapped at 0.3 m a pixel" in content["lead"]


@pytest.mark.parametrize("name", ["metrics.json", "errors.gpkg", "footprints.gpkg", "classes.tif.aux.xml"])
def test_a_damaged_file_costs_its_part_of_the_report_and_no_more(mapped: Path, name: str) -> None:
    (mapped / name).write_bytes(b"no such thing")
    content = content_of(write_report(mapped))
    assert len(content["overlays"]) == 3
    assert any(name in note for note in content["notes"]) == name.endswith(".gpkg")


@pytest.mark.parametrize(
    ("name", "at", "value", "is_shown"),
    [
        ("job.json", ("bands",), [{}], False),
        ("job.json", ("scenes",), ["scene.tif"], False),
        ("summary.json", ("found_at", "scenes"), [], False),
        ("metrics.json", ("sweep", "best_iou"), {"threshold": float("inf")}, True),
    ],
)
def test_a_file_that_tells_nonsense_costs_its_part_of_the_report_and_no_more(
    mapped: Path, name: str, at: tuple[str, ...], value: object, is_shown: bool
) -> None:
    content = json.loads((mapped / name).read_text()) if (mapped / name).exists() else {"sweep": {"thresholds": []}}
    inner = content
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = value
    (mapped / name).write_text(json.dumps(content))
    told = content_of(write_report(mapped))
    assert (told["overlays"][0]["id"] == "scene") == is_shown
    assert any("is not at hand" in note for note in told["notes"]) != is_shown


def test_a_map_without_vectors_has_a_report_without_footprints(scene: Path, model: Path, tmp_path: Path) -> None:
    made = infer(scene, model=model, out=tmp_path / "map", device="cpu", no_vectors=True)
    content = content_of(made.out / "report.html")
    assert (content["footprints"], content["notes"]) == ([], [])
    assert content["lead"].startswith("1 class, no footprints on ")


def test_of_many_footprints_the_least_sure_are_shown_and_the_page_says_so(
    mapped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_shapes, "MOST_FOOTPRINTS", 4)
    content = content_of(write_report(mapped))
    (layer,) = content["footprints"]
    every = geopandas.read_file(mapped / "footprints.gpkg", layer="building")["confidence"]
    assert layer["total"] == len(every) > 4
    assert [facts["confidence"] for _, facts in layer["shapes"]] == sorted(every)[:4]
    assert [note for note in content["notes"] if f"Of {len(every):,} footprints the 4 that the model is" in note]


def test_a_picture_smaller_than_the_map_is_told_of(mapped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_overlays, "LARGEST", 100)
    content = content_of(write_report(mapped))
    assert content["notes"] == [
        "The pictures on this page are smaller than what they show: scene 86 × 98 of 150 × 170 pixels, "
        "classes 86 × 98 of 150 × 170 pixels, probability 86 × 98 of 150 × 170 pixels. "
        "The places listed are shown as sharp as the scene is."
    ]
    assert [overlay["place"] for overlay in content["overlays"]] == [[0, 0, 170, 150]] * 3


def test_places_that_are_listed_are_shown_as_sharp_as_the_scene_is(
    scene: Path, mapped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert content_of(mapped / "report.html")["closeUps"] == []  # there all is
    monkeypatch.setattr(report_overlays, "LARGEST", 60)
    monkeypatch.setattr(report_scene, "_AROUND", 20)
    content = content_of(write_report(mapped))
    (layer,) = content["footprints"]
    least = [np.reshape(polygons[0][0], (-1, 2)) for polygons, _ in layer["shapes"]][:50]
    assert len(content["closeUps"]) == len(least)
    for ring, one in zip(least, content["closeUps"], strict=True):
        left, top, right, bottom = one["place"]
        assert shapely.box(left, top, right, bottom).contains(shapely.Point((ring.min(0) + ring.max(0)) / 2))
        assert one["shape"] == [bottom - top, right - left]  # its own pixels
    assert "The places listed are shown as sharp as the scene is." in content["notes"][0]


def test_pictures_of_nothing_but_noise_keep_to_their_room() -> None:
    image = np.random.default_rng(0).integers(0, 256, (700, 900, 3), dtype=np.uint8)
    small = photograph(image, np.ones((700, 900), bool), room=60_000)
    assert small.room <= 60_000
    assert small.shape[0] < 700
    steps = image[..., 0] % 16
    assert flat(steps, [(v, v, v, 255) for v in range(16)], room=60_000).room <= 60_000
    with Image.open(io.BytesIO(flat(steps, [(9 * v, v, v, 255) for v in range(16)], 10**7).data)) as picture:
        assert (np.asarray(picture) == steps).all()


def test_outlines_of_very_many_vertices_are_simplified(mapped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def vertices(content: dict[str, Any]) -> int:
        (layer,) = content["footprints"]
        return sum(len(ring) // 2 for polygons, _ in layer["shapes"] for rings in polygons for ring in rings)

    most = vertices(content_of(mapped / "report.html")) // 3
    monkeypatch.setattr(report_shapes, "_VERTICES", most)
    assert 0 < vertices(content_of(write_report(mapped))) <= most


def test_eval_in_a_map_s_folder_makes_its_report_anew_with_scores_and_errors(mapped: Path, tmp_path: Path) -> None:
    labels = write_polygons(tmp_path / "labels.gpkg", three_buildings(UTM))
    first = (mapped / "report.html").read_bytes()
    elsewhere = evaluate(mapped, labels=labels, out=tmp_path / "scores")
    assert (elsewhere.report, (mapped / "report.html").read_bytes()) == (None, first)
    result = evaluate(mapped, labels=labels)
    assert result.report == mapped / "report.html"
    content = content_of(result.report)
    drawn = {layer["id"]: layer["total"] for layer in content["errors"]}
    counted = {layer: len(geopandas.read_file(mapped / "errors.gpkg", layer=layer)) for layer in drawn}
    assert drawn == counted
    assert sum(drawn.values()) > 0
    assert len(content["figures"]) > 1


def test_errors_and_scores_that_eval_wrote_are_shown(mapped: Path) -> None:
    write_errors(mapped)
    scores = {
        "pixel": {"iou": 0.5, "boundary_f1": {"1px": 0.25}},
        "objects": {
            "f1": 0.7,
            "by_size": {"below_50_m2": {"f1": 0.2, "truth": 3}, "from_50_m2": {"f1": None, "truth": 0}},
        },
        "intervals": {"level": 0.95, "pixel.iou": [0.4, 0.6]},
        "sweep": {
            "chosen": {"threshold": 0.5, "iou": 0.5},
            "best_iou": {"threshold": 0.4, "iou": 0.6},
            "advice": "--threshold 0.4",
            "thresholds": [{"threshold": t, "iou": t, "precision": t, "recall": None} for t in (0.2, 0.4)],
            "reliability": {"pixels": {"claimed": [0.1, 0.9], "right": [0.2, None]}},
        },
        "pixels_scored": 12_345,
    }
    (mapped / "metrics.json").write_text(json.dumps(scores))
    content = content_of(write_report(mapped))
    (errors,) = content["errors"]
    found = geopandas.read_file(mapped / "footprints.gpkg", layer="building")
    assert (errors["id"], errors["total"], len(errors["shapes"])) == ("false_positive", len(found), len(found))
    ((place,),), facts = content["worst"]["shapes"][0]
    with rasterio.open(mapped / "classes.tif") as raster:
        x, y = raster.transform @ place
    assert found.geometry[0].distance(shapely.Point(x, y)) < 0.01
    assert (facts["rank"], facts["what"], facts["link"]) == (1, "made up", "geo:1,2")
    tables = {table["title"]: table for table in content["figures"]}
    assert ["IoU", "0.500", "0.400 to 0.600"] in tables["Pixels"]["rows"]
    assert ["boundary F1 · 1 px", "0.250", ""] in tables["Pixels"]["rows"]
    assert tables["Buildings one by one, by size"]["rows"] == [["below 50 m²", "0.200", "3"], ["from 50 m²", "–", "0"]]
    assert tables["Threshold"]["note"] == "The best one: geounet infer --threshold 0.4"
    assert ["pixels scored", "12,345"] in tables["Scored"]["rows"]
    charts = {chart["title"]: chart["lines"] for chart in content["charts"]}
    assert charts["Scores by threshold"] == [["precision", [[0.2, 0.2], [0.4, 0.4]]], ["IoU", [[0.2, 0.2], [0.4, 0.4]]]]
    assert charts["Share that is right"] == [["pixels", [[0.1, 0.2]]]]


@pytest.mark.parametrize(("share", "said"), [(1.0, False), (0.25, True)])
def test_that_only_a_part_of_the_map_was_scored_is_said(mapped: Path, share: float, *, said: bool) -> None:
    with rasterio.open(mapped / "classes.tif") as raster:
        values = raster.read(1)
    scored = round(share * int((values != 255).sum()))
    scores = {"size": list(values.shape), "label_area": "<i>kept.gpkg", "pixels_scored": scored}
    (mapped / "metrics.json").write_text(json.dumps(scores))
    notes = [note for note in content_of(write_report(mapped))["notes"] if "was scored" in note]
    whole = "25% of the map was scored (inside <i>kept.gpkg); elsewhere nothing is marked, right or wrong."
    assert notes == ([whole] if said else [])


def test_a_new_map_in_the_folder_has_nothing_of_the_old_ones_scores(mapped: Path, scene: Path, model: Path) -> None:
    write_errors(mapped)
    (mapped / "metrics.json").write_text('{"pixel": {"iou": 1.0}}')
    infer(scene, model=model, out=mapped, device="cpu", precision="fp32", threshold=0.6, overwrite=True)
    content = content_of(mapped / "report.html")
    assert (content["errors"], [table["title"] for table in content["figures"]]) == ([], ["What was found"])
    assert not (mapped / "metrics.json").exists()


def test_a_map_of_several_classes_shows_each(tmp_path: Path) -> None:
    model = write_model(
        tmp_path / "m.safetensors", card_of(Architecture(width=4, depth=1, outputs=3), "house", "road & path"), seed=8
    )
    scene = write_scene(tmp_path / "scene.tif", patches(9, 9))
    content = content_of(infer(scene, model=model, out=tmp_path / "map", device="cpu").out / "report.html")
    assert [layer["name"] for layer in content["footprints"]] == ["house", "road & path"]
    assert [name for _, name in content["overlays"][1]["keys"]] == ["house", "road & path"]
    assert [row[0] for row in content["figures"][0]["rows"]] == ["house", "road & path"]


def test_a_picture_has_the_means_of_its_pixels_and_holds_few_rows_at_once(tmp_path: Path) -> None:
    pixels = noise(1100, 640)
    path = write_scene(tmp_path / "scene.tif", pixels, block=128)
    with open_scene(path) as scene:
        smaller = Smaller.of(scene.native.window, 550)
        strips = list(averaged(scene, smaller))
    assert smaller.shape == (550, 320)
    assert max(values.shape[1] for _, values, _ in strips) <= 128
    means = pixels.reshape(3, 550, 2, 320, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(np.concatenate([values for _, values, _ in strips], axis=1), means, rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9000), (5003, 3), (4097, 4096), (8192, 100)], ids=str)
def test_strips_of_a_picture_cover_its_window_once(shape: tuple[int, int]) -> None:
    from geounet.grid import Window

    smaller = Smaller.of(Window(7, 5, *shape), 4096)
    strips = list(smaller.strips())
    assert [rows.start for rows, _ in strips] == [0, *(rows.stop for rows, _ in strips[:-1])]
    assert strips[-1][0].stop == smaller.shape[0]
    assert max(smaller.shape) <= 4096
    edges = [(window.row, window.row + window.height) for _, window in strips]
    assert [first for first, _ in edges] == [7, *(last for _, last in edges[:-1])]
    assert edges[-1][1] == 7 + shape[0]


def test_a_folder_without_a_finished_map_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match=r"holds no finished map \(no whole summary.json\); run geounet infer"):
        write_report(tmp_path)
    with pytest.raises(SceneError, match="holds no report, nor a finished map or training; give infer's --out"):
        view(tmp_path)


def test_view_makes_a_report_that_is_missing_or_older_than_what_it_shows(mapped: Path) -> None:
    report = mapped / "report.html"
    made = report.stat().st_mtime_ns
    assert view(mapped) == report
    assert report.stat().st_mtime_ns == made
    report.unlink()
    assert "What was found" in view(mapped).read_text(encoding="utf-8")
    (mapped / "metrics.json").write_text('{"pixel": {"iou": 0.125}}')
    assert "0.125" in view(mapped).read_text(encoding="utf-8")
    assert view(report) == report
    shutil.move(report, mapped.parent / "report.html")
    assert view(mapped.parent) == mapped.parent / "report.html"
