"""Slow, obvious twins of the voxel code: dictionaries and loops, no tree, no numba."""

from __future__ import annotations

import itertools
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


def beam_cells(
    dense: npt.NDArray[np.float64], start: npt.ArrayLike, ray: npt.ArrayLike, length: float
) -> tuple[list[tuple[int, int, int]], list[float]]:
    """Cells (k, i, j) and boundary distances of a ray in a dense array (z, y, x), by sorting.

    All boundary crossings are listed, sorted, and those closer than 1e-9 merged; a cell is where
    the middle between two crossings lies. `start` is (x, y, z) in cells.
    """
    p = np.asarray(start, dtype=float)
    d = np.asarray(ray, dtype=float) / np.linalg.norm(ray)
    d[np.abs(d) < 1e-12] = 0.0
    sizes = np.array(dense.shape[::-1])
    crossings = [0.0]
    for a in range(3):
        if d[a] != 0.0:
            planes = (np.arange(sizes[a] + 1) - p[a]) / d[a]
            crossings += [float(t) for t in planes if 1e-9 < t < length - 1e-9]
    crossings = sorted(crossings)
    edges = [crossings[0]]
    for t in crossings[1:]:
        if t > edges[-1] + 1e-9:
            edges.append(t)
    edges.append(min(length, edges[-1] + 2.0))  # a chord is at most sqrt(3)
    cells: list[tuple[int, int, int]] = []
    for near, far in itertools.pairwise(edges):
        j, i, k = np.floor(p + 0.5 * (near + far) * d).astype(int)
        if not (0 <= j < sizes[0] and 0 <= i < sizes[1] and 0 <= k < sizes[2]):
            break
        cells.append((int(k), int(i), int(j)))
    return cells, edges[: len(cells) + 1]


def joint_gain(
    beams: list[list[tuple[int, int, int]]],
    dense: npt.NDArray[np.float64],
    gains: Any,
    count_no_hit: bool,
    best: dict[tuple[tuple[int, int, int], bool], float] | None = None,
) -> float:
    """Information with each voxel counted once at its best reach, with dictionaries.

    `gains(o)` is the gain of a hit and of a miss; `best` is kept over the poses of a path.
    """
    best = {} if best is None else best
    total = 0.0
    for cells in beams:
        reach = [1.0]
        for cell in cells:
            reach.append(reach[-1] * (1.0 - dense[cell]))
        for m, cell in enumerate(cells):
            o = float(dense[cell])
            f_occ, f_emp = gains(o)
            reported = 1.0
            if not count_no_hit:  # something behind is hit, given that the beam gets through
                behind = 1.0
                for other in cells[m + 1 :]:
                    behind *= 1.0 - dense[other]
                reported = 1.0 - behind
            for occupied, value in ((True, reach[m]), (False, reach[m] * reported)):
                old = best.get((cell, occupied), 0.0)
                if value > old:
                    weight = o * f_occ if occupied else (1.0 - o) * f_emp
                    total += (value - old) * weight
                    best[cell, occupied] = value
    return total
