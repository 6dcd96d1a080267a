"""Occupancy maps in 3-D: voxels on an octree in flat arrays.

A `VoxelMap` follows OctoMap's conventions: voxels stand at whole multiples of the resolution, the
tree has 16 levels, a voxel's value is its log-odds of being occupied, unknown voxels have no
value. In addition a map has a box: the part of space it speaks about. Rays end at its faces, its
unknown voxels count for the entropy, and everything known lies inside.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
import numpy.typing as npt

from fsmi import _octree as octree
from fsmi._lattice import (
    HALF,
    UNKNOWN_BITS,
    Box,
    aligned_key,
    checked_box,
    checked_resolution,
    encode,
    log_limits,
)
from fsmi.grid import OccupancyGrid, binary_entropy

CACHED = 16  # tables kept by a map
MOST_DENSE = 1 << 30  # voxels of a dense copy: 4 GB of codes; two far points can span 65536**3
Array = npt.NDArray[np.float64]


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
        self._cache: dict[Hashable, Any] = {}

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
        low = aligned_key(origin, checked_resolution(resolution))
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
        box: Box = self.cached("box", self._known_box)
        return box

    def _known_box(self) -> Box:
        if self.n_leaves == 0:
            raise ValueError("the map holds no known voxel")
        low, high = np.empty(3, dtype=np.int64), np.empty(3, dtype=np.int64)
        keys, levels, _ = self._list()
        octree.extent(keys, levels, low, high)
        return checked_box(low, high)

    def cropped(self, low: npt.ArrayLike, high: npt.ArrayLike) -> Self:
        """The same tree with another box, which must hold everything known."""
        box = checked_box(low, high)
        if self.n_leaves:
            first, last = self.known_box()
            if not (np.less_equal(box[0], first).all() and np.less_equal(last, box[1]).all()):
                raise ValueError(
                    f"the box {box} leaves out known voxels; they span {first}..{last}"
                )
        same_tree = copy.copy(self)
        same_tree.low, same_tree.high = box
        return same_tree

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
        return self.probabilities(prior).astype(dtype)[self.dense_codes()]

    def dense_codes(self) -> npt.NDArray[np.int32]:
        """The row of `values` of every voxel of the box, (D, H, W) = (z, y, x); 0 is unknown."""
        if math.prod(self.shape) > MOST_DENSE:
            raise ValueError(
                f"the box has {' x '.join(map(str, self.shape))} voxels; a dense array may have"
                f" {MOST_DENSE}: crop the map's box, or ask for points or leaves"
            )
        codes = np.zeros(self.shape, dtype=np.int32)
        octree.fill_dense(*self._list(), np.array(self.low, dtype=np.int64), codes)
        return codes

    def slice_at(self, z: float) -> OccupancyGrid:
        """The layer of voxels at height `z` [m] as a 2-D grid."""
        if self.shape[1] * self.shape[2] > MOST_DENSE // 32:
            raise ValueError(
                f"a layer has {self.shape[1]} x {self.shape[2]} voxels; at most"
                f" {MOST_DENSE // 32}: crop the map's box"
            )
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
        limits: tuple[float, float] = (0.03, 0.97),
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
        self.require_inside(points)
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

    def cached(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What `make` returns, made once for each key: tables that depend on the map alone."""
        if key not in self._cache:
            if len(self._cache) >= CACHED:
                self._cache.clear()
            self._cache[key] = make()
        return self._cache[key]

    def _list(
        self,
    ) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
        n = self.n_leaves
        keys, levels = np.empty((n, 3), dtype=np.uint16), np.empty(n, dtype=np.uint8)
        codes = np.empty(n, dtype=np.int32)
        octree.list_leaves(self.tree, keys, levels, codes)
        return keys, levels, codes

    def require_inside(self, points: Array) -> None:
        """Raise ValueError unless all points (..., 3) [m] lie in the box."""
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
        self.require_inside(points)
        keys = self.world_to_key(points)
        return self._codes_of(keys.reshape(-1, 3)).reshape(keys.shape[:-1])

    def __repr__(self) -> str:
        d, h, w = self.shape
        return (
            f"VoxelMap({w} x {h} x {d} voxels of {self.resolution:g} m, {self.n_leaves} leaves,"
            f" {self.nbytes} bytes)"
        )
