"""sweep.png: drawn the same each time, with what there is."""

import numpy as np
import pytest

from geounet.calibration import Reliability
from geounet.report.sweep import SweepPanels, sweep_picture


def panels(*, chosen: float | None, best: float | None, footprints: bool) -> SweepPanels:
    thresholds = np.arange(1, 255) / 254
    recall = 1 - thresholds**2
    precision = np.where(thresholds < 0.98, 0.4 + 0.5 * thresholds, np.nan)
    iou = 1 / (1 / precision + 1 / np.maximum(recall, 1e-6) - 1)
    claims = np.linspace(0, 1, 50)
    one = Reliability.of(claims, claims > 0.5)
    several = {"pixels": one, "footprints": one} if footprints else {"pixels": one}
    return SweepPanels(thresholds, precision, recall, iou, chosen, best, several)


@pytest.mark.parametrize("footprints", [True, False], ids=["with footprints", "without"])
@pytest.mark.parametrize(("chosen", "best"), [(0.5, 0.62), (0.5, 0.501), (0.5, None), (0.7, 0.2)])
def test_it_is_the_same_each_time(chosen: float, best: float | None, footprints: bool) -> None:
    picture = sweep_picture(panels(chosen=chosen, best=best, footprints=footprints))
    assert picture.startswith(b"\x89PNG")
    assert picture == sweep_picture(panels(chosen=chosen, best=best, footprints=footprints))
    assert picture != sweep_picture(panels(chosen=0.3, best=best, footprints=footprints))
