"""Slow, obvious twins of the voxel code: dictionaries and loops, no tree, no numba."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

Leaf = tuple[int, int, int, int, float]  # low corner (keys), side in voxels, log-odds


def merged_leaves(voxels: dict[tuple[int, int, int], float], depth: int = 16) -> set[Leaf]:
    """The leaves of the smallest octree that holds the voxels {key: log-odds}."""
    level = dict(voxels)
    leaves: set[Leaf] = set()
    for height in range(depth):
        groups: dict[tuple[int, int, int], list[tuple[tuple[int, int, int], float]]] = {}
        for (x, y, z), value in level.items():
            groups.setdefault((x >> 1, y >> 1, z >> 1), []).append(((x, y, z), value))
        level = {}
        for parent, children in groups.items():
            values = {value for _, value in children}
            # the children of the root stay apart: the root is never a leaf
            if len(children) == 8 and len(values) == 1 and height < depth - 1:
                level[parent] = values.pop()
                continue
            for (x, y, z), value in children:
                leaves.add((x << height, y << height, z << height, 1 << height, value))
    return leaves


def read_ot(body: bytes) -> list[Leaf]:
    """Leaves of a .ot body of OcTree nodes, recursively."""
    at = 0

    def node(corner: tuple[int, int, int], side: int) -> list[Leaf]:
        nonlocal at
        value, mask = struct.unpack_from("<fB", body, at)
        at += 5
        if not mask:
            return [(*corner, side, value)]
        found: list[Leaf] = []
        for c in range(8):
            if mask >> c & 1:
                half = side // 2
                x, y, z = (o + half * (c >> a & 1) for a, o in enumerate(corner))
                found += node((x, y, z), half)
        return found

    return node((0, 0, 0), 1 << 16)


def read_bt(body: bytes, free: float, occupied: float) -> list[Leaf]:
    """Leaves of a .bt body, recursively."""
    at = 0

    def node(corner: tuple[int, int, int], side: int) -> list[Leaf]:
        nonlocal at
        (bits,) = struct.unpack_from("<H", body, at)
        at += 2
        found: list[Leaf] = []
        half = side // 2
        for c in range(8):
            kind = bits >> 2 * c & 3
            x, y, z = (o + half * (c >> a & 1) for a, o in enumerate(corner))
            if kind == 3:
                found += node((x, y, z), half)
            elif kind:
                found.append((x, y, z, half, free if kind == 1 else occupied))
        return found

    return node((0, 0, 0), 1 << 16)


def leaf_set(voxels: Any) -> set[Leaf]:
    """The leaves of a VoxelMap as the twins write them."""
    leaves = voxels.leaves()
    keys = np.rint(leaves.corner / voxels.resolution).astype(int) + 32768
    sides = np.rint(leaves.size / voxels.resolution).astype(int)
    return {
        (int(x), int(y), int(z), int(s), float(v))
        for (x, y, z), s, v in zip(keys, sides, leaves.log_odds, strict=True)
    }


def random_dense(
    rng: np.random.Generator, shape: tuple[int, int, int], block: int = 1
) -> npt.NDArray[np.float32]:
    """Occupancy (z, y, x) in cubes of `block` voxels: a third unknown, some certain."""
    coarse = tuple(-(-n // block) for n in shape)
    p = rng.choice([0.0, 0.02, 0.12, 0.3, 0.7, 0.97, 1.0, 0.5, 0.5, 0.5], size=coarse)
    for axis in range(3):
        p = np.repeat(p, block, axis=axis)
    return np.asarray(p[: shape[0], : shape[1], : shape[2]], dtype=np.float32)
