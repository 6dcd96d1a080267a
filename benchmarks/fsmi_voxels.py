"""Voxels: rays, information of a scan by runs and cell by cell, trees, files; OctoMap beside it.

One thread, compilation excluded, what is compared runs in turns; times are medians of the
thread's processor time, which other programs on the machine disturb least (two threads with early
stop: of the time on the clock). "Cell by cell" is a
fused loop over a dense array of the smallest codes that do: no tree, nothing stored, no early
stop; the fastest form that dense voxels allow. The peer is `castRay` of octomap-python, one call
a ray, and does only the casting.
"""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fsmi import SpinningLidar, VoxelMap, load_octomap, save_octomap, simulate_ranges_3d
from fsmi._jit import fused
from fsmi.information3d import code_table, scan_sums_bounded_3d
from fsmi.mapping3d import update_3d
from fsmi.raycast import TIE, cells_left, start_axis
from fsmi.raycast3d import cast_runs, scaled_poses
from fsmi.sensor3d import beam_directions
from fsmi.sim.worlds3d import rooms

REPEATS = 9
RINGS, TURN = 32, 900  # 28,800 beams
TOL = 1e-5  # of early stopping [bit a beam], the default of scan_mi
NODES = 5_000_000
Row = dict[str, Any]


@fused
def dense_walk(
    codes: np.ndarray,
    shape: np.ndarray,
    start: np.ndarray,
    rays: np.ndarray,
    length: float,
    table: np.ndarray,
    solid: float,
) -> tuple[float, int, int]:
    """Zero-noise information of rays through dense codes (z, y, x), voxels crossed, hits.

    A voxel with an occupancy above `solid` ends the ray.
    """
    total, cells, hits = 0.0, 0, 0
    height, width = shape[1], shape[2]
    for b in range(rays.shape[0]):
        k, sk, tk, gk = start_axis(start[2], rays[b, 2])
        i, si, ti, gi = start_axis(start[1], rays[b, 1])
        j, sj, tj, gj = start_axis(start[0], rays[b, 0])
        left_k, left_i = cells_left(k, sk, shape[0]), cells_left(i, si, height)
        left_j = cells_left(j, sj, width)
        at = (k * height + i) * width + j
        jump_k, jump_i, jump_j = sk * height * width, si * width, sj
        reach, front, t = 1.0, 0.0, 0.0
        while t < length - TIE and left_k >= 0 and left_i >= 0 and left_j >= 0:
            c = codes[np.uintp(at)]
            o = table[c, 0]
            total += reach * o * (table[c, 2] + front)
            reach *= 1.0 - o
            front += table[c, 3]
            cells += 1
            if o > solid:
                hits += 1
                break
            t = min(ti, tj, tk)
            if tj <= t + TIE:
                left_j -= 1
                at += jump_j
                tj += gj
            if ti <= t + TIE:
                left_i -= 1
                at += jump_i
                ti += gi
            if tk <= t + TIE:
                left_k -= 1
                at += jump_k
                tk += gk
        total += reach * front
    return total, cells, hits


