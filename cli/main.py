"""The `geounet` command: subcommands are imported when asked for, errors become one line."""

import logging
import os
import platform
import signal
import sys
import threading
from difflib import get_close_matches
from importlib import import_module

import click

from geounet import __version__
from geounet.errors import GeoUNetError, PeerError

from .options import is_first_process

# command -> its line in `geounet --help`: listing them must not import them
_COMMANDS = {
    "tile": "Cut training windows from scenes and labels (or padded windows for inference).",
    "train": "Train a U-Net on training windows, or on scenes and labels in one step.",
    "infer": "Map a scene: class and probability rasters, and footprints for QGIS.",
    "stitch": "Merge predictions of padded windows into one raster.",
    "vectorize": "Turn a class or probability raster into polygons.",
    "eval": "Score a map against labels.",
    "view": "Open the report of a map, or of a training, in the browser.",
    "info": "Tell about a scene, model, training windows or map.",
    "demo": "Do all of it on the sample town: tile, train, infer, score.",
}

# what other tools call them
_OTHER_WORDS = {
    "predict": "infer",
    "segment": "infer",
    "map": "infer",
    "chip": "tile",
    "chips": "tile",
    "prepare": "tile",
    "fit": "train",
    "learn": "train",
    "merge": "stitch",
    "mosaic": "stitch",
    "polygonize": "vectorize",
    "score": "eval",
    "evaluate": "eval",
    "metrics": "eval",
    "inspect": "info",
    "describe": "info",
    "show": "view",
    "open": "view",
}

# how a command that was interrupted is continued; the others begin anew
_GO_ON = {
    "infer": "run the same command again to go on",
    "train": "run the same command with --resume to go on",
}


class _LazyGroup(click.Group):
    """A group that knows its commands' names and imports the one that runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if not self._is_of_a_command(ctx, error.option_name):
                raise
            where = f"Options stand behind their command: geounet COMMAND {error.option_name}"
            raise click.UsageError(f"{error.format_message()} {where}", ctx) from error

    def _is_of_a_command(self, ctx: click.Context, option: str) -> bool:
        commands = (self.get_command(ctx, name) for name in _COMMANDS)
        return any(option in (*one.opts, *one.secondary_opts) for c in commands if c is not None for one in c.params)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(f"No such command '{args[0]}'.{_meant(args[0])}", ctx)
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = import_module(f".{cmd_name}", __package__).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


def _meant(word: str) -> str:
    """A guess at the command that was meant, by its letters or by what other tools call it; empty without one.

    >>> _meant("infre"), _meant("predict"), _meant("xyz")
    (" Did you mean 'infer'?", " Did you mean 'infer'?", '')
    """
    near = next(iter(get_close_matches(word.casefold(), [*_COMMANDS, *_OTHER_WORDS], n=1)), "")
    name = _OTHER_WORDS.get(near, near)
    return f" Did you mean '{name}'?" if name in _COMMANDS else ""


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="geounet")
def cli() -> None:
    """Segment large georeferenced rasters and map building footprints, without seams."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with 0 (done), 1 (an error), 2 (wrong usage) or 130 (interrupted)."""
    words = sys.argv[1:] if arguments is None else arguments
    verbose = "--verbose" in words
    quiet = "--quiet" in words or not is_first_process()
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.ERROR if quiet else logging.INFO,
        format="%(levelname)s %(name)s: %(message)s" if verbose else "%(message)s",
        stream=sys.stderr,
    )
    for noisy in ("rasterio", "matplotlib", "pyogrio", "fiona", "PIL", "torch"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    log = logging.getLogger(__name__)
    log.debug("geounet %s, Python %s on %s", __version__, platform.python_version(), platform.platform())
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what schedulers send is an interruption like Ctrl-C
    threads = threading.active_count()
    try:
        status = cli.main(args=words, prog_name="geounet", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is leaving
        _fail("interrupted; " + _GO_ON.get(words[0] if words else "", "run the same command again to begin anew"))
        if threading.active_count() > threads:  # after a second Ctrl-C one may compute on: it would end in an abort
            os._exit(130)
        sys.exit(130)
    except PeerError:  # the one that failed first has said why
        sys.exit(1)
    except GeoUNetError as error:
        if verbose:
            log.debug("where it came from", exc_info=error)
        _fail(str(error))
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str) -> None:
    click.echo("Error: " + " ".join(message.split()), err=True)
