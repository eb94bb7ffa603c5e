"""Array types that several packages share."""

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.uint8]
"""RGB, [n, H, W, 3]."""
