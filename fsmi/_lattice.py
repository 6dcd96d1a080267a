"""Keys, boxes and codes of voxel maps: what a `VoxelMap` checks and converts."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fsmi import _octree as octree

HALF = octree.SIDE // 2  # key of the voxel whose low corner is the origin of the map frame
UNKNOWN_BITS = np.float32(np.nan)
Box = tuple[tuple[int, int, int], tuple[int, int, int]]


def checked_resolution(resolution: float) -> float:
    """`resolution` as a float; ValueError unless it is a positive number of metres."""
    value = float(resolution)
    # 1e-100..1e100: coordinates of the whole tree and their inverses stay finite
    if not 1e-100 < value < 1e100:
        raise ValueError(f"resolution is {resolution}; need a positive number of metres a voxel")
    return value


def checked_box(low: npt.ArrayLike, high: npt.ArrayLike) -> Box:
    """Keys of the first voxel and of one past the last; ValueError if empty or outside the tree."""
    a, b = (tuple(int(v) for v in np.asarray(side).ravel()) for side in (low, high))
    if len(a) != 3 or len(b) != 3 or not all(p < q for p, q in zip(a, b, strict=True)):
        raise ValueError(f"the box from voxel {a} to {b} holds no voxel")
    if min(a) < 0 or max(b) > octree.SIDE:
        raise ValueError(
            f"the box from voxel {a} to {b} leaves the tree, which reaches {HALF} voxels from the"
            " origin of the map frame each way; use a coarser resolution or move the map"
        )
    return (a[0], a[1], a[2]), (b[0], b[1], b[2])


def encode(log_odds: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], octree.Codes]:
    """The distinct values of an array, NaN (unknown) first, and the code of each element."""
    flat = np.ascontiguousarray(log_odds).ravel() + np.float32(0.0)  # -0.0 becomes 0.0
    flat[np.isnan(flat)] = UNKNOWN_BITS
    codes = np.empty(flat.size + 1, dtype=np.int32)
    bits = np.concatenate((np.array([UNKNOWN_BITS]), flat)).view(np.int32)
    found = octree.intern(bits, codes)
    return found.view(np.float32), codes[1:] - np.int32(1)


def log_limits(limits: tuple[float, float]) -> tuple[float, float]:
    """Log-odds [nat] of the two probabilities 0 < low < 0.5 < high < 1."""
    low, high = limits
    if not 0.0 < low < 0.5 < high < 1.0:
        raise ValueError(f"limits are {limits}; need 0 < low < 0.5 < high < 1")
    return math.log(low / (1.0 - low)), math.log(high / (1.0 - high))


def aligned_key(origin: tuple[float, ...], resolution: float) -> npt.NDArray[np.int64]:
    """Key of the voxel whose low corner is `origin`, which must be a corner of the lattice."""
    corner = np.asarray(origin, dtype=np.float64)
    if corner.shape != (3,) or not np.isfinite(corner).all():
        raise ValueError(f"origin is {origin}; need three finite numbers (x, y, z) [m]")
    scaled = corner / resolution
    if not (np.abs(scaled - np.rint(scaled)) < 1e-6).all():
        nearest = tuple((np.rint(scaled) * resolution).tolist())
        raise ValueError(
            f"origin {tuple(corner.tolist())} is not a multiple of the resolution {resolution:g};"
            f" the nearest that is: {nearest}"
        )
    if not (np.abs(scaled) <= HALF).all():
        raise ValueError(f"origin {tuple(corner.tolist())} lies {HALF} voxels or more from (0,0,0)")
    return np.asarray(np.rint(scaled).astype(np.int64) + HALF)
