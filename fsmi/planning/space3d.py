"""What a voxel map says for planning in 3-D: free, occupied, unknown, and where a body fits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from fsmi import _octree as octree
from fsmi.planning.knowledge import FREE_BELOW, OCCUPIED_ABOVE, unknown_prior
from fsmi.voxels import VoxelMap

Mask = npt.NDArray[np.bool_]
Array = npt.NDArray[np.float64]
MOST_VOXELS = 1 << 28  # planning works on dense copies of the box, a byte a voxel


@final
@dataclass(frozen=True)
class Space:
    """A voxel map split by two thresholds, as dense masks (D, H, W) = (z, y, x) over its box.

    Attributes
    ----------
    free, occupied, unknown : bool arrays
        By the map: occupancy at most `free_below`; at least `occupied_above`; in between.
    open : bool array
        Unknown voxels that are worth a look: not `solid`.
    solid : bool array
        Where a beam is expected to end: the occupied voxels with narrow gaps between them closed,
        and the unknown voxels beside them that lie in no 3 x 3 x 3 block of unknown ones (what
        beams that graze a wall leave behind).
    belief : VoxelMap
        What a scan is expected to meet: free voxels are certain, solid ones are, open ones are
        unknown and have occupancy `prior`. Known voxels carry no information, and the tree is
        small, because all free space is equal.
    prior : float
    """

    free: Mask
    occupied: Mask
    unknown: Mask
    open: Mask
    solid: Mask
    belief: VoxelMap
    prior: float

    def entropy(self) -> float:
        """Entropy [bit] of the belief: what there is to learn, if the prior is right."""
        p = self.prior
        return int(self.open.sum()) * -(p * math.log2(p) + (1.0 - p) * math.log2(1.0 - p))

    def key_of(self, xyz: npt.ArrayLike) -> npt.NDArray[np.intp]:
        """Index (..., 3) = (k, i, j) into the masks of the voxel that holds each point [m]."""
        keys = self.belief.world_to_key(xyz) - np.array(self.belief.low)
        return np.asarray(keys[..., ::-1].astype(np.intp))

    def centre_of(self, kij: npt.ArrayLike) -> Array:
        """Centre (..., 3) [m] of voxels (..., 3) = (k, i, j)."""
        x0, y0, z0 = self.belief.bounds[:3]
        index = np.asarray(kij, dtype=np.float64)[..., ::-1]
        return np.asarray((index + 0.5) * self.belief.resolution + np.array((x0, y0, z0)))

    def within(self, mask: Mask, xyz: Array) -> Mask:
        """Whether each point (n, 3) [m] lies in a voxel of a mask (D, H, W); bool (n,)."""
        inside = self.belief.contains(xyz)
        k, i, j = self.key_of(xyz[inside]).T
        inside[inside] = mask[k, i, j]
        return inside

    def __repr__(self) -> str:
        free, occupied, unknown = (int(m.sum()) for m in (self.free, self.occupied, self.unknown))
        return f"Space({free} free, {occupied} occupied, {unknown} unknown voxels)"


def classify_3d(
    voxels: VoxelMap,
    *,
    prior: float | None = None,
    free_below: float = FREE_BELOW,
    occupied_above: float = OCCUPIED_ABOVE,
    opaque: Mask | None = None,
    gap: float = 0.0,
) -> Space:
    """Split a map into free, occupied and unknown voxels; `prior` defaults to `unknown_prior`.

    Voxels in `opaque` (D, H, W) count as solid whatever the map says. Unknown gaps between occupied
    voxels are closed up to a width of `gap` [m], two voxels at least.
    """
    if not 0.0 <= free_below < 0.5 < occupied_above <= 1.0:
        raise ValueError(
            f"thresholds are {free_below} and {occupied_above};"
            " need 0 <= free_below < 0.5 < occupied_above <= 1"
        )
    chosen = unknown_prior(voxels.resolution) if prior is None else float(prior)
    if not 0.0 < chosen < 1.0:
        raise ValueError(f"prior is {prior}; need a probability in (0, 1)")
    if math.prod(voxels.shape) > MOST_VOXELS:
        raise ValueError(
            f"the map has {math.prod(voxels.shape)} voxels; planning takes at most {MOST_VOXELS}:"
            " crop its box or use a coarser resolution"
        )
    codes = voxels.dense_codes()
    p = voxels.probabilities()
    free, occupied = (p <= free_below)[codes], (p >= occupied_above)[codes]
    unknown = ~(free | occupied)
    if not (math.isfinite(gap) and gap >= 0.0):
        raise ValueError(f"gap is {gap}; need a number of metres of at least 0")
    by = max(1, math.ceil(0.5 * gap / voxels.resolution - 1e-9))
    solid = occupied | ~grown(~grown(occupied, by), by)
    rest = unknown & ~solid
    solid |= rest & ~(grown(~grown(~rest)) & rest) & grown(solid)
    solid &= ~free
    if opaque is not None:
        solid |= opaque
    open_ones = unknown & ~solid
    kinds = np.where(open_ones, np.int32(0), np.where(solid, np.int32(2), np.int32(1)))
    blocks = octree.build(kinds, np.array(voxels.low, dtype=np.int64))
    certain = np.array([np.nan, -np.inf, np.inf], dtype=np.float32)
    belief = VoxelMap(blocks, certain, voxels.resolution, voxels.low, voxels.high)
    return Space(free, occupied, unknown, open_ones, solid, belief, chosen)


def grown(mask: Mask, by: int = 1) -> Mask:
    """A mask (D, H, W) with all voxels within `by` of it along every axis."""
    out = mask
    for axis in range(3):
        wide = out.copy()
        for step in range(1, by + 1):
            near, far = (_shifted(axis, step), _shifted(axis, -step))
            wide[near] |= out[far]
            wide[far] |= out[near]
        out = wide
    return out


def _shifted(axis: int, step: int) -> tuple[slice, ...]:
    part = slice(step, None) if step > 0 else slice(None, step)
    return tuple(part if a == axis else slice(None) for a in range(3))


def room_for_body(space: Space, radius: float, cleared: Mask | None = None) -> Mask:
    """Voxels where the centre of a body of `radius` [m] can be: all around is free and mapped.

    The body is taken for a cube, and the way between two voxel centres for anywhere in the
    voxels it crosses. Voxels in `cleared` count as free unless they are occupied.
    """
    if not (math.isfinite(radius) and radius > 0.0):
        raise ValueError(f"radius is {radius}; need a positive number of metres")
    by = math.ceil(radius / space.belief.resolution - 1e-9)
    free = space.free & ~space.solid
    if cleared is not None:
        free |= cleared & ~space.occupied
    outside = np.ones(tuple(n + 2 for n in free.shape), dtype=np.bool_)
    outside[1:-1, 1:-1, 1:-1] = ~free
    return np.asarray(~grown(outside, by)[1:-1, 1:-1, 1:-1])


def ball(space: Space, centre: npt.ArrayLike, radius: float) -> Mask:
    """Voxels whose centre lies within `radius` [m] of a point."""
    x, y, z = np.asarray(centre, dtype=np.float64)
    d, h, w = space.free.shape
    where = space.centre_of(np.stack((np.arange(max(d, h, w)),) * 3, axis=-1))
    dx, dy, dz = where[:w, 0] - x, where[:h, 1] - y, where[:d, 2] - z
    squares = dz[:, None, None] ** 2 + dy[None, :, None] ** 2 + dx[None, None, :] ** 2
    return np.asarray(squares <= radius * radius)
