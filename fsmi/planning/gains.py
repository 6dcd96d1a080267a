"""What a view is worth: the registry of gains."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from fsmi.information import scan_mi
from fsmi.planning.sight import Sight

Array = npt.NDArray[np.float64]
Gain = Callable[[Sight, Array], Array]


def joint_information(sight: Sight, poses: Array) -> Array:
    """Information of a whole scan at each pose, each cell counted once, (P,) [bit]."""
    return sight.information(poses)


def beam_sum(sight: Sight, poses: Array) -> Array:
    """FSMI summed over the beams, (P,) [bit]: counts a cell once for every beam through it."""
    return scan_mi(sight.known.belief, poses, sight.sensor, measure="approx_fsmi")


def visible_count(sight: Sight, poses: Array) -> Array:
    """Unknown cells that a scan at each pose would cross if all of them were free, (P,)."""
    return sight.count(poses)


GAINS: dict[str, Gain] = {
    "joint": joint_information,
    "fsmi": beam_sum,
    "visible": visible_count,
}
