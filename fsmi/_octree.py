"""Kernels of `fsmi.voxels`: an octree in flat arrays.

Layout
------
`blocks` (B, 8) int32 holds the eight children of each inner node, child number = x + 2 y + 4 z of
the half it lies in. An entry >= 0 is the row of a child block; an entry < 0 is a leaf whose code
is ``~entry``, a row of `values` (K,), the distinct log-odds of the map. Code 0 is "unknown".
Row 0 of `blocks` is the root. The root spans 2**16 voxels a side; a leaf among the children of a
block at level l covers 2**l voxels a side, so the root's children are at level 15, single voxels
at level 0. Keys are voxel coordinates (x, y, z) in 0..65535.

In canonical form (what `compact` returns) no block but the root has eight equal leaves, blocks
stand in depth-first order and codes are numbered as they first appear there: two maps with the
same content have the same arrays.

While a tree is being built, arrays have spare rows; `count` is the number of blocks in use.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fsmi._jit import kernel

Blocks = npt.NDArray[np.int32]
Codes = npt.NDArray[np.int32]

DEPTH = 16
SIDE = 1 << DEPTH  # voxels
UNKNOWN = -1  # the entry of an unknown leaf: ~0
BRICK = 3  # level of a brick: 8 voxels a side
BRICK_SIDE = 1 << BRICK


@kernel
def child_of(x: int, y: int, z: int, level: int) -> int:
    """Number of the child at `level` that holds a voxel."""
    return ((x >> level) & 1) | (((y >> level) & 1) << 1) | (((z >> level) & 1) << 2)


@kernel
def find(blocks: Blocks, x: int, y: int, z: int) -> tuple[int, int]:
    """Code and level of the leaf that holds a voxel."""
    level = DEPTH - 1
    entry = blocks[0, child_of(x, y, z, level)]
    while entry >= 0:
        level -= 1
        entry = blocks[entry, child_of(x, y, z, level)]
    return ~entry, level


@kernel
def find_all(blocks: Blocks, keys: npt.NDArray[np.int64], codes: Codes) -> None:
    """Fill the code of the leaf that holds each voxel of `keys` (n, 3)."""
    for i in range(keys.shape[0]):
        codes[i] = find(blocks, keys[i, 0], keys[i, 1], keys[i, 2])[0]


@kernel
def room_for(blocks: Blocks, count: int, extra: int) -> Blocks:
    """`blocks` with room for `extra` more rows, moved to a larger array if need be."""
    if count + extra <= blocks.shape[0]:
        return blocks
    grown = np.empty((max(2 * blocks.shape[0], count + extra), 8), dtype=np.int32)
    copy_rows(blocks, count, grown)
    return grown


@kernel
def copy_rows(blocks: Blocks, count: int, out: Blocks) -> None:
    """Copy the first `count` rows. (A loop: slice assignments take numba seconds to compile.)"""
    for b in range(count):
        for c in range(8):
            out[b, c] = blocks[b, c]


@kernel
def fill_row(blocks: Blocks, at: int, entry: int) -> None:
    """Make all children of a block the same leaf."""
    for c in range(8):
        blocks[at, c] = entry


@kernel
def brick_entry(blocks: Blocks, count: int, cube: Codes) -> tuple[int, int]:
    """Blocks for the 512 codes of a brick, x fastest; its entry and the new count.

    `blocks` needs room for 73 rows. `cube` is used as scratch.
    """
    side = BRICK_SIDE
    for i in range(cube.size):
        cube[i] = ~cube[i]
    while side > 1:
        half = side >> 1
        for z in range(half):
            for y in range(half):
                for x in range(half):
                    corner = (2 * z * side + 2 * y) * side + 2 * x
                    first = cube[corner]
                    same = first < 0
                    for c in range(8):
                        e = cube[corner + (((c >> 2) * side) + ((c >> 1) & 1)) * side + (c & 1)]
                        blocks[count, c] = e
                        same = same and e == first
                    # Written in order, each cell after the last one that reads it.
                    if same:
                        cube[(z * half + y) * half + x] = first
                    else:
                        cube[(z * half + y) * half + x] = count
                        count += 1
        side = half
    return cube[0], count


@kernel
def put_brick(blocks: Blocks, count: int, x: int, y: int, z: int, entry: int) -> int:
    """Hang a brick's entry into the tree, splitting leaves above it; the new count.

    `blocks` needs room for 12 rows; blocks that the brick had before are left behind.
    """
    at = 0
    for level in range(DEPTH - 1, BRICK, -1):
        c = child_of(x, y, z, level)
        below = blocks[at, c]
        if below < 0:
            fill_row(blocks, count, below)
            blocks[at, c] = count
            below = count
            count += 1
        at = below
    blocks[at, child_of(x, y, z, BRICK)] = entry
    return count


@kernel
def get_brick(blocks: Blocks, x: int, y: int, z: int, cube: Codes) -> None:
    """Fill the 512 codes of the brick whose first voxel is (x, y, z), x fastest."""
    at, level = 0, DEPTH - 1
    entry = blocks[0, child_of(x, y, z, level)]
    while entry >= 0 and level > BRICK:
        at, level = entry, level - 1
        entry = blocks[at, child_of(x, y, z, level)]
    if entry < 0:
        for i in range(512):
            cube[i] = ~entry
        return
    for i in range(512):
        dx, dy, dz = i & 7, (i >> 3) & 7, i >> 6
        e, level = entry, BRICK - 1
        while e >= 0:
            e = blocks[e, child_of(dx, dy, dz, level)]
            level -= 1
        cube[i] = ~e


@kernel
def build(codes: npt.NDArray[np.int32], low: npt.NDArray[np.int64]) -> Blocks:
    """Blocks of a dense array of codes (z, y, x) whose first voxel has the key `low` (x, y, z)."""
    depth, height, width = codes.shape
    blocks = np.empty((1024, 8), dtype=np.int32)
    fill_row(blocks, 0, UNKNOWN)
    count = 1
    cube = np.empty(512, dtype=np.int32)
    for z0 in range(low[2] // 8 * 8, low[2] + depth, 8):
        for y0 in range(low[1] // 8 * 8, low[1] + height, 8):
            for x0 in range(low[0] // 8 * 8, low[0] + width, 8):
                for i in range(512):
                    x = x0 + (i & 7) - low[0]
                    y = y0 + ((i >> 3) & 7) - low[1]
                    z = z0 + (i >> 6) - low[2]
                    inside = 0 <= x < width and 0 <= y < height and 0 <= z < depth
                    cube[i] = codes[z, y, x] if inside else 0
                blocks = room_for(blocks, count, 85)
                entry, count = brick_entry(blocks, count, cube)
                if entry != UNKNOWN:
                    count = put_brick(blocks, count, x0, y0, z0, entry)
    return blocks[:count]


@kernel
def compact(blocks: Blocks, codes: int) -> tuple[Blocks, Codes]:
    """The tree in canonical form, and the old code of each new one (length <= `codes`).

    Depth first with the last child first: blocks get their number when they are left, counted
    from the end, which puts the finished tree in depth-first order.
    """
    out = np.empty((blocks.shape[0], 8), dtype=np.int32)
    at = np.zeros(DEPTH, dtype=np.int64)  # the path: block, next child and finished entries
    child = np.full(DEPTH, 7, dtype=np.int64)
    done = np.empty((DEPTH, 8), dtype=np.int32)
    free, top = blocks.shape[0], 0
    while top >= 0:
        c = child[top]
        if c >= 0:
            child[top] = c - 1
            entry = blocks[at[top], c]
            if entry < 0:
                done[top, c] = entry
            else:
                top += 1
                at[top] = entry
                child[top] = 7
            continue
        first = done[top, 0]
        same = first < 0 and top > 0
        for k in range(8):
            same = same and done[top, k] == first
        if not same:
            free -= 1
            for k in range(8):
                out[free, k] = done[top, k]
        top -= 1
        if top >= 0:
            done[top, child[top] + 1] = first if same else free
    return _renumber(out[free:], free, codes)


@kernel
def _renumber(blocks: Blocks, shift: int, codes: int) -> tuple[Blocks, Codes]:
    new = np.full(codes, -1, dtype=np.int32)
    old = np.empty(codes, dtype=np.int32)
    new[0], old[0], n = 0, 0, 1
    fresh = np.empty_like(blocks)
    for b in range(blocks.shape[0]):
        for c in range(8):
            entry = blocks[b, c]
            if entry >= 0:
                fresh[b, c] = entry - shift
                continue
            if new[~entry] < 0:
                new[~entry], old[n] = n, ~entry
                n += 1
            fresh[b, c] = ~new[~entry]
    return fresh, old[:n]


@kernel
def intern(bits: npt.NDArray[np.int32], codes: Codes) -> Codes:
    """Number the distinct bit patterns in order of appearance, from 1: fill `codes`, return them.

    An open-addressing hash table that doubles at half load; multiplicative hashing (Knuth).
    """
    mask = 1023
    slots = np.zeros(mask + 1, dtype=np.int32)  # code, 0 empty
    found = np.empty(512, dtype=np.int32)
    n = 0
    for i in range(bits.size):
        b = bits[i]
        h = ((np.int64(b) * 2654435769) >> 16) & mask
        while slots[h] != 0 and found[slots[h] - 1] != b:
            h = (h + 1) & mask
        if slots[h] == 0:
            if n == found.size:
                grown = np.empty(2 * n, dtype=np.int32)
                mask = 2 * mask + 1
                slots = np.zeros(mask + 1, dtype=np.int32)
                for k in range(n):
                    grown[k] = found[k]
                    h = ((np.int64(found[k]) * 2654435769) >> 16) & mask
                    while slots[h] != 0:
                        h = (h + 1) & mask
                    slots[h] = k + 1
                found = grown
                h = ((np.int64(b) * 2654435769) >> 16) & mask
                while slots[h] != 0:
                    h = (h + 1) & mask
            found[n] = b
            n += 1
            slots[h] = n
        codes[i] = slots[h]
    return found[:n]


@kernel
def count_leaves(blocks: Blocks) -> int:
    """Number of leaves that are not unknown."""
    n = 0
    for b in range(blocks.shape[0]):
        for c in range(8):
            n += blocks[b, c] < UNKNOWN
    return n


@kernel
def list_leaves(
    blocks: Blocks, keys: npt.NDArray[np.uint16], levels: npt.NDArray[np.uint8], codes: Codes
) -> None:
    """Fill first voxel (x, y, z), level and code of every known leaf, depth first."""
    at = np.zeros(DEPTH, dtype=np.int64)
    child = np.zeros(DEPTH, dtype=np.int64)
    corner = np.zeros((DEPTH + 1, 3), dtype=np.int64)
    n, top = 0, 0
    while top >= 0:
        c = child[top]
        if c == 8:
            top -= 1
            continue
        child[top] = c + 1
        level = DEPTH - 1 - top
        entry = blocks[at[top], c]
        if entry == UNKNOWN:
            continue
        for a in range(3):
            corner[top + 1, a] = corner[top, a] + (((c >> a) & 1) << level)
        if entry >= 0:
            top += 1
            at[top], child[top] = entry, 0
            continue
        for a in range(3):
            keys[n, a] = corner[top + 1, a]
        levels[n], codes[n] = level, ~entry
        n += 1


@kernel
def extent(
    keys: npt.NDArray[np.uint16],
    levels: npt.NDArray[np.uint8],
    low: npt.NDArray[np.int64],
    high: npt.NDArray[np.int64],
) -> None:
    """Fill the first voxel and one past the last of the smallest box around the leaves."""
    for a in range(3):
        low[a], high[a] = SIDE, 0
        for n in range(levels.size):
            k = np.int64(keys[n, a])
            low[a] = min(low[a], k)
            high[a] = max(high[a], k + (1 << np.int64(levels[n])))


@kernel
def fill_dense(
    keys: npt.NDArray[np.uint16],
    levels: npt.NDArray[np.uint8],
    codes: Codes,
    low: npt.NDArray[np.int64],
    out: npt.NDArray[np.int32],
) -> None:
    """Write the code of each leaf into the part of the dense array (z, y, x) that it covers."""
    depth, height, width = out.shape
    for n in range(codes.size):
        side = 1 << np.int64(levels[n])
        x, y, z = keys[n, 0] - low[0], keys[n, 1] - low[1], keys[n, 2] - low[2]
        for k in range(max(z, 0), min(z + side, depth)):
            for i in range(max(y, 0), min(y + side, height)):
                for j in range(max(x, 0), min(x + side, width)):
                    out[k, i, j] = codes[n]


@kernel
def write(blocks: Blocks, keys: npt.NDArray[np.int64], codes: Codes) -> Blocks:
    """A copy of the tree in which the voxels `keys` (n, 3) are leaves of their own with `codes`."""
    count = blocks.shape[0]
    out = room_for(blocks, count, count + 1024)
    for n in range(keys.shape[0]):
        out = room_for(out, count, DEPTH)
        at = 0
        for level in range(DEPTH - 1, 0, -1):
            c = child_of(keys[n, 0], keys[n, 1], keys[n, 2], level)
            below = out[at, c]
            if below < 0:
                fill_row(out, count, below)
                out[at, c] = count
                below = count
                count += 1
            at = below
        out[at, child_of(keys[n, 0], keys[n, 1], keys[n, 2], 0)] = ~codes[n]
    return out[:count]


@kernel
def recode(blocks: Blocks, codes: Codes) -> Blocks:
    """A copy of the tree in which each code c is codes[c]."""
    out = np.empty_like(blocks)
    for b in range(blocks.shape[0]):
        for c in range(8):
            entry = blocks[b, c]
            out[b, c] = entry if entry >= 0 else ~codes[~entry]
    return out
