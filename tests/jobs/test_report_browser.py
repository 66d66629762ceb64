"""report.html in a real Chromium: what a reader sees and clicks, and what nobody can smuggle in."""

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas
import pytest
from matplotlib.image import imread

from geounet.block import Array
from geounet.jobs.infer import infer
from geounet.jobs.report import write_report
from tests.browser import chromium, opened_page
from tests.reports import patches, write_errors
from tests.scenes import NOWHERE, UTM, Place, write_scene

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

_EVIL = """"><img src=x onerror="alert('run')"><script>alert('run')</script>"""
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    """A map; it is not written to."""
    return mapped(tmp_path_factory.mktemp("plain"), model)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    """A map with errors and scores; it is not written to."""
    folder = mapped(tmp_path_factory.mktemp("evaluated"), model)
    write_errors(folder)
    (folder / "metrics.json").write_text(json.dumps({"pixel": {"iou": 0.5}}))
    write_report(folder)
    return folder


def mapped(folder: Path, model: Path, place: Place = UTM, name: str = "scene.tif") -> Path:
    scene = write_scene(folder / name, patches(), place)
    return infer(scene, model=model, out=folder / "map", device="cpu", precision="fp32", min_area=20).out


def seen(page: "Page", folder: Path) -> Array:
    """The map as it is drawn, (h, w, 4) 0..1."""
    path = folder.parent / "seen.png"
    page.locator("#map").screenshot(path=path)
    picture: Array = imread(path)
    return picture


def click_on_footprint(page: "Page", folder: Path) -> None:
    """Click where the largest footprint is drawn, as a reader would."""
    content = page.evaluate("JSON.parse(document.getElementById('content').textContent)")
    table = geopandas.read_file(folder / "footprints.gpkg", layer="building")
    place = table.geometry[table.area.idxmax()].representative_point()
    height, width = content["ground"]["shape"]
    picture = page.locator(".picture-scene").bounding_box()
    assert picture is not None
    left, top = UTM.transform.c, UTM.transform.f
    x, y = (place.x - left) / (0.3 * width), (top - place.y) / (0.3 * height)
    page.mouse.click(picture["x"] + x * picture["width"], picture["y"] + y * picture["height"])


def test_a_report_opens_without_a_complaint_and_asks_for_nothing(browser: "Browser", plain: Path) -> None:
    with opened_page(browser, plain / "report.html") as (page, heard):
        assert page.title() == "Map of scene.tif – geounet report"
        assert page.locator("h1").inner_text() == "Map of scene.tif"
        assert page.locator("#look").is_visible()
        assert page.locator(".picture-scene").evaluate("image => image.naturalWidth") == 170
        assert seen(page, plain)[..., :3].std() > 0.1
    assert (heard.requests, heard.complaints) == ([], [])


@pytest.mark.parametrize("layer", ["scene", "classes", "probability", "footprints-0"])
def test_each_layer_comes_and_goes_by_its_switch(browser: "Browser", plain: Path, layer: str) -> None:
    with opened_page(browser, plain / "report.html") as (page, heard):
        box = page.locator(f"#layer-{layer}")
        first = seen(page, plain)
        was_on = box.is_checked()
        box.click()
        second = seen(page, plain)
        assert box.is_checked() != was_on
        assert (first != second).any(axis=-1).mean() > 0.01
        box.click()
        assert (seen(page, plain) == first).all()
    assert heard.complaints == []


def test_a_slider_makes_its_picture_fade(browser: "Browser", plain: Path) -> None:
    with opened_page(browser, plain / "report.html") as (page, _):
        page.locator("#layer-probability").check()
        slider = page.get_by_role("slider", name="Opacity of Probability")
        full = seen(page, plain)
        slider.fill("20")
        assert page.locator(".picture-probability").evaluate("image => image.style.opacity") == "0.2"
        assert (seen(page, plain) != full).any(axis=-1).mean() > 0.05
        slider.press("Home")
        assert page.locator(".picture-probability").evaluate("image => image.style.opacity") == "0"


