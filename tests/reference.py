"""docs/cli.md, made of the commands themselves: `python -m tests.reference` writes it."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
from geounet_cli.main import cli

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
_COMMON = ("as_json", "quiet", "verbose")  # which every command has

_HEAD = """\
# The command line

`geounet COMMAND ARGUMENTS [OPTIONS]`. This page is made of what `geounet COMMAND --help` says
(`python -m tests.reference`).

| command | |
|---|---|
{commands}

## For every command

| option | |
|---|---|
{common}

| it leaves with | |
|---|---|
| 0 | done; also where the same job was finished before, which it says |
| 1 | the job could not be done: one line says what was found, where, and what to do ([all](troubleshooting.md)) |
| 2 | wrong usage; what was mistyped is guessed |
| 130 | interrupted, by Ctrl-C or SIGTERM; the line says how to go on |

Progress goes to stderr: on a terminal a bar for each stage with its rate and the time that is left, elsewhere (in a log
file) a line every ten seconds and one at the end of each stage. What was made, and which of it to open next, is printed
on stdout. Output goes to a temporary name first and is renamed when it is whole.

## Completion in the shell

Once, in the file that your shell reads at its start:

| shell | file | line |
|---|---|---|
| bash | `~/.bashrc` | `eval "$(_GEOUNET_COMPLETE=bash_source geounet)"` |
| zsh | `~/.zshrc` | `eval "$(_GEOUNET_COMPLETE=zsh_source geounet)"` |
| fish | `~/.config/fish/completions/geounet.fish` | `_GEOUNET_COMPLETE=fish_source geounet \\| source` |

Then the Tab key completes commands, options, their values, and files.
"""


def page() -> str:
    """The page as the commands are now."""
    context = click.Context(cli, info_name="geounet")
    commands = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    assert all(commands.values())
    some = next(command for command in commands.values() if command)
    common = [option for option in some.params if option.name in _COMMON]
    head = _HEAD.format(
        commands="\n".join(
            f"| [`{name}`](#geounet-{name}) | {_first(command)} |" for name, command in commands.items()
        ),
        common="\n".join(_rows(common, context)),
    )
    parts = [_section(name, command, context) for name, command in commands.items() if command]
    return "\n".join([head, *parts])


def _first(command: click.Command | None) -> str:
    """The first sentence of a command's help."""
    assert command is not None
    return _cell((command.help or "").split("\n\n")[0])


def _section(name: str, command: click.Command, parent: click.Context) -> str:
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join(["geounet", name, *command.collect_usage_pieces(context)])
    texts = [_cell(text) for text in (command.help or "").split("\n\n")]
    options = [one for one in command.params if isinstance(one, click.Option) and one.name not in _COMMON]
    rows = ["| option | |", "|---|---|", *_rows(options, context)]
    return "\n".join([f"## geounet {name}", "", f"`{usage}`", "", "\n\n".join(texts), "", *rows, ""])


def _rows(options: list[click.Parameter] | list[click.Option], context: click.Context) -> Iterator[str]:
    for option in options:
        record = option.get_help_record(context)
        if record is not None:
            yield f"| `{_cell(record[0])}` | {_cell(record[1])} |"


def _cell(text: str) -> str:
    """A text on one line, as a cell of a table takes it."""
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
