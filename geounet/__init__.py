"""geounet: segment large georeferenced rasters and map building footprints.

The jobs of the command line are functions here: `tile`, `train`, `infer`, `stitch`, `vectorize`, `evaluate`. They are
loaded when first used, so that `import geounet` stays quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["__version__", "evaluate", "infer", "stitch", "tile", "train", "vectorize"]

if TYPE_CHECKING:
    from geounet.jobs.evaluate import evaluate
    from geounet.jobs.infer import infer
    from geounet.jobs.stitch import stitch
    from geounet.jobs.tile import tile
    from geounet.jobs.train import train
    from geounet.jobs.vectorize import vectorize


def __getattr__(name: str) -> object:
    if name.startswith("_") or name not in __all__:
        raise AttributeError(f"module 'geounet' has no attribute {name!r}")
    return getattr(import_module(f"geounet.jobs.{name}"), name)