def in_turns(*works: Callable[[], Any], repeats: int = REPEATS) -> list[float]:
    """Median seconds of each call, called in turns so that all meet the same load."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(repeats + 1):
        for work, found in zip(works, times, strict=True):
            start = time.thread_time()
            work()
            found.append(time.thread_time() - start)
    return [statistics.median(found[1:]) for found in times]


def blocks(side: int) -> VoxelMap:
    """320 voxels a side in cubes of `side`, each with an occupancy of its own."""
    n = 320 // side
    p = np.random.default_rng(side).choice(np.linspace(0.02, 0.2, 199), (n, n, n))
    for axis in range(3):
        p = p.repeat(side, axis=axis)
    return VoxelMap.from_dense(p, 0.1)


def house(places: np.ndarray) -> VoxelMap:
    """The lower storey of a house at 5 cm as a noisy lidar has mapped it from `places` (n, 2)."""
    world = rooms(1)
    sensor = SpinningLidar(
        64, 900, elevation=(-1.2, 1.2), max_range=8.0, delta_occ=20.0, delta_emp=0.3
    )
    voxels = VoxelMap.unknown(world.voxels.bounds, world.voxels.resolution)
    rng = np.random.default_rng(0)
    for x, y in places:
        pose = np.array((x, y, 1.4, 0.0))
        ranges = simulate_ranges_3d(world.voxels, pose, sensor)[0]
        voxels = update_3d(voxels, pose, ranges + rng.normal(0.0, 0.01, ranges.shape), sensor)
    return voxels


def lawn(step: float) -> np.ndarray:
    """Places (n, 2) [m] over the free floor of the house."""
    world = rooms(1)
    x, y = np.meshgrid(np.arange(0.8, 9.5, step), np.arange(0.8, 7.5, step))
    places = np.stack((x.ravel(), y.ravel()), axis=-1)
    heights = np.full(len(places), 1.4)
    return places[world.voxels.occupancy_at(np.column_stack((places, heights))) < 0.5]


def lidar(max_range: float, **options: float) -> SpinningLidar:
    return SpinningLidar(RINGS, TURN, elevation=(-0.5, 0.5), max_range=max_range, **options)


def dense_twin(
    voxels: VoxelMap, pose: np.ndarray, sensor: SpinningLidar, solid: float
) -> Callable[[], tuple[float, int, int]]:
    """`dense_walk` on a map, everything prepared."""
    codes = voxels.dense_codes()
    codes = codes.astype(np.min_scalar_type(int(codes.max())))
    starts, frames = scaled_poses(voxels, pose)
    start = starts[0] - np.array(voxels.low)
    rays = np.ascontiguousarray(beam_directions(sensor) @ frames[0].T)
    table = code_table(voxels, sensor, "fsmi", 0.5)
    length = sensor.max_range / voxels.resolution
    flat, shape = codes.ravel(), np.array(codes.shape)
    return lambda: dense_walk(flat, shape, start, rays, length, table, solid)


def cells_a_run(voxels: VoxelMap, pose: np.ndarray, sensor: SpinningLidar) -> float:
    some = [
        cast_runs(voxels, pose[0, :3], ray, sensor.max_range)
        for ray in beam_directions(sensor)[::97]
    ]
    return sum(int(r.cells.sum()) for r in some) / sum(len(r.cells) for r in some)


def scan_rows(name: str, voxels: VoxelMap, pose: np.ndarray, max_range: float) -> list[Row]:
    """Information of one scan of 28,800 beams: cell by cell, by runs, with early stop."""
    sensor = lidar(max_range)
    dense = dense_twin(voxels, pose, sensor, 2.0)
    nats = TOL * math.log(2.0)
    whole, _ = scan_sums_bounded_3d(voxels, pose, sensor, "fsmi", 0.0)
    stopped, dropped = scan_sums_bounded_3d(voxels, pose, sensor, "fsmi", nats)
    told, cells, _ = dense()
    if not math.isclose(told, whole[0], rel_tol=1e-9):
        raise AssertionError(f"cells tell {told} nat, runs {whole[0]}")
    if not 0.0 <= whole[0] - stopped[0] <= dropped[0] + 1e-12 * told:
        raise AssertionError(f"early stop dropped {whole[0] - stopped[0]}, bound {dropped[0]}")
    by_cells, by_runs, early = in_turns(
        dense,
        lambda: scan_sums_bounded_3d(voxels, pose, sensor, "fsmi", 0.0, n_threads=1),
        lambda: scan_sums_bounded_3d(voxels, pose, sensor, "fsmi", nats, n_threads=1),
    )
    two = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        scan_sums_bounded_3d(voxels, pose, sensor, "fsmi", nats, n_threads=2)
        two.append(time.perf_counter() - begin)
    return [
        {
            "name": f"MI of a scan: {name}",
            "voxels_a_beam": cells / sensor.n_beams,
            "voxels_a_run": cells_a_run(voxels, pose, sensor),
            "cells_ms": 1e3 * by_cells,
            "runs_ms": 1e3 * by_runs,
            "gain": by_cells / by_runs,
            "early_stop_ms": 1e3 * early,
            "two_threads_ms": 1e3 * statistics.median(two),
            "dropped_at_most": f"{dropped[0] / told:.0e}",
        }
    ]


def ray_rows(name: str, voxels: VoxelMap, pose: np.ndarray, max_range: float) -> list[Row]:
    """First hits: rays a second cell by cell, by runs, and by OctoMap's castRay."""
    import octomap

    sensor = lidar(max_range)
    dense = dense_twin(voxels, pose, sensor, 0.5)
    rays = beam_directions(sensor)[::10]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.ot"
        save_octomap(voxels, path)
        tree = octomap.OcTree.read(str(path).encode())
    origin, end = pose[0, :3].copy(), np.zeros(3)
    turned = np.ascontiguousarray(rays @ scaled_poses(voxels, pose)[1][0].T)

    def peer() -> int:
        return sum(
            tree.castRay(origin, ray, end, ignoreUnknownCells=True, maxRange=max_range)
            for ray in turned
        )

    ranges = simulate_ranges_3d(voxels, pose, sensor)[0]
    by_cells, by_runs, octo = in_turns(
        dense, lambda: simulate_ranges_3d(voxels, pose, sensor), peer
    )
    octo *= sensor.n_beams / len(turned)
    return [
        {
            "name": f"first hits: {name}",
            "voxels_a_beam": dense()[1] / sensor.n_beams,
            "cells_Mrays_s": sensor.n_beams / by_cells / 1e6,
            "runs_Mrays_s": sensor.n_beams / by_runs / 1e6,
            "castRay_Mrays_s": sensor.n_beams / octo / 1e6,
            "hits": int(np.isfinite(ranges[::10]).sum()),
            "castRay_hits": peer(),
        }
    ]


