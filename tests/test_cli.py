"""The command line: quick help, exit codes, one JSON document, jobs that are not done twice."""

import contextlib
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import pytest
from geounet_cli.progress import progress
from numpy.testing import assert_array_equal

from tests.command import files_below, geounet
from tests.scenes import noise, write_scene

COMMANDS = ("tile", "train", "infer", "stitch", "vectorize", "eval", "view", "info", "demo")
EXACT = ("--device", "cpu", "--precision", "fp32")

HELP = """
import json, resource, sys
from geounet_cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as left:
    status = left.code
spent = resource.getrusage(resource.RUSAGE_SELF)
heavy = {"torch", "rasterio", "geopandas", "numpy", "shapely", "pyogrio", "matplotlib", "scipy", "albumentations"}
told = {"status": status, "heavy": sorted(heavy & sys.modules.keys()), "seconds": spent.ru_utime + spent.ru_stime}
print(json.dumps(told), file=sys.stderr)
"""


@pytest.mark.parametrize("words", [[], *([name] for name in COMMANDS)], ids=["geounet", *COMMANDS])
def test_help_answers_quickly_and_loads_nothing_heavy(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HELP, *words, "--help"], capture_output=True, text=True, check=True, timeout=120
    )
    told = json.loads(done.stderr)
    assert told["status"] == 0
    assert told["heavy"] == []
    assert told["seconds"] < 1  # of processor time; 0.1 to 0.3 on an idle machine
    assert done.stdout.startswith("Usage: geounet")


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    told = geounet(capsys, "--help")
    named = [line.split()[0] for line in told.out.partition("Commands:")[2].splitlines() if line.startswith("  ")]
    assert [name for name in named if name in COMMANDS] == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_verbose_quiet_and_speak_json(capsys: pytest.CaptureFixture[str], name: str) -> None:
    told = geounet(capsys, name, "--help")
    assert [option for option in ("--json", "--quiet", "--verbose") if option not in told.out] == []


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["fly"], id="no such command"),
        pytest.param(["infer"], id="no scene"),
        pytest.param(["infer", "a.tif"], id="no model"),
        pytest.param(["tile", "a.tif"], id="no labels"),
        pytest.param(["tile", "a.tif", "b.tif", "--inference", "--out", "w"], id="two scenes for inference"),
        pytest.param(["tile", "a.tif", "--inference"], id="inference without out"),
        pytest.param(["infer", "a.tif", "--model", "m", "--wings", "2"], id="no such option"),
        pytest.param(["infer", "a.tif", "--model", "m", "--bands", "red"], id="bands that are no numbers"),
        pytest.param(["infer", "a.tif", "--model", "m", "--bands", "0,1"], id="band 0"),
        pytest.param(["infer", "a.tif", "--model", "m", "--window", "big"], id="window that is no number"),
        pytest.param(["infer", "a.tif", "--model", "m", "--window", "64.5"], id="half a pixel"),
        pytest.param(["infer", "a.tif", "--model", "m", "--nodata", "black"], id="nodata that is no number"),
        pytest.param(["infer", "a.tif", "--model", "m", "--compress", "rar"], id="no such compression"),
        pytest.param(["tile", "a.tif", "--labels", "l.gpkg", "--gsd", "-1"], id="negative resolution"),
        pytest.param(["tile", "a.tif", "--labels", "l.gpkg", "--gsd", "nan"], id="resolution nan"),
    ],
)
def test_wrong_usage_leaves_with_2_and_writes_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    told = geounet(capsys, *words)
    assert told.status == 2
    assert told.out == ""
    assert "Usage: geounet" in told.err
    assert not list(tmp_path.iterdir())


