"""geounet info"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from .options import PATH, common

_WIDEST = 40  # letters of a bar


@click.command("info")
@click.argument("file", type=PATH)
@common
def command(file: Path, as_json: bool, quiet: bool, verbose: bool) -> None:
    """Tell about FILE: a scene, a model, a folder of training windows, or a map."""
    from geounet.jobs.inform import inform

    facts = inform(file)
    if as_json:
        click.echo(json.dumps(facts))
        return
    is_chips = facts["kind"] == "training windows"
    for name, value in facts.items():
        if is_chips and name in ("windows", "shares", "origin"):  # drawn below, or too long to be read
            continue
        shown = json.dumps(value) if isinstance(value, dict | list) else "none" if value is None else value
        click.echo(f"{name:<24} {shown}")
    if is_chips:
        for line in _drawn(facts):
            click.echo(line)


def _drawn(facts: Mapping[str, Any]) -> Iterator[str]:
    """Lines of a table: windows and shares of the classes by split, with bars; and how far apart splits are."""
    yield ""
    most = max(facts["windows"].values())
    for split, count in facts["windows"].items():
        yield f"{split:<24} {count:>7,} windows {_bar(count / most)}"
        for name, share in facts["shares"][split].items():
            yield f"  {name:<22} {share:>13.1%}   {_bar(share)}"
    for pair in facts["origin"].get("leakage", ()):
        apart = "on different images" if pair["nearest"] is None else f"{pair['nearest']:.1f} {pair['unit']} apart"
        common = f"{pair['shared']} windows share pixels" if pair["shared"] else "no pixel in common"
        yield f"{pair['first']} and {pair['second']}: {common}, the nearest windows are {apart}"


def _bar(share: float) -> str:
    return "#" * round(_WIDEST * share)
