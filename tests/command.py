"""The command line as a test calls it: in this process, through its own front door."""

import signal
from dataclasses import dataclass
from pathlib import Path

import pytest
from geounet_cli.main import main


@dataclass(frozen=True)
class Told:
    """What a command said, and how it left."""

    status: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line of an error, and nothing like a traceback beside it."""
        lines = [line for line in self.err.splitlines() if line.startswith("Error: ")]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        assert not self.out
        return lines[0]


def geounet(capsys: pytest.CaptureFixture[str], *words: object) -> Told:
    """Run a command of the command line."""
    capsys.readouterr()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert isinstance(left.value.code, int)
    return Told(left.value.code, *capsys.readouterr())


def files_below(folder: Path) -> dict[str, bytes | None]:
    """Every file below a folder with its contents, hidden ones too; None for a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }
