"""FSMI and Shannon information of a beam given as runs of equal cells (FSMI-RLE).

A run is `length` cells of one occupancy. Without noise its contribution has a closed form; with
noise that form holds for the cells farther than `window` from both ends of their run, and the
others are summed one by one, each from prefix sums of the noise over the runs in its window.
Both together cost O(runs * window), whatever the number of cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from fsmi._jit import kernel
from fsmi.measures.beam import check_base, check_occupancy, sensor_fields
from fsmi.measures.fsmi import exact_window
from fsmi.measures.gain import gain_tables
from fsmi.measures.noise import noise_kernel, uniform_half_width, window_cells
from fsmi.measures.shannon import shannon_tables
from fsmi.sensor import RangeSensor

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@kernel
def block(o: float, f_occ: float, f_emp: float, length: int, front: float) -> tuple[float, float]:
    """Noise-free gain [nat] of `length` equal cells entered with gain `front`, and P(through)."""
    if o <= 0.0:
        return 0.0, 1.0
    if o >= 1.0:
        return f_occ + front, 0.0
    stopped = -math.expm1(length * math.log1p(-o))
    through = 1.0 - stopped
    # Free cells before a hit, on average; stopped / o first, 1 / o may overflow.
    crossed = stopped / o * (1.0 - o) - length * through
    return (f_occ + front) * stopped + f_emp * crossed, through


@kernel
def near_boundary(
    j: int, first: int, starts: Ints, fronts: Array, f_occ: Array, f_emp: Array, mass: Array,
    moment: Array,
) -> float:  # fmt: skip
    """Expected gain of a hit in cell j; `mass`, `moment`: prefix sums of g_m and m g_m.

    `first` is the first run that reaches into the window of j.
    """
    window = (mass.size - 2) // 2
    total, r = 0.0, first
    while r < f_occ.size and starts[r] <= j + window:
        a = max(starts[r] - j, -window) + window
        b = min(starts[r + 1] - 1 - j, window) + window + 1
        level = f_occ[r] + fronts[r] + (j - starts[r]) * f_emp[r]
        total += level * (mass[b] - mass[a]) + f_emp[r] * (moment[b] - moment[a])
        r += 1
    return total


@kernel
def runs_gain(
    o: Array, lengths: Ints, f_occ: Array, f_emp: Array, taps: Array, no_hit: bool
) -> float:
    """FSMI [nat] of runs on equal cells; `taps` (2 window + 1,) is the noise, symmetric."""
    runs, window = o.size, taps.size // 2
    mass, moment = np.zeros(taps.size + 1), np.zeros(taps.size + 1)
    for m in range(taps.size):
        mass[m + 1] = mass[m] + taps[m]
        moment[m + 1] = moment[m] + (m - window) * taps[m]
    starts, fronts = np.zeros(runs + 1, dtype=np.int64), np.zeros(runs + 1)
    for r in range(runs):
        starts[r + 1] = starts[r] + lengths[r]
        fronts[r + 1] = fronts[r] + lengths[r] * f_emp[r]
    total, reach, first = 0.0, 1.0, 0
    for r in range(runs):
        j = starts[r]
        while j < starts[r + 1]:
            inner = starts[r + 1] - window - j
            if j - starts[r] >= window and inner > 0:
                front = fronts[r] + (j - starts[r]) * f_emp[r]
                gained, through = block(o[r], f_occ[r], f_emp[r], inner, front)
                total += reach * gained * mass[-1]
                reach *= through
                j += inner
                continue
            while starts[first + 1] <= j - window:
                first += 1
            if o[r] > 0.0 and reach > 0.0:
                expected = near_boundary(j, first, starts, fronts, f_occ, f_emp, mass, moment)
                total += reach * o[r] * expected
            reach *= 1.0 - o[r]
            j += 1
    return total + reach * fronts[runs] if no_hit else total


def run_lengths(occupancy: npt.ArrayLike) -> tuple[Array, Ints]:
    """Runs of a beam (n,): the occupancy of each run and its number of cells."""
    cells = check_occupancy(occupancy)
    begin = np.flatnonzero(np.concatenate(([True], cells[1:] != cells[:-1])))
    return cells[begin], np.diff(np.concatenate((begin, [cells.size]))).astype(np.int64)


def _no_noise(sigma: float, cell: float, n: int) -> Array:
    return np.ones(1)


def _exact(sigma: float, cell: float, n: int) -> Array:
    return noise_kernel(sigma, cell, exact_window(sigma, cell, n))


def _truncated(sigma: float, cell: float, n: int) -> Array:
    return noise_kernel(sigma, cell, min(window_cells(sigma, cell), n - 1))


def _uniform(sigma: float, cell: float, n: int) -> Array:
    half = uniform_half_width(sigma, cell)
    return np.full(2 * min(half, n - 1) + 1, 1.0 / (2 * half + 1))


RUN_MEASURES: dict[str, Callable[[float, float, int], Array]] = {
    "fsmi": _exact,
    "approx_fsmi": _truncated,
    "uniform_fsmi": _uniform,
    "shannon": _no_noise,
}


def _check_lengths(lengths: npt.ArrayLike, runs: int) -> Ints:
    counts = np.asarray(lengths)
    if counts.shape != (runs,):
        raise ValueError(f"lengths has shape {counts.shape}; need one for each of {runs} runs")
    if counts.dtype == np.bool_ or not np.issubdtype(counts.dtype, np.integer):
        raise TypeError(f"lengths has dtype {counts.dtype}; need whole numbers of cells")
    if counts.min() < 1:
        raise ValueError(f"lengths holds {counts.min()}; a run has at least 1 cell")
    return counts.astype(np.int64)


def _within(o: Array, lengths: Ints, cells: int) -> tuple[Array, Ints]:
    """The runs of the first `cells` cells."""
    ends = np.minimum(np.cumsum(lengths), cells)
    kept = np.diff(np.concatenate(([0], ends)))
    return o[kept > 0], kept[kept > 0]


def runs_mi(
    occupancy: npt.ArrayLike,
    lengths: npt.ArrayLike,
    sensor: RangeSensor | None = None,
    *,
    cell: float = 1.0,
    sigma: float = 0.0,
    delta_occ: float = 1.5,
    delta_emp: float = 1.0 / 1.5,
    count_no_hit: bool = True,
    measure: str = "fsmi",
    base: float = 2,
) -> float:
    """Information [bit] of a beam given as runs of equal cells; equals `beam_mi` on the cells.

    Parameters
    ----------
    occupancy, lengths : array_like (r,)
        Occupancy of each run, nearest first, and its number of cells.
    measure : str
        One of `RUN_MEASURES`: fsmi, approx_fsmi, uniform_fsmi, shannon.
    sensor, cell, sigma, delta_occ, delta_emp, count_no_hit, base
        As for `beam_mi`; all cells have one length `cell` [m].

    Returns
    -------
    float
        O(runs * noise window) work, whatever the number of cells.
    """
    if measure not in RUN_MEASURES:
        raise ValueError(f"measure is {measure!r}; on runs one of {', '.join(RUN_MEASURES)}")
    unit = check_base(base)
    o = check_occupancy(occupancy)
    counts = _check_lengths(lengths, o.size)
    if np.ndim(cell) or not (math.isfinite(cell) and cell > 0.0):
        raise ValueError(f"cell is {cell}; runs need one finite length > 0 [m] for all cells")
    given = {"sigma": sigma, "delta_occ": delta_occ, "delta_emp": delta_emp}
    fields = sensor_fields(sensor, given | {"count_no_hit": count_no_hit})
    if sensor is not None:
        # A cell entered exactly at the range is not seen; the slack is that of `beam_mi`.
        in_range = math.ceil(sensor.max_range / cell * (1.0 - 1e-9))
        o, counts = _within(o, counts, max(1, in_range))
    if measure == "shannon":
        tables = shannon_tables(o)
    else:
        tables = gain_tables(o, fields["delta_occ"], fields["delta_emp"])
    taps = RUN_MEASURES[measure](fields["sigma"], cell, int(counts.sum()))
    nats = runs_gain(tables[0], counts, tables[1], tables[2], taps, fields["count_no_hit"])
    return float(nats) / unit