def test_a_click_on_a_footprint_opens_what_is_known_of_it(browser: "Browser", plain: Path) -> None:
    table = geopandas.read_file(plain / "footprints.gpkg", layer="building")
    largest = table.loc[table.area.idxmax()]
    with opened_page(browser, plain / "report.html") as (page, heard):
        assert not page.locator(".leaflet-popup").count()
        click_on_footprint(page, plain)
        told = page.locator(".leaflet-popup dl").inner_text().split("\n")
        facts = dict(zip(told[::2], told[1::2], strict=False))
        assert facts["class"] == "building"
        assert facts["area"] == f"{largest['area_m2']:,.0f} m²"
        assert float(facts["confidence"]) == pytest.approx(largest["confidence"], abs=1e-3)
        page.get_by_role("button", name="Close popup").click()
        assert not page.locator(".leaflet-popup").count()
    assert heard.complaints == []


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_one_click_flies_to_the_most_doubtful_footprint(browser: "Browser", plain: Path, motion: str) -> None:
    with opened_page(browser, plain / "report.html", reduced_motion=motion) as (page, _):
        before = page.locator(".scalebar").inner_text()
        listed = page.get_by_role("region", name="Where to look first").get_by_role("button")
        first = listed.first
        first.click()
        table = geopandas.read_file(plain / "footprints.gpkg", layer="building")
        flags = table.sort_values("confidence").head(50)["flags"]
        in_words = sum("at the edge" in text for text in listed.all_inner_texts())
        assert in_words == flags.str.contains("edge").sum() > 0
        assert f"{table['confidence'].min():.2f}" in first.inner_text()
        page.locator(".leaflet-popup").wait_for()
        assert page.locator(".scalebar").inner_text() != before
        assert "The map shows footprint 1." in (page.locator("#said").text_content() or "")


def test_errors_are_shown_with_switches_and_the_worst_place_is_one_click_away(
    browser: "Browser", evaluated: Path
) -> None:
    with opened_page(browser, evaluated / "report.html") as (page, heard):
        errors = page.get_by_role("checkbox", name="Made up: in the map alone")
        assert errors.is_checked()
        assert not page.get_by_role("checkbox", name="Footprints").is_checked()
        with_errors = seen(page, evaluated)
        errors.click()
        assert (seen(page, evaluated) != with_errors).any(axis=-1).mean() > 0.01
        page.get_by_role("region", name="Worst places").get_by_role("button").first.click()
        popup = page.locator(".leaflet-popup")
        assert popup.locator("h3").inner_text() == "1. Made up"
        assert popup.get_by_role("link").get_attribute("href") == "geo:1,2"
        assert page.get_by_role("row", name="IoU 0.500").is_visible()
    assert (heard.requests, heard.complaints) == ([], [])


def test_a_map_without_a_crs_is_drawn_in_pixels_without_north(browser: "Browser", model: Path, tmp_path: Path) -> None:
    folder = mapped(tmp_path, model, NOWHERE)
    with opened_page(browser, folder / "report.html") as (page, heard):
        assert re.fullmatch(r"\d+ px", page.locator(".scalebar").inner_text())
        assert not page.locator(".north").count()
        page.locator(".places button").first.click()
        assert re.search(r"area\n[\d.,]+ px²", page.locator(".leaflet-popup dl").inner_text())
    assert heard.complaints == []


def test_names_attributes_and_legends_that_are_hostile_stay_texts(
    browser: "Browser", model: Path, tmp_path: Path
) -> None:
    name = "<img src=x onerror=alert(1)>.tif"
    folder = mapped(tmp_path, model, name=name)
    sidecar = folder / "classes.tif.aux.xml"
    hostile = _EVIL.replace("&", "&amp;").replace("<", "&lt;")
    sidecar.write_text(sidecar.read_text().replace("<Category>building", f"<Category>{hostile}"))
    with sqlite3.connect(folder / "footprints.gpkg") as database:
        # GeoPackage's own triggers need functions that only GDAL brings
        for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{trigger}"')
        database.execute("UPDATE building SET class = ?, flags = ?, confidence = 0.01 WHERE fid = 1", (_EVIL, _EVIL))
    write_errors(folder)
    with sqlite3.connect(folder / "errors.gpkg") as database:
        for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{trigger}"')
        database.execute("ALTER TABLE worst ADD COLUMN constructor TEXT DEFAULT 'nobody'")
        database.execute("UPDATE worst SET what = ?, link = ?", (_EVIL, "javascript:alert('run')"))
    (folder / "metrics.json").write_text(json.dumps({"pixel": {_EVIL: 0.5, "note": _EVIL}, "</script>": {_EVIL: 1}}))
    with opened_page(browser, write_report(folder)) as (page, heard):
        assert page.locator("h1").inner_text() == f"Map of {name}"
        assert page.locator(".keys").get_by_text(_EVIL, exact=True).count() == 1
        assert page.locator("table").get_by_text(_EVIL).count() >= 3
        page.get_by_role("region", name="Worst places").get_by_role("button").first.click()
        popup = page.locator(".leaflet-popup")
        assert _EVIL in popup.inner_text()
        assert not popup.get_by_role("link").count()
        assert "constructor\nnobody" in popup.inner_text()
        assert popup.get_by_text("javascript:alert('run')").is_visible()
        assert page.locator("img").evaluate_all("all => all.every(image => image.src.startsWith('data:'))")
        assert page.locator("script").count() == 4
    assert (heard.requests, heard.complaints) == ([], [])