def test_an_option_that_no_command_has_is_not_sent_behind_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert geounet(capsys, "-v").err.splitlines()[-1] == "Error: No such option '-v'."


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["infre"], "Did you mean 'infer'?"),
        (["predict"], "Did you mean 'infer'?"),
        (["Evaluate"], "Did you mean 'eval'?"),
        (["polygonise"], "Did you mean 'vectorize'?"),
        (["xyzzy"], "No such command 'xyzzy'."),
        (["infer", "a", "--treshold", "0.4"], "'--threshold'?"),
        (["train", "--epoch", "3"], "'--epochs'?"),
        (["--quiet", "info", "a"], "Options stand behind their command: geounet COMMAND --quiet"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_mistyped_is_guessed(capsys: pytest.CaptureFixture[str], words: list[str], meant: str) -> None:
    told = geounet(capsys, *words)
    assert told.status == 2
    assert meant in told.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("geounet ve", ["plain,vectorize"]),
        ("geounet infer --out", ["plain,--out", "plain,--output-grid"]),
        ("geounet infer --stitch ", ["plain,exact", "plain,hann"]),
        ("geounet infer ortho", ["file,ortho"]),
        ("geounet train --init r", ["file,r"]),
    ],
)
def test_a_shell_completes_commands_options_values_and_files(words: str, wanted: list[str]) -> None:
    """As bash asks, by the variable that click's script sets."""
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")), "_GEOUNET_COMPLETE": "bash_complete"}
    done = subprocess.run(
        [sys.executable, "-c", "from geounet_cli.main import main; main()"],
        capture_output=True, text=True, check=True, timeout=60, env=os.environ | asked,
    )  # fmt: skip
    assert done.stdout.split() == wanted


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_the_completion_is_printed(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from geounet_cli.main import main; main()"],
        capture_output=True, text=True, check=False, timeout=60,
        env=os.environ | {"_GEOUNET_COMPLETE": f"{shell}_source"},
    )  # fmt: skip
    assert "_GEOUNET_COMPLETE" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_command_ends_with_what_to_open_next_as_far_as_it_is_there(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, scene: Path, labels: Path, model: Path
) -> None:
    told = geounet(capsys, "infer", scene, "--model", model, "--out", tmp_path / "my map", *EXACT)
    named = [Path(line[line.index(str(tmp_path)) :]) for line in told.out.splitlines()[1:-1] if str(tmp_path) in line]
    assert f"  in QGIS          {tmp_path / 'my map' / 'map.qgz'}" in told.out.splitlines()
    assert told.out.splitlines()[-1] == f"  next             geounet eval '{tmp_path / 'my map'}' --labels LABELS"
    assert [path.name for path in named] == ["report.html", "map.qgz", "preview.png", "footprints.gpkg"]
    assert all(path.exists() for path in named)
    without = geounet(capsys, "infer", scene, "--model", model, "--no-vectors", "--out", tmp_path / "r", *EXACT)
    assert "footprints" not in without.out
    again = geounet(capsys, "vectorize", tmp_path / "my map" / "probability.tif")
    flagged = json.loads((tmp_path / "my map" / "summary.json").read_text())["flagged"]
    assert flagged > 0
    for ending in (told.out, again.out):
        assert f"\n  to look at       {flagged:,}: " in ending
    assert "to look at" not in without.out
    assert all(len(line) <= 80 + len(str(tmp_path)) for line in (told.out + without.out).splitlines())


def test_an_error_leaves_with_1_and_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    told = geounet(capsys, "infer", tmp_path / "none.tif", "--model", tmp_path)
    assert told.status == 1
    assert told.err == told.error + "\n"


@pytest.mark.parametrize("verbose", [False, True], ids=["plain", "verbose"])
def test_only_verbose_shows_a_traceback(tmp_path: Path, verbose: bool) -> None:
    words = ["infer", str(tmp_path / "none.tif"), "--model", str(tmp_path), *(["--verbose"] if verbose else [])]
    done = subprocess.run(
        [sys.executable, "-m", "geounet_cli", *words], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 1
    assert ("Traceback" in done.stderr) == verbose
    assert done.stderr.splitlines()[-1].startswith("Error: ")
    assert done.stdout == ""


def test_an_interrupted_command_leaves_with_130_and_says_how_to_go_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, scene: Path, model: Path
) -> None:
    from geounet.jobs import infer as job

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "infer", interrupted)
    told = geounet(capsys, "infer", scene, "--model", model)
    assert told.status == 130
    assert told.error == "Error: interrupted; run the same command again to go on"


def test_json_is_one_document_and_nothing_else_on_stdout(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, scene: Path, labels: Path, model: Path
) -> None:
    out = tmp_path / "map"
    summary = json.loads(geounet(capsys, "infer", scene, "--model", model, "--out", out, "--json", *EXACT).out)
    assert summary == json.loads((out / "summary.json").read_text())
    assert summary["size"] == [150, 170]

    chips = json.loads(geounet(capsys, "tile", scene, "--labels", labels, "--size", 32, "--stride", 32, "--json").out)
    assert chips["out"] == str(tmp_path / "scene_chips")
    assert sum(chips["windows"].values()) > 3

    metrics = json.loads(geounet(capsys, "eval", out, "--labels", labels, "--json").out)
    assert 0 <= metrics["pixel"]["iou"] <= 1

    windows = tmp_path / "windows"
    words = ("--inference", "--window", 64, "--halo", 16, "--out", windows, "--json")
    cut = json.loads(geounet(capsys, "tile", scene, *words).out)
    stitched = json.loads(geounet(capsys, "stitch", windows, "--out", tmp_path / "s.tif", "--json").out)
    assert cut["windows"] == stitched["windows"] == len(list(windows.glob("*.tif")))

    polygons = json.loads(geounet(capsys, "vectorize", out / "probability.tif", "--json").out)
    assert polygons["polygons"] == {"building": summary["polygons"]}
    assert (polygons["flags"], polygons["flagged"]) == (summary["flags"], summary["flagged"])
    short = ("--steps", 1, "--width", 2, "--batch-size", 1, "--device", "cpu", "--json")
    trained = geounet(capsys, "train", tmp_path / "scene_chips", "--out", tmp_path / "run", *short)
    assert json.loads(trained.out)["steps"] == 1
    for file in (scene, tmp_path / "scene_chips", tmp_path / "run", out, windows, out / "footprints.gpkg"):
        assert json.loads(geounet(capsys, "info", file, "--json").out)["kind"]


