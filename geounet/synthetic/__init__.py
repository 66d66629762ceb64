"""Synthetic towns: a dozen small drawn scenes with labels that come with geounet, of all colours and of no place.

`python -m sample_tiles.generator --varied` draws them. A training that finds buildings takes them in beside its own
windows, so that a house is known by more than the roofs of one town (`geounet.jobs.synthetic_towns`).
"""

import hashlib
from pathlib import Path

_FOLDER = Path(__file__).parent
LABELS = _FOLDER / "towns.gpkg"  # of all of them


def scenes() -> list[Path]:
    """The towns: 0.3 m, red, green, blue, uint8."""
    return sorted(_FOLDER.glob("town_*.tif"))


def fingerprint() -> str:
    """Changes when any of the files does, SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    for path in (*scenes(), LABELS):
        digest.update(path.read_bytes())
    return digest.hexdigest()
