"""Another process that is in the middle of something, until it is killed."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def inside(imported: str, context: str, path: Path) -> Iterator[None]:
    """While another process is inside a context manager, written with `path` in it; at the end it is killed."""
    program = f"""
import sys, time
from pathlib import Path
from {imported} import {context.partition("(")[0]}
path = Path(sys.argv[1])
with {context}:
    print("inside", flush=True)
    time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "inside\n"
            yield
        finally:
            process.kill()