def test_the_same_map_again_is_told_to_be_finished_and_another_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, scene: Path, model: Path
) -> None:
    words = ("infer", scene, "--model", model, *EXACT)
    assert geounet(capsys, *words).status == 0
    before = files_below(tmp_path)
    again = geounet(capsys, *words)
    assert again.status == 0
    assert "was finished before by the same job; nothing to do" in again.out
    other = geounet(capsys, *words, "--threshold", 0.3)
    assert other.status == 1
    assert "holds the output of another job (it differs in --threshold (was 0.5))" in other.error
    assert files_below(tmp_path) == before
    assert geounet(capsys, *words, "--threshold", 0.3, "--overwrite").status == 0


def test_the_same_windows_again_are_told_to_be_finished_and_others_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, scene: Path, labels: Path
) -> None:
    words = ("tile", scene, "--labels", labels, "--size", 32, "--stride", 32)
    assert geounet(capsys, *words).status == 0
    before = files_below(tmp_path)
    again = geounet(capsys, *words)
    assert again.status == 0
    assert "before" in again.out + again.err
    other = geounet(capsys, *words, "--seed", 1)
    assert other.status == 1
    assert other.error.endswith("give --overwrite")
    assert files_below(tmp_path) == before


def test_quiet_shows_nothing_but_the_result(capsys: pytest.CaptureFixture[str], scene: Path, model: Path) -> None:
    told = geounet(capsys, "infer", scene, "--model", model, "--no-vectors", "--quiet", *EXACT)
    assert told.status == 0
    assert told.err == ""


def test_stitching_cut_windows_gives_the_scene_back_byte_for_byte(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import rasterio

    pixels = noise(130, 110, bands=2, dtype="uint16")
    scene = write_scene(tmp_path / "a.tif", pixels)
    words = ("--inference", "--window", 80, "--halo", 16, "--out", tmp_path / "w")
    assert geounet(capsys, "tile", scene, *words).status == 0
    assert geounet(capsys, "stitch", tmp_path / "w", "--out", tmp_path / "b.tif").status == 0
    with rasterio.open(scene) as one, rasterio.open(tmp_path / "b.tif") as other:
        assert_array_equal(other.read(), pixels)
        assert (one.crs, one.transform) == (other.crs, other.transform)


def test_on_a_terminal_a_bar_shows_stage_rate_and_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress() as track:
        tracked = track(range(4), "training", total=4, unit="windows", tell=lambda number: f"loss {number}")
        assert list(tracked) == [0, 1, 2, 3]
    told = capsys.readouterr()
    assert told.out == ""
    for words in ("training", "100 %", "windows/s", "loss 3"):
        assert words in told.err


def test_on_a_terminal_of_80_columns_log_lines_stand_above_the_bar_and_nothing_is_wider() -> None:
    """In a terminal of its own, as people see it."""
    code = (
        "import logging, sys, time\n"
        "from geounet_cli.progress import progress\n"
        "logging.basicConfig(level=logging.INFO, format='%(message)s', stream=sys.stderr)\n"
        "with progress() as track:\n"
        "    words = dict(total=1234, unit='windows', tell=lambda i: f'loss {i}, IoU 0.673')\n"
        "    for i in track(range(1234), 'tracing a class with a long name', **words):\n"
        "        if i == 600: time.sleep(0.3); logging.info('a note'); time.sleep(0.3)\n"
    )
    shown = in_a_terminal(code, columns=80)
    assert "a note" in shown
    assert max(len(line) for line in shown) <= 80
    bar = shown[-1]
    for words in ("tracing a class w…", "100 %", "windows/s", "loss 1233"):
        assert words in bar


def in_a_terminal(code: str, *, columns: int) -> list[str]:
    """What some Python code shows in a terminal of its own, line after line, as often as a line is written anew."""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=end, stdout=end, stderr=end, env=environment | {"TERM": "xterm"}
    )
    os.close(end)
    written = b""
    with contextlib.suppress(OSError):  # that of a terminal whose other end is closed
        while some := os.read(terminal, 65536):
            written += some
    os.close(terminal)
    assert process.wait(timeout=60) == 0, written.decode()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.decode())
    return [line for line in re.split(r"[\r\n]+", text) if line.strip()]


def test_progress_off_a_terminal_is_a_line_for_each_stage(
    capsys: pytest.CaptureFixture[str], scene: Path, model: Path
) -> None:
    told = geounet(capsys, "infer", scene, "--model", model, "--no-vectors", *EXACT)
    (line,) = (line for line in told.err.splitlines() if line.startswith("predicting: "))
    assert line.startswith("predicting: 0.0255 Mpx in 0:0")
    assert np.all([ord(letter) >= 32 for letter in line])
