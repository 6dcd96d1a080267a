"""Scans on bricks against the tree and against dense voxels; ties told beforehand; the layout."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from fsmi import RangeSensor, SpinningLidar, VoxelMap, _brickmap, information3d
from fsmi._brickmap import brick_map
from fsmi._free_scan import power
from fsmi._ties import tied
from fsmi.information3d import scan_mi_3d, scan_sums_bounded_3d
from fsmi.sensor3d import beam_directions
from tests.reference_voxels import beam_cells

SHAPE = (24, 32, 40)
CENTRE = (2.05, 1.55, 1.25, 0.0)  # of a voxel: beams at 0, 45 and 90 degrees tie
CORNER = (2.0, 1.6, 1.2, 0.0)
ANYWHERE = (1.937, 1.411, 1.283, 0.31)
SENSORS = {
    "ties": RangeSensor(8, max_range=3.0),
    "rings": SpinningLidar(5, 24, elevation=(-math.pi / 4, math.pi / 4), max_range=2.2),
    "no hit": SpinningLidar(4, 30, elevation=(-1.3, 1.5), max_range=9.0, count_no_hit=False),
    "up": SpinningLidar(1, 1, elevation=(math.pi / 2, math.pi / 2), max_range=4.0),
}


def cubes(side: int) -> VoxelMap:
    """Cubes of `side` voxels, every fourth unknown, some certain."""
    rng = np.random.default_rng(side)
    p = rng.choice([0.5, 0.02, 0.07, 0.3, 0.0], [-(-n // side) for n in SHAPE])
    for axis in range(3):
        p = p.repeat(side, axis=axis)
    p = np.ascontiguousarray(p[: SHAPE[0], : SHAPE[1], : SHAPE[2]])
    p[3, 4, 5], p[20, 30, 38] = 1.0, 0.9
    return VoxelMap.from_dense(p, 0.1)


MAPS = {side: cubes(side) for side in (1, 2, 8, 16)}


@pytest.mark.parametrize("side", MAPS)
@pytest.mark.parametrize("name", SENSORS)
@pytest.mark.parametrize("pose", [CENTRE, CORNER, ANYWHERE])
def test_bricks_tell_what_dense_voxels_tell(
    side: int, name: str, pose: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    voxels, sensor = MAPS[side], SENSORS[name]
    found = scan_mi_3d(voxels, pose, sensor, base=math.e, tol=0.0)[0]
    monkeypatch.setattr(information3d, "brick_map", lambda *_: None)
    assert found == pytest.approx(
        scan_mi_3d(voxels, pose, sensor, base=math.e, tol=0.0)[0], rel=1e-10, abs=1e-12
    )
    table = information3d.code_table(voxels, sensor, "fsmi", 0.5)
    codes = voxels.dense_codes()
    c, s = math.cos(pose[3]), math.sin(pose[3])
    rays = beam_directions(sensor) @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    start = np.array(pose[:3]) * (1.0 / voxels.resolution)  # as VoxelMap.world_to_key
    total = 0.0
    for ray in rays[:: max(1, len(rays) // 24)]:
        reach, front, told = 1.0, 0.0, 0.0
        for cell in beam_cells(codes, start, ray, sensor.max_range / voxels.resolution)[0]:
            o, _, hit, miss = table[codes[cell]]
            told, reach, front = told + reach * o * (hit + front), reach * (1 - o), front + miss
        total += told + (reach * front if sensor.count_no_hit else 0.0)
    if len(rays) <= 24:
        assert found == pytest.approx(total, rel=1e-9, abs=1e-12)


def test_early_stop_drops_no_more_than_it_says() -> None:
    for voxels in MAPS.values():
        whole, nothing = scan_sums_bounded_3d(voxels, ANYWHERE, SENSORS["no hit"], "fsmi", 0.0)
        part, dropped = scan_sums_bounded_3d(voxels, ANYWHERE, SENSORS["no hit"], "fsmi", 1e-3)
        assert nothing[0] == 0.0 < dropped[0]
        assert 0.0 <= whole[0] - part[0] <= dropped[0] * (1.0 + 1e-9)


def test_any_number_of_threads_tells_the_same() -> None:
    sensor = SpinningLidar(20, 450, max_range=2.0)  # three shares a pose
    poses = np.array([ANYWHERE, CENTRE])
    one, three = (scan_mi_3d(MAPS[2], poses, sensor, n_threads=n) for n in (1, 3))
    np.testing.assert_array_equal(one, three)
    with pytest.raises(ValueError, match="n_threads is 0"):
        scan_mi_3d(MAPS[2], poses, sensor, n_threads=0)


@pytest.mark.parametrize("side", MAPS)
def test_bricks_hold_the_codes_of_the_map(side: int) -> None:
    voxels = MAPS[side]
    layout = brick_map(voxels, 10**6)
    assert layout is not None
    coarse, codes, first, size = layout
    assert codes.dtype == np.uint16
    dense = voxels.dense_codes()
    for k, i, j in np.ndindex(dense.shape):
        x, y, z = (a + b for a, b in zip((j, i, k), voxels.low, strict=True))
        bx, by, bz = (np.array((x, y, z)) >> 3) - first
        entry = int(coarse[(bz * size[1] + by) * size[0] + bx])
        if entry >= 0:
            code = codes[entry * 512 + ((z & 7) * 8 + (y & 7)) * 8 + (x & 7)]
        else:
            code = ~entry >> 4
            assert ~entry & 15 >= 3
        assert code == dense[k, i, j]


def test_a_crop_has_bricks_of_its_own() -> None:
    p = np.full((8, 8, 8), 0.5)
    p[2:4, 2:4, 2:4] = 0.2
    whole = VoxelMap.from_dense(p, 0.1)
    part = whole.cropped([k + 2 for k in whole.low], [k + 4 for k in whole.low])
    sensor, pose = SpinningLidar(3, 16, max_range=2.0), (0.31, 0.32, 0.33, 0.0)
    assert scan_mi_3d(part, pose, sensor)[0] < scan_mi_3d(whole, pose, sensor)[0]


def test_bricks_are_left_out_where_they_do_not_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    assert brick_map(MAPS[1], 1) is None  # fewer beams than blocks
    huge = VoxelMap.unknown((-1500, -1500, -1500, 1500, 1500, 1500), 0.1)
    assert brick_map(huge, 10**9) is None
    told = scan_mi_3d(huge, (0.0, 0.0, 0.0, 0.0), SENSORS["rings"])
    assert told[0] > 0.0  # by the tree
    monkeypatch.setattr(_brickmap, "MOST_MIXED", 3)
    assert brick_map(cubes(1), 10**9) is None


def test_powers_of_two_are_right() -> None:
    for steps in (0.0, -0.3, -0.5, -1.0, -15.999, -777.123, -20000.0):
        assert power(steps) == pytest.approx(2.0 ** (steps / 32.0), rel=1e-11)
    assert power(-math.inf) < 1e-300


def test_ties_are_told() -> None:
    """Against the distances of all boundaries, compared in pairs."""
    rng = np.random.default_rng(0)
    yes = 0
    for trial in range(300):
        speed = np.abs(rng.normal(size=3)) + 0.02
        if trial % 3 == 0:  # a tie somewhere: boundary m of one axis on boundary n of another
            m, n = rng.integers(0, 12, 2)
            t = rng.uniform(0.0, 1.0, 3) / speed
            t[1] = t[0] + m / speed[0] - n / speed[1]
            if t[1] < 0.0:
                continue
        else:
            t = rng.uniform(0.0, 1.0, 3) / speed
        limit = 20.0
        edges = [t[a] + np.arange(2000) / speed[a] for a in range(3)]
        edges = [e[e < limit] for e in edges]
        close = any(
            len(edges[a]) and len(edges[b]) and np.abs(edges[a][:, None] - edges[b]).min() < 1e-9
            for a, b in ((0, 1), (0, 2), (1, 2))
        )
        found = tied(
            limit, t[0], 1 / speed[0], speed[0], t[1], 1 / speed[1], speed[1],
            t[2], 1 / speed[2], speed[2],
        )  # fmt: skip
        assert found or not close
        yes += found
    assert 20 < yes < 200


def test_an_axis_that_stands_still_never_ties() -> None:
    third = float(Fraction(1, 3))
    assert not tied(50.0, 0.1, 1.0, 1.0, 1e30, 0.0, 0.0, 1e30, 0.0, 0.0)
    assert not tied(50.0, 0.1, 1.25, 0.8, 0.1 + third, 1.25, 0.8, 1e30, 0.0, 0.0)
    assert tied(50.0, 0.1, 1.25, 0.8, 0.1 + 2.5, 1.25, 0.8, 1e30, 0.0, 0.0)
