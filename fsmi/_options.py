"""What `scan_mi` and `path_mi` share in 2-D and 3-D: measures, units, and where a beam may stop.

Early stop
----------
A beam ends where little is left; what lies behind a point reached with probability Q, after cells
that gain S if all are free, is put down as ``Q S`` if no return counts, as 0 if not. With the
reports r of the hits behind, what is left out is

    sum_c P(e_c) f_occ(r)  +  sum_c reach_c (1 - o_c) f_emp(c)  +  (readings off their cell)

less the S of readings that are lost (off the beam, or cut off the kernel). First hits are
exclusive, ``sum_c P(e_c) <= Q``, so the first sum is at most ``Q max f_occ``. With u = d ln d /
(d - 1) the gain f(d, .) has its one maximum u - 1 - ln u. The second is at most ``Q L`` for
``L >= (1 - o) f_emp(o) / o`` at every o: as a KL divergence is at most the chi-square one,
L = (1 - d)^2 will do, d = delta_emp; where f_emp is concave, that is 2 d |ln d| >= 1 - d, so will
its slope at 0, d ln d - d + 1. Noise moves a reading outwards by D cells in the mean: at most
``Q D max f_emp`` more, or as much less inwards. So the error lies in ``[-Q (R + S), Q K]``, with
R = D max f_emp and K = max f_occ + L + R, and without lost readings in ``[0, Q K]``; where no
return adds nothing, in ``[-Q R, Q (K + S)]``. For `shannon` the first hit among n cells has at
most ln(n + 1) nats: K = ln(n + 1).
"""

from __future__ import annotations

import math

from fsmi.sensor import BeamModel

EXPECTED_GAIN = ("numerical", "fsmi", "approx_fsmi", "uniform_fsmi")
JOINT_MEASURES = (*EXPECTED_GAIN, "shannon")
NOISY_MEASURES = ("approx_fsmi", "uniform_fsmi", "shannon")  # with fast kernels for noise


def largest_gain(delta: float) -> float:
    """Largest f(delta, r) [nat] over all odds r."""
    u = delta * math.log(delta) / (delta - 1.0)
    return u - 1.0 - math.log(u)


def shift_of(measure: str, sigma: float, window: int) -> float:
    """Cells by which noise moves a reading outwards in the mean, at most; sigma in cells."""
    if measure == "uniform_fsmi":
        return 0.25 * (window + 1.0)
    # E[Z+] of a normal, on the shortest cells, and a quarter for rounding to whole cells.
    return sigma / math.sqrt(math.pi) + 0.25 if window > 0 else 0.0


def stopping_rest(sensor: BeamModel, measure: str, cells: int, shift: float) -> float:
    """K of the stopping rule [nat], proved at the top of the module.

    `cells` is the largest number of cells of a ray, `shift` D, the cells by which noise moves a
    reading outwards in the mean (at most).
    """
    if measure == "shannon":
        return math.log(cells + 1.0)
    miss = sensor.delta_emp
    slope = (1.0 - miss) ** 2
    if -2.0 * miss * math.log(miss) >= 1.0 - miss:
        slope = min(slope, miss * math.log(miss) - miss + 1.0)
    return largest_gain(sensor.delta_occ) + slope + shift * largest_gain(miss)


def unit_of(base: float) -> float:
    """Nats in one unit of `base`."""
    if not (math.isfinite(base) and base > 1.0):
        raise ValueError(f"base is {base}; need a number > 1 (2 for bits, math.e for nats)")
    return math.log(base)


def check_measure(
    measure: str, sensor: BeamModel, *, joint: bool, allowed: tuple[str, ...] | None = None
) -> None:
    """ValueError for a measure that is not allowed."""
    noisy = not joint and sensor.sigma > 0.0
    if allowed is None:
        allowed = NOISY_MEASURES if noisy else JOINT_MEASURES
    if measure not in allowed:
        raise ValueError(f"measure is {measure!r}; one of {', '.join(allowed)}")
    if joint and measure == "shannon" and not sensor.count_no_hit:
        raise ValueError(
            "joint shannon information is the entropy of the whole outcome, no returns included;"
            " use a sensor with count_no_hit=True"
        )


def checked_options(
    measure: str,
    sensor: BeamModel,
    base: float,
    tol: float,
    *,
    joint: bool,
    allowed: tuple[str, ...] | None = None,
) -> tuple[float, float]:
    """Nats in one unit of `base`, and `tol` [bit] in nats; ValueError for what is not allowed.

    `allowed` names the measures; by default those with fast kernels.
    """
    check_measure(measure, sensor, joint=joint, allowed=allowed)
    if not (math.isfinite(tol) and tol >= 0.0):
        raise ValueError(f"tol is {tol}; need a finite number of bits of at least 0")
    return unit_of(base), tol * math.log(2.0)
