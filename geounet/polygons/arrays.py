"""Arrays: what the arrays of numbers hold that the making of polygons hands around."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Coordinates = NDArray[np.float64]  # (n, 2)
