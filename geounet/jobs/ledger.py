"""Ledger: where a training is entered beside its own folder, for those who compare many."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from geounet.errors import SettingsError

LEDGERS = ("none", "mlflow")


class Ledger(Protocol):
    """A book of trainings, of which this one is a page."""

    def page(self, settings: Mapping[str, object]) -> AbstractContextManager[None]:
        """Open the page of this training, and close it at the end with how it ended; one resumed has its page again."""
        ...

    def note(self, step: int, figures: Mapping[str, float | int | None]) -> None:
        """Figures known after a step; None where there is none."""
        ...

    def keep(self, files: Sequence[Path]) -> None:
        """Copies of files."""
        ...


class NoLedger:
    """Nothing is entered anywhere."""

    @contextmanager
    def page(self, settings: Mapping[str, object]) -> Iterator[None]:
        yield

    def note(self, step: int, figures: Mapping[str, float | int | None]) -> None:
        pass

    def keep(self, files: Sequence[Path]) -> None:
        pass


def ledger_named(name: str, uri: str | None, run: Path) -> Ledger:
    """The ledger of that name, for the training in the folder `run`.

    Raises:
        SettingsError: a name that no ledger has, or a ledger that cannot be reached.
    """
    if name == "none":
        return NoLedger()
    if name != "mlflow":
        raise SettingsError(f"tracker {name!r} is unknown; use {' or '.join(LEDGERS)}")
    from geounet.jobs.ledger_mlflow import MlflowLedger

    return MlflowLedger(uri, run)
