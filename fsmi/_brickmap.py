"""A voxel map laid out in bricks of 8 x 8 x 8 voxels, for many rays: no descent from a root.

`coarse` has one int32 a brick of the box, x fastest. An entry >= 0 is the number of a mixed brick,
whose 512 codes (x fastest) begin at 512 times that in `codes`; an entry < 0 is
``~(code << 4 | level)``: the brick lies in one leaf of 2**level voxels a side, level >= 3.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fsmi._jit import fused
from fsmi._octree import BRICK, DEPTH, Blocks
from fsmi.voxels import VoxelMap

Ints = npt.NDArray[np.int64]
# coarse (n,), codes (512 m,), brick coordinates of the first brick (3,), bricks a side (3,)
BrickMap = tuple[npt.NDArray[np.int32], npt.NDArray[Any], Ints, Ints]

MOST_PLACES = 1 << 22  # entries of `coarse`: 16 MB
MOST_MIXED = 1 << 17  # mixed bricks: 128 MB of codes, 256 MB if there are more than 65,536
BLOCKS_A_BEAM = 256  # blocks of a tree worth laying out for a beam: it pays at the next scan


@fused
def lay_bricks(
    blocks: Blocks,
    first: Ints,
    size: Ints,
    coarse: npt.NDArray[np.int32],
    codes: npt.NDArray[Any],
    count_only: bool,
) -> int:
    """Fill `coarse` and `codes` from a tree; the number of mixed bricks. See the module."""
    at, child = np.zeros(DEPTH, dtype=np.int64), np.zeros(DEPTH, dtype=np.int64)
    corner = np.zeros((DEPTH + 1, 3), dtype=np.int64)
    low, high = np.empty(3, dtype=np.int64), np.empty(3, dtype=np.int64)
    used, top = 0, 0
    while top >= 0:
        c = child[top]
        if c == 8:
            top -= 1
            continue
        child[top] = c + 1
        level = DEPTH - 1 - top
        inside = True
        for a in range(3):
            begin = corner[top, a] + (((c >> a) & 1) << level)
            corner[top + 1, a] = begin
            low[a] = max((begin >> BRICK) - first[a], 0)
            high[a] = min(((begin + (1 << level)) >> BRICK) - first[a], size[a])
            inside = inside and low[a] < high[a]
        if not inside:
            continue
        entry = blocks[at[top], c]
        if entry >= 0 and level > BRICK:
            top += 1
            at[top], child[top] = entry, 0
            continue
        if entry >= 0:
            used += 1
        if count_only:
            continue
        place = used - 1 if entry >= 0 else ~((~entry << 4) | level)
        if entry >= 0:
            lay_codes(blocks, entry, (used - 1) << 9, codes)
        for k in range(low[2], high[2]):
            for i in range(low[1], high[1]):
                for j in range(low[0], high[0]):
                    coarse[(k * size[1] + i) * size[0] + j] = place
    return used


@fused
def lay_codes(blocks: Blocks, block: int, base: int, codes: npt.NDArray[Any]) -> None:
    """Write the 512 codes of the brick whose eight children are those of `block`."""
    for c in range(8):
        quarter = base + (((c & 1) << 2) | (((c >> 1) & 1) << 5) | ((c >> 2) << 8))
        entry = blocks[block, c]
        for d in range(8):
            pair = quarter + (((d & 1) << 1) | (((d >> 1) & 1) << 4) | ((d >> 2) << 7))
            below = entry if entry < 0 else blocks[entry, d]
            for e in range(8):
                leaf = below if below < 0 else blocks[below, e]
                codes[pair + ((e & 1) | (((e >> 1) & 1) << 3) | ((e >> 2) << 6))] = ~leaf


def brick_map(voxels: VoxelMap, beams: int) -> BrickMap | None:
    """The bricks of a map's box, kept with the map; None if they don't pay for `beams` beams.

    They don't if laying them out takes longer than the beams, or too much memory.
    """
    if beams * BLOCKS_A_BEAM < len(voxels.blocks):
        return None
    made: BrickMap | None = voxels.cached(
        ("bricks", voxels.low, voxels.high), lambda: _brick_map(voxels)
    )
    return made


def _brick_map(voxels: VoxelMap) -> BrickMap | None:
    first = np.array(voxels.low, dtype=np.int64) >> BRICK
    size = ((np.array(voxels.high, dtype=np.int64) + 7) >> BRICK) - first
    if math.prod(size.tolist()) > MOST_PLACES:
        return None
    dtype = np.uint16 if len(voxels.values) <= 1 << 16 else np.int32
    coarse, codes = np.empty(0, dtype=np.int32), np.empty(0, dtype=dtype)
    mixed = int(lay_bricks(voxels.tree, first, size, coarse, codes, True))
    if mixed > MOST_MIXED:
        return None
    coarse, codes = np.empty(math.prod(size.tolist()), dtype=np.int32), np.empty(512 * mixed, dtype)
    lay_bricks(voxels.tree, first, size, coarse, codes, False)
    return coarse, codes, first, size
