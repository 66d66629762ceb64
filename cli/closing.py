"""What a command says at its end: what it made, and which of it to open next."""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

_LABEL = 16  # letters before a path


def closing(done: str, *rows: tuple[str, Path | str]) -> None:
    """Print a line that says what was done, and below it a row for each file that is there, or command to go on with.

    Args:
        rows: what it is for, and a path (shown where it exists), or the words of a command.
    """
    click.echo(done)
    for line in _lines(rows):
        click.echo(line)


def _lines(rows: tuple[tuple[str, Path | str], ...]) -> Iterator[str]:
    for label, what in rows:
        if isinstance(what, str) or what.exists():
            yield f"  {label:<{_LABEL}} {what}"


def quoted(path: Path) -> str:
    """A path as a shell takes it.

    >>> quoted(Path("my map"))
    "'my map'"
    """
    return shlex.quote(str(path))


def of_flags(flagged: int, flags: Mapping[str, int]) -> list[tuple[str, Path | str]]:
    """How many footprints bear a flag that asks for a look, and which.

    >>> of_flags(14, {"edge": 12, "regularized": 104, "refused": 3})
    [('to look at', '14: 12 edge, 3 refused (attribute flags)')]
    """
    told = ", ".join(f"{count:,} {name}" for name, count in flags.items() if name != "regularized")
    return [("to look at", f"{flagged:,}: {told} (attribute flags)")] if flagged else []


def of_map(folder: Path) -> list[tuple[str, Path | str]]:
    """What to open of the folder of a map, the most telling first."""
    return [
        ("report", folder / "report.html"),
        ("in QGIS", folder / "map.qgz"),
        ("at a glance", folder / "preview.png"),
        ("footprints", folder / "footprints.gpkg"),
    ]


def of_run(folder: Path) -> list[tuple[str, Path | str]]:
    """What to look at of a training run before it is trusted."""
    return [
        ("how it learned", folder / "curves.png"),
        ("what it sees", folder / "samples.png"),
        ("model card", folder / "MODEL.md"),
    ]
