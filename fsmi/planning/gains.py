"""What a view is worth: the registry of gains."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from fsmi._jit import kernel
from fsmi.information import scan_mi
from fsmi.planning.knowledge import Knowledge, Mask
from fsmi.raycast import grid_poses, trace
from fsmi.sensor import RangeSensor

Gain = Callable[[Knowledge, npt.NDArray[np.float64], RangeSensor], npt.NDArray[np.float64]]


@kernel
def _visible(
    poses: npt.NDArray[np.float64],
    angles: npt.NDArray[np.float64],
    length: float,
    solid: Mask,
    unknown: Mask,
    out: npt.NDArray[np.int64],
    stamp: npt.NDArray[np.int32],
) -> None:
    """Count unknown cells in view of each pose; `stamp` ends as the last pose that saw a cell."""
    h, w = solid.shape
    walls, goals = solid.ravel(), unknown.ravel()
    flat = np.empty(h + w + 2, dtype=np.uintp)
    edges = np.empty(h + w + 3)
    for p in range(poses.shape[0]):
        count = 0
        for b in range(angles.shape[0]):
            a = poses[p, 2] + angles[b]
            n = trace(poses[p, 0], poses[p, 1], math.cos(a), math.sin(a), length, h, w, flat, edges)
            for m in range(n):
                at = flat[m]
                if walls[at]:
                    break
                if goals[at] and stamp[at] != p:
                    stamp[at] = p
                    count += 1
        out[p] = count


def visible_unknown(
    known: Knowledge, poses: npt.NDArray[np.float64], sensor: RangeSensor
) -> npt.NDArray[np.float64]:
    """Unknown cells (P,) that a scan at each pose would cross if all of them were free."""
    return _looked_at(known, poses, sensor)[0].astype(np.float64)


def unknown_in_view(known: Knowledge, pose: npt.ArrayLike, sensor: RangeSensor) -> Mask:
    """Which unknown cells (H, W) a scan at one pose (3,) would cross if all of them were free."""
    stamp = _looked_at(known, np.asarray(pose, dtype=np.float64), sensor)[1]
    return np.asarray(stamp.reshape(known.unknown.shape) == 0)


def _looked_at(
    known: Knowledge, poses: npt.NDArray[np.float64], sensor: RangeSensor
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    checked = grid_poses(known.belief, poses)
    out = np.empty(len(checked), dtype=np.int64)
    stamp = np.full(known.unknown.size, -1, dtype=np.int32)
    length = sensor.max_range / known.belief.resolution
    _visible(checked, sensor.angles(), length, known.solid, known.open, out, stamp)
    return out, stamp


def joint_information(
    known: Knowledge, poses: npt.NDArray[np.float64], sensor: RangeSensor
) -> npt.NDArray[np.float64]:
    """Information of a whole scan at each pose, each cell counted once, (P,) [bit].

    It is the entropy that the belief is expected to lose if what is seen becomes known.
    """
    return scan_mi(known.belief, poses, sensor, measure="shannon", joint=True, tol=1e-3)


def beam_sum(
    known: Knowledge, poses: npt.NDArray[np.float64], sensor: RangeSensor
) -> npt.NDArray[np.float64]:
    """FSMI summed over the beams, (P,) [bit]: counts a cell once for every beam through it."""
    return scan_mi(known.belief, poses, sensor, measure="approx_fsmi")


GAINS: dict[str, Gain] = {
    "joint": joint_information,
    "fsmi": beam_sum,
    "visible": visible_unknown,
}
