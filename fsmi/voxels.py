"""Occupancy maps in 3-D: voxels on an octree in flat arrays.

A `VoxelMap` follows OctoMap's conventions: voxels stand at whole multiples of the resolution, the
tree has 16 levels, a voxel's value is its log-odds of being occupied, unknown voxels have no
value. In addition a map has a box: the part of space it speaks about. Rays end at its faces, its
unknown voxels count for the entropy, and everything known lies inside.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
import numpy.typing as npt

from fsmi import _octree as octree
from fsmi.grid import OccupancyGrid, binary_entropy

HALF = octree.SIDE // 2  # key of the voxel whose low corner is the origin of the map frame
UNKNOWN_BITS = np.float32(np.nan)
Array = npt.NDArray[np.float64]
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


@final
@dataclass(frozen=True)
class Leaves:
    """The known leaves of a map, in depth-first order.

    Attributes
    ----------
    corner : array (n, 3)
        Low corner (x, y, z) of each leaf [m].
    size : array (n,)
        Side of each leaf [m].
    log_odds : array (n,)
        Of being occupied, float32 [nat].
    """

    corner: Array
    size: Array
    log_odds: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.size)

    def __repr__(self) -> str:
        return f"Leaves({len(self)})"


@final
class VoxelMap:
    """A 3-D map of occupancy log-odds on an octree. Immutable; `insert` and `update` return maps.

    Made by `unknown`, `from_dense`, `load_octomap` or `fsmi.update`; the constructor takes the
    arrays of `fsmi._octree` and is for code that builds trees.

    Parameters
    ----------
    blocks : array (B, 8) int32
        The tree.
    values : array (K,) float32
        Log-odds of each code; `values[0]` is NaN, the unknown.
    resolution : float
        Side of a voxel [m].
    low, high : (x, y, z)
        Keys of the first voxel of the box and of one past its last.

    Attributes
    ----------
    tree : array (B, 8) int32
        `blocks`, writable for the kernels; not to be written to.
    """

    __slots__ = ("_cache", "blocks", "high", "low", "resolution", "tree", "values")

    def __init__(
        self,
        blocks: octree.Blocks,
        values: npt.NDArray[np.float32],
        resolution: float,
        low: npt.ArrayLike,
        high: npt.ArrayLike,
    ) -> None:
        self.resolution = checked_resolution(resolution)
        self.low, self.high = checked_box(low, high)
        self.tree, used = octree.compact(blocks, len(values))
        self.values = values[used]
        # The kernels get the writable array: numba compiles once more for read-only ones.
        self.blocks = self.tree.view()
        self.blocks.flags.writeable = False
        self.values.flags.writeable = False
        self._cache: dict[Any, Any] = {}

    @classmethod
    def unknown(cls, bounds: tuple[float, ...], resolution: float) -> Self:
        """A map of unknown voxels that covers `bounds` (x0, y0, z0, x1, y1, z1) [m]."""
        box = np.asarray(bounds, dtype=np.float64)
        if box.shape != (6,) or not np.isfinite(box).all() or not (box[:3] < box[3:]).all():
            raise ValueError(
                f"bounds are {bounds}; need six finite numbers (x0, y0, z0, x1, y1, z1) [m], the"
                " first three smaller than the last three"
            )
        scaled = box / checked_resolution(resolution)
        # 1e-6 of a voxel of slack: 0.3 / 0.1 must be 3 voxels, not 4.
        low, high = np.floor(scaled[:3] + 1e-6) + HALF, np.ceil(scaled[3:] - 1e-6) + HALF
        blocks = np.full((1, 8), octree.UNKNOWN, dtype=np.int32)
        return cls(blocks, np.array([UNKNOWN_BITS]), resolution, low, high)

    @classmethod
    def from_dense(
        cls,
        occupancy: npt.ArrayLike,
        resolution: float,
        origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> Self:
        """A map from a dense array (D, H, W) = (z, y, x) of occupancy probabilities.

        Exactly 0.5 is unknown; 0 and 1 are kept as certain. `origin` is the low corner of voxel
        (0, 0, 0) [m], a whole multiple of `resolution`.
        """
        p = np.asarray(occupancy)
        if p.ndim != 3 or p.size == 0 or not np.issubdtype(p.dtype, np.floating):
            raise ValueError(
                f"occupancy has shape {p.shape} and dtype {p.dtype}; need a non-empty array"
                " (z, y, x) of floats"
            )
        if not (p.min() >= 0.0 and p.max() <= 1.0):
            bad = p[~((p >= 0.0) & (p <= 1.0))].flat[0]
            raise ValueError(f"occupancy holds {bad}; probabilities must lie in [0, 1]")
        low = _aligned(origin, checked_resolution(resolution))
        high = low + p.shape[::-1]
        checked_box(low, high)
        with np.errstate(divide="ignore"):
            odds = np.log(p) - np.log1p(-p)
        odds[p == 0.5] = np.nan
        values, codes = encode(odds.astype(np.float32))
        return cls(octree.build(codes.reshape(p.shape), low), values, resolution, low, high)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(D, H, W): voxels of the box along z, y and x."""
        x, y, z = (b - a for a, b in zip(self.low, self.high, strict=True))
        return z, y, x

    @property
    def bounds(self) -> tuple[float, float, float, float, float, float]:
        """The box: (x0, y0, z0, x1, y1, z1) [m]."""
        a, b, c, d, e, f = ((k - HALF) * self.resolution for k in (*self.low, *self.high))
        return a, b, c, d, e, f

    @property
    def n_leaves(self) -> int:
        """Number of known leaves."""
        return int(octree.count_leaves(self.tree))

    @property
    def nbytes(self) -> int:
        """Bytes of the tree's arrays."""
        return int(self.blocks.nbytes + self.values.nbytes)

    def known_box(self) -> Box:
        """Keys of the smallest box that holds every known leaf: its first voxel, one past its last.

        ValueError if nothing is known.
        """
        if "box" not in self._cache:
            if self.n_leaves == 0:
                raise ValueError("the map holds no known voxel")
            low, high = np.empty(3, dtype=np.int64), np.empty(3, dtype=np.int64)
            keys, levels, _ = self._list()
            octree.extent(keys, levels, low, high)
            self._cache["box"] = checked_box(low, high)
        box: Box = self._cache["box"]
        return box

    def cropped(self, low: npt.ArrayLike, high: npt.ArrayLike) -> Self:
        """The same tree with another box, which must hold everything known."""
        box = checked_box(low, high)
        if self.n_leaves:
            first, last = self.known_box()
            if not (np.less_equal(box[0], first).all() and np.less_equal(last, box[1]).all()):
                raise ValueError(
                    f"the box {box} leaves out known voxels; they span {first}..{last}"
                )
        return type(self)(self.tree, self.values, self.resolution, *box)

    def probabilities(self, prior: float = 0.5) -> Array:
        """Occupancy probability of each code, (K,); unknown voxels have `prior`."""
        if not 0.0 <= prior <= 1.0:
            raise ValueError(f"prior is {prior}; need a probability in [0, 1]")
        with np.errstate(over="ignore"):
            p = 1.0 / (1.0 + np.exp(-self.values.astype(np.float64)))
        p[0] = prior
        return np.asarray(p)

    def entropy(self, *, prior: float = 0.5) -> float:
        """Entropy of the voxels of the box [bit]; unknown ones have occupancy `prior`."""
        _, levels, codes = self._list()
        counts = np.bincount(codes, weights=8.0**levels, minlength=len(self.values))
        counts[0] = math.prod(self.shape) - counts.sum()
        return float(counts @ binary_entropy(self.probabilities(prior)))

    def leaves(self) -> Leaves:
        """Every known leaf: where, how large, its log-odds."""
        keys, levels, codes = self._list()
        corner = (keys.astype(np.float64) - HALF) * self.resolution
        return Leaves(corner, np.ldexp(self.resolution, levels.astype(np.intc)), self.values[codes])

    def to_dense(self, *, prior: float = 0.5, dtype: npt.DTypeLike = np.float32) -> Any:
        """Occupancy probability of every voxel of the box, (D, H, W) = (z, y, x)."""
        codes = np.zeros(self.shape, dtype=np.int32)
        octree.fill_dense(*self._list(), np.array(self.low, dtype=np.int64), codes)
        return self.probabilities(prior).astype(dtype)[codes]

    def slice_at(self, z: float) -> OccupancyGrid:
        """The layer of voxels at height `z` [m] as a 2-D grid."""
        x0, y0 = self.bounds[:2]
        xs = x0 + (np.arange(self.shape[2]) + 0.5) * self.resolution
        ys = y0 + (np.arange(self.shape[1]) + 0.5) * self.resolution
        grid = np.stack([*np.meshgrid(xs, ys), np.full((len(ys), len(xs)), float(z))], axis=-1)
        return OccupancyGrid(
            self.occupancy_at(grid).astype(np.float32), self.resolution, (x0, y0, 0.0)
        )

    def world_to_key(self, xyz: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Key (..., 3) of the voxel that holds each point (..., 3) [m]."""
        # times 1 / resolution, as OctoMap does: the last bit decides for points on voxel faces
        scaled = np.asarray(xyz, dtype=np.float64) * (1.0 / self.resolution)
        return np.asarray(np.floor(scaled)).astype(np.int64) + HALF

    def contains(self, xyz: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Whether each point (..., 3) [m] lies in the box; shape (...)."""
        points = np.asarray(xyz, dtype=np.float64)
        safe = np.where(np.isfinite(points), points, 2.0 * HALF * self.resolution)
        keys = self.world_to_key(np.clip(safe, *np.array([-2.0, 2.0]) * HALF * self.resolution))
        return np.asarray(((keys >= self.low) & (keys < self.high)).all(axis=-1))

    def log_odds_at(self, xyz: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Log-odds [nat] of the voxel that holds each point (..., 3) [m]; NaN if unknown."""
        return self.values[self._codes_at(xyz)]

    def occupancy_at(self, xyz: npt.ArrayLike, *, prior: float = 0.5) -> Array:
        """Occupancy probability of the voxel that holds each point (..., 3) [m]."""
        return np.asarray(self.probabilities(prior)[self._codes_at(xyz)])

    def insert(
        self,
        xyz: npt.ArrayLike,
        log_odds: npt.ArrayLike,
        *,
        limits: tuple[float, float] = (0.001, 0.999),
    ) -> Self:
        """The map with `log_odds` [nat] added to the voxels that hold the points (n, 3) [m].

        Several points in one voxel add up. Unknown voxels start from 0; results are clamped to
        the probabilities `limits`.
        """
        points = np.atleast_2d(np.asarray(xyz, dtype=np.float64))
        added = np.broadcast_to(np.asarray(log_odds, dtype=np.float64), points.shape[:1])
        if not np.isfinite(added).all():
            raise ValueError("log_odds hold a value that is not finite; need numbers [nat]")
        low, high = log_limits(limits)
        self._require_inside(points)
        keys, inverse = np.unique(self.world_to_key(points), axis=0, return_inverse=True)
        total = np.bincount(inverse.ravel(), weights=added, minlength=len(keys))
        old = np.nan_to_num(self.values[self._codes_of(keys)].astype(np.float64), nan=0.0)
        new = np.clip(old + total, low, high).astype(np.float32)
        values, codes = encode(np.concatenate((self.values, new)))
        blocks = octree.write(self.tree, keys, codes[len(self.values) :])
        return type(self)(blocks, values, self.resolution, self.low, self.high)

    def prune(self, step: float = 0.0) -> Self:
        """The map with log-odds rounded to multiples of `step` [nat] and equal voxels merged.

        Maps are always pruned without loss; a step above 0 trades accuracy for size.
        """
        if not (math.isfinite(step) and step >= 0.0):
            raise ValueError(f"step is {step}; need a number of nats of at least 0")
        rounded = np.rint(self.values / step) * step if step > 0.0 else self.values
        return self.with_values(np.asarray(rounded, dtype=np.float32))

    def with_values(self, values: npt.NDArray[np.float32]) -> Self:
        """The map with the log-odds `values` (K,) in place of `self.values`, merged again."""
        distinct, codes = encode(values)
        blocks = octree.recode(self.tree, codes)
        return type(self)(blocks, distinct, self.resolution, self.low, self.high)

    def _list(
        self,
    ) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
        n = self.n_leaves
        keys, levels = np.empty((n, 3), dtype=np.uint16), np.empty(n, dtype=np.uint8)
        codes = np.empty(n, dtype=np.int32)
        octree.list_leaves(self.tree, keys, levels, codes)
        return keys, levels, codes

    def _require_inside(self, points: Array) -> None:
        if points.shape[-1:] != (3,):
            raise ValueError(f"points have shape {points.shape}; need (..., 3): x, y, z [m]")
        inside = self.contains(points)
        if not inside.all():
            x0, y0, z0, x1, y1, z1 = self.bounds
            raise ValueError(
                f"point {points[~inside][0].tolist()} lies outside the map, which spans x"
                f" {x0:g}..{x1:g} m, y {y0:g}..{y1:g} m, z {z0:g}..{z1:g} m"
            )

    def _codes_of(self, keys: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        codes = np.empty(len(keys), dtype=np.int32)
        octree.find_all(self.tree, keys, codes)
        return codes

    def _codes_at(self, xyz: npt.ArrayLike) -> npt.NDArray[np.int32]:
        points = np.asarray(xyz, dtype=np.float64)
        self._require_inside(points)
        keys = self.world_to_key(points)
        return self._codes_of(keys.reshape(-1, 3)).reshape(keys.shape[:-1])

    def __repr__(self) -> str:
        d, h, w = self.shape
        return (
            f"VoxelMap({w} x {h} x {d} voxels of {self.resolution:g} m, {self.n_leaves} leaves,"
            f" {self.nbytes} bytes)"
        )


def log_limits(limits: tuple[float, float]) -> tuple[float, float]:
    """Log-odds [nat] of the two probabilities 0 < low < 0.5 < high < 1."""
    low, high = limits
    if not 0.0 < low < 0.5 < high < 1.0:
        raise ValueError(f"limits are {limits}; need 0 < low < 0.5 < high < 1")
    return math.log(low / (1.0 - low)), math.log(high / (1.0 - high))


def _aligned(origin: tuple[float, ...], resolution: float) -> npt.NDArray[np.int64]:
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
