"""geounet view"""

import json
import os
import sys
from pathlib import Path

import click

from .options import PATH, common


@click.command("view")
@click.argument("folder", metavar="OUT", type=PATH)
@click.option("--no-open", is_flag=True, help="Only say where it is.")
@common
def command(folder: Path, no_open: bool, as_json: bool, quiet: bool, verbose: bool) -> None:
    """Open the report of a finished map (or training) OUT in the browser; it is made where it is missing.

    On a machine without a display it says where the report is.
    """
    from geounet.jobs.view import view

    report = view(folder).absolute()
    is_opened = not no_open and _has_display() and _opened(report)
    if as_json:
        click.echo(json.dumps({"report": str(report), "opened": is_opened}))
    elif not quiet:
        click.echo(report)


def _has_display() -> bool:
    """Whether a browser has where to show itself; one that the environment names is believed to."""
    return sys.platform in ("darwin", "win32") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")))


def _opened(report: Path) -> bool:
    import webbrowser

    return webbrowser.open(report.as_uri())
