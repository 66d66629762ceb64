"""Every example in README and docs runs as it stands there, but for the length of the training."""

import re
import shlex
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Sequence
from pathlib import Path

import click
import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from geounet_cli.main import cli, main
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


def run(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, *, more: Sequence[str] = ()) -> None:
    """A line of an example; of a training only the length, the width and the number of processes are others."""
    monkeypatch.chdir(folder)
    given = shlex.split(command, comments=True)
    words = [name for word in given for name in sorted(map(str, Path().glob(word))) or [word]]
    if "--minutes" in words:
        place = words.index("--minutes")
        del words[place : place + 2]
    short = [*SHORT, *(["--batch-size", "4"] if "--accumulate" in words or words[0] == "torchrun" else [])]
    if words[0] == "torchrun":
        words[words.index("--nproc-per-node") + 1] = "2"
        started = [sys.executable, "-m", "torch.distributed.run", *words[1:], *short, *more]
        subprocess.run(started, check=True, timeout=300)
        return
    assert words[0] == "geounet", command
    with pytest.raises(SystemExit) as left:
        main([*words[1:], *(short if words[1] == "train" else []), *more])
    assert left.value.code == 0, command


def lines_of(page: str, language: str = "sh") -> list[str]:
    """The commands of a page, in their order."""
    return [line for block in blocks(language, page) for line in block.splitlines() if line]


def test_the_commands_of_the_readme_run_in_their_order(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = lines_of("README.md")
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
    for command in lines_of("docs/mapping.md"):
        run(command, desk, monkeypatch, more=["--overwrite"])
        out = desk / shlex.split(command)[-1]
        assert (out / "footprints.gpkg" if out.is_dir() else out).stat().st_size > 0


def test_the_commands_of_the_page_on_scores_run(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    if not (desk / "run").exists():
        run("geounet train orthophoto.tif --labels buildings.geojson --out run", desk, monkeypatch)
    if not (desk / "map").exists():
        run("geounet infer orthophoto.tif --model run --out map --threshold 0.4", desk, monkeypatch)
    for command in (line for block in blocks("sh", "docs/metrics.md") for line in block.splitlines()):
        run(command, desk, monkeypatch)
    for name in ("map/metrics.json", "map/errors.gpkg", "map/sweep.png", "polygons_alone/metrics.json"):
        assert (desk / name).stat().st_size > 0


def test_the_commands_of_the_page_on_labels_run(
    desk: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    labels_of_all_kinds(desk)
    caplog.set_level("INFO")
    for command in lines_of("docs/labels.md"):
        run(command, desk, monkeypatch, more=[] if " info " in command else ["--overwrite"])
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
    for command in lines_of("docs/training.md"):
        run(command, desk, monkeypatch, more=["--overwrite"])
        assert (desk / shlex.split(command)[-1] / "MODEL.md").stat().st_size > 0


def test_the_python_example_of_the_readme_runs(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    (code,) = blocks("python")
    assert "minutes=10" in code
    exec(compile(code.replace("minutes=10", "steps=2, width=2, batch_size=1"), "README.md", "exec"), {})  # noqa: S102
    assert (desk / "mapped" / "footprints.gpkg").exists()


def test_the_tutorial_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sample_tiles").symlink_to(ROOT / "sample_tiles")
    commands = lines_of("docs/tutorial.md")
    assert len(commands) >= 10
    for command in commands:
        run(command, tmp_path, monkeypatch)
    for name in (
        "scene.png",
        "chips.png",
        "run/samples.png",
        "map/map.qgz",
        "map.png",
        "generous.gpkg",
        "better/MODEL.md",
    ):
        assert (tmp_path / name).stat().st_size > 0


def test_the_examples_of_the_page_on_models_run(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("geounet train orthophoto.tif --labels buildings.geojson --out run --overwrite", desk, monkeypatch)
    run("geounet tile orthophoto.tif --labels buildings.geojson --out chips --overwrite", desk, monkeypatch)
    run("geounet infer orthophoto.tif --model run --out map --overwrite", desk, monkeypatch)
    for command in lines_of("docs/models.md"):
        run(command, desk, monkeypatch)
    (code,) = blocks("python", "docs/models.md")
    capsys.readouterr()
    exec(compile(code, "docs/models.md", "exec"), {})  # noqa: S102
    assert "['background', 'building']" in capsys.readouterr().out
    assert (desk / "run_info.png").stat().st_size > 0


def test_the_examples_of_the_page_on_python_run_in_their_order(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    codes = blocks("python", "docs/python.md")
    assert len(codes) >= 6
    names: dict[str, object] = {}
    for code in codes:
        short = code.replace("steps=2000", "steps=2, width=2, batch_size=1, device='cpu'")
        exec(compile(short, "docs/python.md", "exec"), names)  # noqa: S102
    for name in ("map/footprints.gpkg", "large.geojson", "city/summary.json", "watched/map.qgz", "merged.tif"):
        assert (desk / "py" / name).stat().st_size > 0
    assert not (desk / "py" / "nothing").exists()


RUN = (
    "README.md",
    *(f"docs/{name}.md" for name in ("labels", "mapping", "metrics", "models", "python", "report", "training")),
)
ALL = ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]


@pytest.mark.parametrize("page", ALL)
def test_every_example_is_one_that_a_test_runs_or_a_command_that_could_be_given(page: str) -> None:
    """What is not run (it installs, serves, or takes data that is not here) is `console`, and its options exist."""
    text = (ROOT / page).read_text(encoding="utf-8")
    languages = set(re.findall(r"^```(\w*)$", text, flags=re.MULTILINE)) - {""}
    assert languages <= {"sh", "python", "console"}
    assert not languages & {"sh", "python"} or page in (*RUN, "docs/tutorial.md")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(re.findall(r"geounet\[(\w+)\]", text)) <= extras.keys()
    for line in "\n".join(blocks("console", page)).replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words and words[0] == "geounet":
            command = cli.get_command(click.Context(cli), words[1])
            assert command is not None
            command.make_context(words[1], words[2:])
        elif words and words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


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
