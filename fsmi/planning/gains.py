"""What a view is worth: the registry of gains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from fsmi.information import scan_mi
from fsmi.planning.sight import Sight

Array = npt.NDArray[np.float64]
# Sight, poses (P, 3) and the length [m] of the frontier each was chosen for (P,), to worth (P,).
Gain = Callable[[Sight, Array, Array], Array]

# The measures without fast kernels look along so many beams, which stand for all.
FEW_BEAMS = 36
# CSQMI is defined for noisy readings only: the least noise it is given, in cells.
LEAST_NOISE = 0.25


def joint_information(sight: Sight, poses: Array, frontier: Array) -> Array:
    """Information of a whole scan at each pose, each cell counted once, (P,) [bit]."""
    return sight.information(poses)


def beam_sum(sight: Sight, poses: Array, frontier: Array) -> Array:
    """FSMI summed over the beams, (P,) [bit]: counts a cell once for every beam through it."""
    return scan_mi(sight.known.belief, poses, sight.sensor, measure="approx_fsmi")


def _of_few_beams(sight: Sight, poses: Array, measure: str, sigma: float) -> Array:
    sensor = sight.sensor
    few = replace(sensor, n_beams=min(sensor.n_beams, FEW_BEAMS), sigma=sigma)
    total = scan_mi(sight.known.belief, poses, few, measure=measure)
    return total * (sensor.n_beams / few.n_beams)


def csqmi(sight: Sight, poses: Array, frontier: Array) -> Array:
    """Cauchy-Schwarz quadratic MI summed over the beams, (P,) [bit], from a few of them."""
    sigma = max(sight.sensor.sigma, LEAST_NOISE * sight.known.belief.resolution)
    return _of_few_beams(sight, poses, "approx_csqmi", sigma)


def fcmi(sight: Sight, poses: Array, frontier: Array) -> Array:
    """Continuous-field MI, (P,), from a few beams: only its ranking means something."""
    return _of_few_beams(sight, poses, "fcmi", 0.0)


def visible_count(sight: Sight, poses: Array, frontier: Array) -> Array:
    """Unknown cells that a scan at each pose would cross if all of them were free, (P,)."""
    return sight.count(poses)


def frontier_size(sight: Sight, poses: Array, frontier: Array) -> Array:
    """Length of the frontier each view was chosen for, (P,) [m]; 0 on the lattice."""
    return frontier


GAINS: dict[str, Gain] = {
    "joint": joint_information,
    "fsmi": beam_sum,
    "csqmi": csqmi,
    "fcmi": fcmi,
    "visible": visible_count,
    "frontier": frontier_size,
}
