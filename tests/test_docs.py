"""Every example in README and docs runs as it stands there, but for the length of the training."""

import re
import shlex
import warnings
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from geounet_cli.main import main
from rasterio.errors import NotGeoreferencedWarning
from rasterio.features import rasterize
from rasterio.windows import Window

ROOT = Path(__file__).parents[1]
SHORT = ["--steps", "2", "--width", "2", "--batch-size", "1", "--device", "cpu"]


def blocks(language: str, page: str = "README.md") -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the examples name: a corner of the sample town, its labels, and the part that was labelled."""
    folder = tmp_path_factory.mktemp("desk")
    with rasterio.open(ROOT / "sample_tiles" / "town_train.tif") as town:
        window = Window(600, 600, 640, 512)
        profile = town.profile | {"height": 512, "width": 640, "transform": town.window_transform(window)}
        with rasterio.open(folder / "orthophoto.tif", "w", **profile) as scene:
            scene.write(town.read(window=window))
        bounds = shapely.box(*town.window_bounds(window))
        crs = town.crs
    geopandas.read_file(ROOT / "sample_tiles" / "town_train.gpkg").to_file(folder / "buildings.geojson")
    geopandas.GeoSeries([bounds], crs=crs).to_crs(4326).to_file(folder / "labelled.geojson")
    geopandas.GeoSeries([bounds.buffer(-30)], crs=crs).to_crs(4326).to_file(folder / "district.geojson")
    (folder / "sheets").mkdir()
    with rasterio.open(folder / "orthophoto.tif") as scene:
        for col in (0, 320):
            half = Window(col, 0, 320, 512)
            profile = scene.profile | {"width": 320, "transform": scene.window_transform(half)}
            with rasterio.open(folder / "sheets" / f"{col}.tif", "w", **profile) as sheet:
                sheet.write(scene.read(window=half))
    return folder


def run(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    words = [name for word in shlex.split(command) for name in sorted(map(str, Path().glob(word))) or [word]]
    assert words[0] == "geounet", command
    extra = SHORT if words[1] == "train" else []
    with pytest.raises(SystemExit) as left:
        main([*words[1:], *extra])
    assert left.value.code == 0, command


def test_the_commands_of_the_readme_run_in_their_order(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = [line for block in blocks("sh") for line in block.splitlines() if line]
    assert len(commands) > 10
    for command in commands:
        run(command, desk, monkeypatch)
    files = re.findall(r"^\| `([\w.]+)` \|", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(files) > 5
    for name in files:
        assert (desk / "map" / name).stat().st_size > 0
        assert (desk / "orthophoto_map" / name).stat().st_size > 0


def test_the_commands_of_the_page_on_mapping_run(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    if not (desk / "run").exists():
        run("geounet train orthophoto.tif --labels buildings.geojson --out run", desk, monkeypatch)
    for command in (line for block in blocks("sh", "docs/mapping.md") for line in block.splitlines()):
        run(f"{command} --overwrite", desk, monkeypatch)
        out = desk / shlex.split(command)[-1]
        assert (out / "footprints.gpkg" if out.is_dir() else out).stat().st_size > 0


def test_the_commands_of_the_page_on_labels_run(
    desk: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    labels_of_all_kinds(desk)
    caplog.set_level("INFO")
    for command in (line for block in blocks("sh", "docs/labels.md") for line in block.splitlines()):
        run(command if " info " in command else f"{command} --overwrite", desk, monkeypatch)
    assert "labels of orthophoto.tif are moved by -2." in caplog.text


def labels_of_all_kinds(desk: Path) -> None:
    """The labels that the page on them names, made of the town's."""
    with rasterio.open(desk / "orthophoto.tif") as scene:
        buildings = geopandas.read_file(desk / "buildings.geojson").to_crs(scene.crs)
        pixels, profile = scene.read(), scene.profile | {"compress": "deflate", "photometric": "MINISBLACK"}
        mask = rasterize(buildings.geometry, scene.shape, transform=scene.transform, dtype="uint8")
    plain = {"driver": "GTiff", "height": 128, "width": 128, "dtype": "uint8"}
    buildings.translate(2.4, 1.5).to_file(desk / "drifted.geojson")
    folders = (
        "images",
        "masks",
        *(f"massachusetts/{split}{end}" for split in ("train", "val") for end in ("", "_labels")),
    )
    for name in folders:
        (desk / name).mkdir(parents=True)
    with (
        rasterio.open(desk / "mask.tif", "w", **profile | {"count": 1}) as one,
        rasterio.open(desk / "coloured.tif", "w", **profile) as other,
    ):
        one.write(mask * 255, 1)
        other.write(np.stack([mask * 200, mask * 30, mask * 30]))
    (desk / "class_dict.csv").write_text("name,r,g,b\nbackground,0,0,0\nroof,200,30,30\n")
    (desk / "massachusetts" / "class_dict.csv").write_text("name,r,g,b\nbackground,0,0,0\nbuilding,255,255,255\n")
    with warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning):
        for number, row in enumerate((0, 128, 256, 384)):
            part = np.s_[row : row + 128, 256:384]
            split = "massachusetts/" + ("val" if number == 3 else "train")
            for folder, ending, values in (
                ("images", "tiff", pixels[:, *part]),
                ("masks", "png", mask[None, *part] * 255),
                (split, "tiff", pixels[:, *part]),
                (f"{split}_labels", "tif", np.stack([mask[part] * 255] * 3)),
            ):
                driver = {"driver": "PNG" if ending == "png" else "GTiff", "count": len(values)}
                with rasterio.open(desk / folder / f"{number}.{ending}", "w", **plain | driver) as image:
                    image.write(values)


def test_the_examples_of_the_page_on_training_run(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    (code,) = blocks("python", "docs/training.md")
    exec(compile(code, "docs/training.md", "exec"), {})  # noqa: S102
    for command in (line for block in blocks("sh", "docs/training.md") for line in block.splitlines()):
        run(f"{command} --overwrite", desk, monkeypatch)
        assert (desk / shlex.split(command)[-1] / "MODEL.md").stat().st_size > 0


def test_the_python_example_of_the_readme_runs(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    (code,) = blocks("python")
    assert "minutes=10" in code
    exec(compile(code.replace("minutes=10", "steps=2, width=2, batch_size=1"), "README.md", "exec"), {})  # noqa: S102
    assert (desk / "mapped" / "footprints.gpkg").exists()


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))])
def test_what_a_page_links_to_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert links or page != "README.md"
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_the_command_of_the_page_on_the_report_runs(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    if not (desk / "map").exists():
        run("geounet train orthophoto.tif --labels buildings.geojson --out run", desk, monkeypatch)
        run("geounet infer orthophoto.tif --model run --out map", desk, monkeypatch)
    (command,) = (line for block in blocks("sh", "docs/report.md") for line in block.splitlines())
    (desk / "map" / "report.html").unlink()
    run(command, desk, monkeypatch)
    assert (desk / "map" / "report.html").stat().st_size > 0
