"""Range noise on a line of cells: how much of a reading's mass falls into which cell."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fsmi._jit import fused, inlined

Array = npt.NDArray[np.float64]
SIGMAS = 3.0  # half width of the truncated kernel, in standard deviations


def window_cells(sigma: float, cell: float) -> int:
    """Default half width Delta [cells] of the truncated kernel: 3 sigma rounded up, 0 if sigma = 0.

    At sigma of one cell, Delta = 3 stays within 1e-3 of the untruncated sum (relative).
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


@inlined
def blur_at(rows: Array, taps: Array, n: Any, to: Any) -> None:
    """rows[to + j] = sum of taps[|m|] rows[window + j + m] over |m| <= window, j < n.

    `taps` is (window + 1,). Unsigned indices let the compiler use vector instructions; lags go
    three at a time because a pass over a beam is too short to hide its loads and stores behind
    one multiplication.
    """
    one, two, three = np.uintp(1), np.uintp(2), np.uintp(3)
    window = np.uintp(taps.size - 1)
    for j in range(n):
        rows[to + j] = taps[0] * rows[window + j]
    m = one
    while m + two <= window:
        a, b, c = taps[m], taps[m + one], taps[m + two]
        low, high = window - m, window + m
        for j in range(n):
            rows[to + j] = (
                rows[to + j]
                + a * (rows[low + j] + rows[high + j])
                + b * (rows[low - one + j] + rows[high + one + j])
                + c * (rows[low - two + j] + rows[high + two + j])
            )
        m += three
    while m <= window:
        a, low, high = taps[m], window - m, window + m
        for j in range(n):
            rows[to + j] = rows[to + j] + a * (rows[low + j] + rows[high + j])
        m += one


@inlined
def dot_at(rows: Array, a: Any, b: Any, n: Any) -> float:
    """Sum of rows[a + k] rows[b + k], in four parts: one would wait for each addition in turn."""
    one, two, three, four = np.uintp(1), np.uintp(2), np.uintp(3), np.uintp(4)
    whole = n - n % four
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    for k in range(np.uintp(0), whole, four):
        s0 += rows[a + k] * rows[b + k]
        s1 += rows[a + k + one] * rows[b + k + one]
        s2 += rows[a + k + two] * rows[b + k + two]
        s3 += rows[a + k + three] * rows[b + k + three]
    for k in range(whole, n):
        s0 += rows[a + k] * rows[b + k]
    return (s0 + s1) + (s2 + s3)


@fused
def dot(a: Array, b: Array) -> float:
    """Sum of products, in four partial sums: one would wait for each addition in turn."""
    one, two, three, four = np.uintp(1), np.uintp(2), np.uintp(3), np.uintp(4)
    n = np.uintp(a.size)
    whole = n - n % four
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    for k in range(np.uintp(0), whole, four):
        s0 += a[k] * b[k]
        s1 += a[k + one] * b[k + one]
        s2 += a[k + two] * b[k + two]
        s3 += a[k + three] * b[k + three]
    for k in range(whole, n):
        s0 += a[k] * b[k]
    return (s0 + s1) + (s2 + s3)
