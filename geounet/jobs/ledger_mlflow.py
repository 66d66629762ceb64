"""The ledger that MLflow keeps: files in the run's folder, or any store or server it knows by its URI."""

import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from geounet.errors import SettingsError
from geounet.files import whole_file
from geounet.jobs.train_run import LEDGER

# before its import: it neither calls home nor refuses to write files, nor tries a silent server for minutes
for name, value in (
    ("MLFLOW_DISABLE_TELEMETRY", "true"),
    ("MLFLOW_ALLOW_FILE_STORE", "true"),
    ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2"),
):
    os.environ.setdefault(name, value)

try:
    from mlflow import MlflowClient
    from mlflow.entities import RunStatus
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
except ImportError as error:
    raise SettingsError(f"--track mlflow needs MLflow ({error}); install geounet[tracking]") from error

log = logging.getLogger(__name__)

EXPERIMENT = "geounet"
STORE = "mlruns"  # in the run's folder, where no URI is given
_UNKNOWN_SIGN = re.compile(r"[^\w .-]")  # to the names of figures; letters of any alphabet are known


class MlflowLedger:
    """Trainings as runs of the experiment `geounet`; what cannot be entered is said, and the training goes on.

    Raises:
        SettingsError: a store or server that cannot be reached.
    """

    def __init__(self, uri: str | None, run: Path) -> None:
        self._note = run / LEDGER  # the id, so that a resumed training finds its page again
        self._name = run.resolve().name
        self._id = ""
        where = uri or (run / STORE).resolve().as_uri()
        try:
            self._client = MlflowClient(tracking_uri=where)
            known = self._client.get_experiment_by_name(EXPERIMENT)
            self._experiment = known.experiment_id if known else self._client.create_experiment(EXPERIMENT)
        except (MlflowException, OSError) as error:
            raise SettingsError(
                f"MLflow at {where} cannot be used ({' '.join(str(error).split())[:160]}); check "
                f"--track-uri; a database takes the full mlflow"
            ) from error

    @contextmanager
    def page(self, settings: Mapping[str, object]) -> Iterator[None]:
        with _unharmed():
            self._open(settings)
        ending = RunStatus.FAILED
        try:
            yield
            ending = RunStatus.FINISHED
        except KeyboardInterrupt:
            ending = RunStatus.KILLED
            raise
        finally:
            with _unharmed():
                self._client.set_terminated(self._id, RunStatus.to_string(ending))

    def _open(self, settings: Mapping[str, object]) -> None:
        if self._has_page():
            self._client.update_run(self._id, status=RunStatus.to_string(RunStatus.RUNNING))
            return
        self._id = self._client.create_run(self._experiment, run_name=self._name).info.run_id
        with whole_file(self._note) as temporary:
            temporary.write_text(f"{self._id}\n", encoding="utf-8")
        for key, value in settings.items():
            self._client.log_param(self._id, key, value)

    def _has_page(self) -> bool:
        """Whether this training was entered in this store before; its page is the one turned to then."""
        if not self._note.exists():
            return False
        self._id = self._note.read_text(encoding="utf-8").strip()
        try:
            self._client.get_run(self._id)
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
                raise
            return False
        return True

    def note(self, step: int, figures: Mapping[str, float | int | None]) -> None:
        with _unharmed():
            for key, value in figures.items():
                if value is not None:
                    self._client.log_metric(self._id, _UNKNOWN_SIGN.sub("_", key), value, step=step)

    def keep(self, files: Sequence[Path]) -> None:
        with _unharmed():
            for file in files:
                self._client.log_artifact(self._id, str(file))


@contextmanager
def _unharmed() -> Iterator[None]:
    """Context whose failure is no reason to lose a training."""
    try:
        yield
    except (MlflowException, OSError) as error:
        log.warning("MLflow was not told (%s); the training goes on", " ".join(str(error).split())[:160])