def test_a_script_that_came_into_the_page_would_not_run(browser: "Browser", plain: Path, tmp_path: Path) -> None:
    text = (plain / "report.html").read_text(encoding="utf-8")
    attack = (
        "<script>document.title = 'run'</script><img src='https://a.example/x.png' onerror=\"document.title='run'\">"
    )
    (tmp_path / "attacked.html").write_text(text.replace("</main>", f"{attack}</main>"), encoding="utf-8")
    with opened_page(browser, tmp_path / "attacked.html") as (page, heard):
        assert page.title() == "Map of scene.tif – geounet report"
    assert any("Content Security Policy" in complaint for complaint in heard.complaints)


@pytest.mark.parametrize("context", [{}, PHONE], ids=["desktop", "phone"])
def test_no_width_makes_the_page_scroll_sideways(
    browser: "Browser", evaluated: Path, context: dict[str, object]
) -> None:
    with opened_page(browser, evaluated / "report.html", **context) as (page, _):
        wide, room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide <= room


def test_all_is_reached_by_the_keyboard_in_the_order_of_the_page(browser: "Browser", evaluated: Path) -> None:
    with opened_page(browser, evaluated / "report.html") as (page, _):
        reached = []
        for _ in range(9):
            page.keyboard.press("Tab")
            reached.append(
                page.evaluate("document.activeElement.id || document.activeElement.getAttribute('aria-label')")
            )
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert reached[0] is None  # the link that skips the map
    assert reached[1:6] == ["map", "Zoom in", "Zoom out", "Whole map", "layer-false_positive"]
    with opened_page(browser, evaluated / "report.html") as (page, _):
        page.locator("#map").focus()
        before = page.locator(".scalebar").inner_text()
        for _ in range(4):
            page.keyboard.press("+")
        assert page.locator(".scalebar").inner_text() != before


def test_every_control_has_a_name_and_every_picture_a_text(browser: "Browser", evaluated: Path) -> None:
    with opened_page(browser, evaluated / "report.html") as (page, _):
        unnamed = page.evaluate(
            """[...document.querySelectorAll("input, button, a[role=button]")].filter((node) =>
                !(node.labels?.length || node.getAttribute("aria-label") || node.textContent.trim())).length"""
        )
        assert unnamed == 0
        assert page.locator("img:not([alt])").count() == 0
        assert page.locator("main").count() == page.locator("h1").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_their_ground_in_light_and_dark(browser: "Browser", evaluated: Path, scheme: str) -> None:
    with opened_page(browser, evaluated / "report.html", color_scheme=scheme) as (page, _):
        pairs = page.evaluate(
            """[...document.querySelectorAll("h1, #lead, td, th, caption, label, .hint, footer p")].map(node => {
                const filled = (one) => getComputedStyle(one).backgroundColor;
                let ground = node;
                while (filled(ground) === "rgba(0, 0, 0, 0)") ground = ground.parentElement ?? document.body;
                return [getComputedStyle(node).color, filled(ground)];
            })"""
        )
    assert len(pairs) > 20
    for text, ground in pairs:
        # WCAG 2.1, 1.4.3
        assert contrast(text, ground) >= 4.5, (text, ground)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours as WCAG 2.1 defines it."""
    lights = []
    for colour in (one, other):
        shares = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
        red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
        lights.append(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    return (max(lights) + 0.05) / (min(lights) + 0.05)
