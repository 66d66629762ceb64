"""geounet info"""

import json
from pathlib import Path

import click

from .options import PATH, common


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
    for name, value in facts.items():
        shown = json.dumps(value) if isinstance(value, dict | list) else "none" if value is None else value
        click.echo(f"{name:<24} {shown}")