def tree_row(name: str, voxels: VoxelMap) -> Row:
    """Bytes a leaf, and those of OctoMap's nodes (its own count) for the same file."""
    import octomap

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.ot"
        save_octomap(voxels, path)
        tree = octomap.OcTree.read(str(path).encode())
    return {
        "name": f"memory: {name}",
        "leaves": voxels.n_leaves,
        "bytes_a_leaf": voxels.nbytes / voxels.n_leaves,
        "octomap_bytes_a_leaf": tree.memoryUsage() / tree.getNumLeafNodes(),
        "dense_float32_bytes_a_leaf": 4 * math.prod(voxels.shape) / voxels.n_leaves,
    }


def file_rows() -> list[Row]:
    """Loading files of five million nodes, and the peer's reader on the same files."""
    import octomap

    n = math.ceil((NODES * 7 / 8) ** (1 / 3) / 2) * 2
    rng = np.random.default_rng(0)
    p = 1.0 / (1.0 + np.exp(-np.round(rng.normal(0.0, 1.5, (n, n, n)), 3) - 0.0005))
    voxels = VoxelMap.from_dense(p.astype(np.float32), 0.1)
    out = []
    with tempfile.TemporaryDirectory() as folder:
        for suffix in (".bt", ".ot"):
            path = Path(folder) / f"large{suffix}"
            save_octomap(voxels, path)
            size = int(path.read_bytes()[:200].split(b"size ")[1].split()[0])
            name = str(path).encode()
            own, peer = in_turns(
                lambda path=path: load_octomap(path),
                lambda name=name, suffix=suffix: (
                    octomap.OcTree(0.1).readBinary(name)
                    if suffix == ".bt"
                    else octomap.OcTree.read(name)
                ),
                repeats=3,
            )
            out.append(
                {
                    "name": f"load {suffix}",
                    "nodes": size,
                    "MB": path.stat().st_size / 1e6,
                    "own_s": own,
                    "octomap_s": peer,
                }
            )
    return out


def rows(argv: list[str] | None = None) -> list[Row]:
    """All rows; see the module."""
    if argv:
        raise SystemExit(f"fsmi_voxels takes no arguments, got {argv}")
    middle = np.array([[16.013, 16.027, 16.041, 0.3]])
    inside = np.array([[3.51, 2.47, 1.413, 0.3]])
    fresh, mapped = house(lawn(1.5)[:3]), house(lawn(0.75))
    scenes = {side: blocks(side) for side in (1, 16, 64)}
    out: list[Row] = []
    out += scan_rows("house, mapped", mapped, inside, 4.2)
    out += scan_rows("house, three scans", fresh, inside, 4.2)
    out += scan_rows("no two voxels alike", scenes[1], middle, 6.8)
    for side in (16, 64):
        for max_range in (6.8, 14.0):
            out += scan_rows(f"cubes of {side}", scenes[side], middle, max_range)
    out += ray_rows("house, mapped", mapped, inside, 8.0)
    out += ray_rows("cubes of 16, none solid", scenes[16], middle, 6.8)
    out.append(tree_row("house, mapped", mapped))
    out.append(tree_row("no two voxels alike", scenes[1]))
    return out + file_rows()
