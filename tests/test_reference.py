"""docs/cli.md says what the commands say."""

from geounet_cli.main import _COMMANDS

from tests.reference import PAGE, page


def test_the_page_on_the_command_line_is_what_the_commands_say_now() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: python -m tests.reference"


def test_the_page_has_every_command_and_every_one_of_its_options() -> None:
    text = page()
    for name in _COMMANDS:
        section = text.partition(f"\n## geounet {name}\n")[2].partition("\n## ")[0]
        assert section.count("\n| `-") >= 1, name
    assert "`--keep-empty FLOAT`" in text
    assert "auto takes imagery finer than 0.25 m to 0.3 m" in text
