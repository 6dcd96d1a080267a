"""Range noise on a line of cells: how much of a reading's mass falls into which cell."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
SIGMAS = 3.0  # half width of the truncated kernel, in standard deviations


def window_cells(sigma: float, cell: float) -> int:
    """Default half width Delta [cells] of the truncated kernel: 3 sigma rounded up, 0 if sigma = 0.

    At sigma of one cell, Delta = 3 stays within 5e-4 of the untruncated sum (relative).
    """
    # 1e-9 of slack: 3 * 0.1 / 0.1 must be 3 cells, not 4.
    return math.ceil(SIGMAS * sigma / cell - 1e-9) if sigma > 0.0 else 0


def uniform_half_width(sigma: float, cell: float) -> int:
    """Half width H [cells] of the uniform noise whose 2H+1 cells come nearest to `sigma` [m]."""
    # A uniform density of width w has standard deviation w / sqrt(12).
    return max(0, round(0.5 * (math.sqrt(12.0) * sigma / cell - 1.0)))


def noise_kernel(sigma: float, cell: float, window: int) -> Array:
    """Mass g_m of a reading m cells from the true one, m = -window..window; (2 window + 1,).

    `g_m = Phi((m + 1/2) cell / sigma) - Phi((m - 1/2) cell / sigma)` on equal cells with the true
    range at a cell's centre; not renormalised after the cut. sigma = 0 gives 1 in the middle.
    """
    if window < 0:
        raise ValueError(f"window is {window}; need a number of cells of at least 0")
    if sigma == 0.0:
        return np.asarray(np.arange(-window, window + 1) == 0, dtype=np.float64)
    scale = cell / sigma * math.sqrt(0.5)
    # Upper tails: differences of values near 1 would lose the far cells.
    tails = [math.erfc((m - 0.5) * scale) for m in range(window + 2)]
    side = 0.5 * (np.array(tails[:-1]) - np.array(tails[1:]))
    return np.concatenate((side[:0:-1], side))
