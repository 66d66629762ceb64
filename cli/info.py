"""geounet info"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from .options import PATH, common
from .progress import progress

_WIDEST = 40  # letters of a bar
_SHORTER = {"peak_memory_mb": "peak memory", "megapixels_per_second": "speed"}  # their units stand behind the values
_SIDES = ("size", "window")
_UNITS = {
    **dict.fromkeys((*_SIDES, "halo", "alignment"), (",", " px")),
    "ground_resolution": (".3g", " m a pixel"),
    "contact_width": (".3g", " m"),
    "peak_memory_mb": (",.0f", " MB"),
    "megapixels_per_second": ("g", " Mpx/s"),
}
_BESIDE = "beside FILE"  # where a picture goes that was given no name


@click.command("info")
@click.argument("file", type=PATH)
@click.option(
    "--picture",
    type=str,
    is_flag=False,
    flag_value=_BESIDE,
    metavar="[PNG]",
    help="Draw it, too: a scene, training windows, a model or a map.  [default: FILE_info.png]",
)
@common
def command(file: Path, picture: str | None, as_json: bool, quiet: bool, verbose: bool) -> None:
    """Tell about FILE: scene, model or training run, training windows, map, its rasters or polygons, padded windows.

    Of an unfinished map or training it says so, and how to go on. Write --picture behind FILE, or --picture=PNG.
    """
    from geounet.jobs.inform import inform

    with progress(quiet=quiet or as_json) as track:
        facts = dict(inform(file, track))
    if picture is not None:
        facts["picture"] = str(_drawn_to(file, picture))
    if as_json:
        click.echo(json.dumps(facts))
        return
    is_chips = facts["kind"] == "training windows"
    for name, value in facts.items():
        if is_chips and name in ("windows", "shares", "origin"):  # drawn below, or too long to be read
            continue
        for line in _told(name, value):
            click.echo(line)
    if is_chips:
        for line in _drawn(facts):
            click.echo(line)


def _drawn_to(file: Path, picture: str) -> Path:
    from geounet.files import beside
    from geounet.jobs.picture import write_picture

    out = beside(file.resolve(), "_info.png") if picture == _BESIDE else Path(picture)
    if out.suffix.casefold() != ".png":
        raise click.BadParameter(f"{picture} does not end in .png", param_hint="--picture")
    write_picture(file, out)
    return out


def _told(name: str, value: object, indent: str = "") -> Iterator[str]:
    """Lines of a fact; what has names of its own goes below, by two letters to the right."""
    label = indent + (name if name.isupper() else name.replace("_", " "))  # upper case: a key as it stands in a file
    if isinstance(value, Mapping) and value:
        yield label
        for inner, one in value.items():
            yield from _told(str(inner), one, f"{indent}  ")
    else:
        label, text = (label, None) if indent else (_SHORTER.get(name, label), _measured(name, value))
        yield f"{label:<24} {_in_words(value) if text is None else text}".rstrip()


def _measured(name: str, value: object) -> str | None:
    """A measure with its unit, width before height as GIS say it; None for what is none.

    >>> _measured("size", [605, 1214]), _measured("size", 256), _measured("ground_resolution", 0.5005687842)
    ('1,214 x 605 px', '256 px', '0.501 m a pixel')
    """
    if name in _SIDES and isinstance(value, list) and len(value) == 2:
        return " x ".join(f"{side:,}" for side in reversed(value)) + " px"
    if name in _UNITS and isinstance(value, int | float):
        return format(value, _UNITS[name][0]) + _UNITS[name][1]
    return None


def _in_words(value: object) -> str:
    """
    >>> _in_words([30.25, 4]), _in_words(None), _in_words(31037633), _in_words(True)
    ('30.25, 4', 'none', '31,037,633', 'yes')
    """
    if value is None or value in ([], {}):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_in_words(one) if not isinstance(one, dict) else json.dumps(one) for one in value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _drawn(facts: Mapping[str, Any]) -> Iterator[str]:
    """Lines of a table: windows and shares of the classes by split, with bars; and how far apart splits are."""
    yield ""
    most = max(facts["windows"].values())
    for split, count in facts["windows"].items():
        yield f"{split:<24} {count:>7,} window{' ' if count == 1 else 's'} {_bar(count / most)}"
        for name, share in facts["shares"][split].items():
            yield f"  {name:<22} {share:>13.1%}   {_bar(share)}"
    for pair in facts["origin"].get("leakage", ()):
        apart = "on different images" if pair["nearest"] is None else f"{pair['nearest']:.1f} {pair['unit']} apart"
        common = f"{pair['shared']} windows share pixels" if pair["shared"] else "no pixel in common"
        yield f"{pair['first']} and {pair['second']}: {common}, the nearest windows are {apart}"


def _bar(share: float) -> str:
    return "#" * round(_WIDEST * share)
