"""3-D scans into voxel maps, against dictionaries."""

from __future__ import annotations

import math

import numpy as np
import pytest

import fsmi
from fsmi._lattice import HALF
from fsmi.mapping3d import update_3d
from fsmi.raycast3d import simulate_ranges_3d
from fsmi.sensor import RangeSensor
from fsmi.sensor3d import DepthCamera, SpinningLidar, beam_directions, pose_frames
from fsmi.voxels import VoxelMap
from tests.reference_voxels import beam_cells, random_dense

RESOLUTION = 0.125
POSE = (0.83, 0.22, 1.73, 0.3)
QUATERNION = (0.83, 0.22, 1.73, 0.1, -0.3, 0.2, math.sqrt(1.0 - 0.14))


def start_map(block: int) -> VoxelMap:
    p = random_dense(np.random.default_rng(block), (14, 17, 19), block)
    return VoxelMap.from_dense(np.clip(p, 0.01, 0.99), RESOLUTION, (-0.25, -0.5, 0.75))


def updated_by_cells(voxels, pose, ranges, sensor, rays, limits) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Log-odds of the dense map after the scan, cell by cell; NaN unknown."""
    dense = voxels.to_dense(dtype=float)
    with np.errstate(divide="ignore"):
        odds = np.log(dense) - np.log1p(-dense)
    odds[dense == 0.5] = math.nan
    positions, frames = pose_frames(pose)
    start = positions[0] / RESOLUTION - (np.array(voxels.low) - HALF)
    crossed, hit = set(), set()
    for ray, reading in zip(rays @ frames[0].T, ranges, strict=True):
        if not reading > 0.0:
            continue
        length = min(reading, sensor.max_range) / RESOLUTION
        cells, edges = beam_cells(dense, start, ray, length + 1e-6)
        crossed |= set(cells)
        if reading <= sensor.max_range and edges[-1] >= length:
            hit.add(cells[-1])
    low, high = (math.log(p / (1.0 - p)) for p in limits)
    for cell in crossed:
        step = math.log(sensor.delta_occ if cell in hit else sensor.delta_emp)
        old = 0.0 if math.isnan(odds[cell]) else min(max(odds[cell], low), high)
        odds[cell] = min(max(old + step, low), high)
    return odds


SENSORS = {
    "lidar": SpinningLidar(5, 30, max_range=1.5, delta_occ=3.0, delta_emp=0.4),
    "camera": DepthCamera(9, 7, fx=6.0, fy=6.0, max_range=1.2),
    "planar": RangeSensor(40, max_range=3.0),
}


@pytest.mark.parametrize("block", [1, 4, 32])
@pytest.mark.parametrize("name", SENSORS)
@pytest.mark.parametrize("pose", [POSE, QUATERNION])
def test_update_equals_cell_by_cell(block: int, name: str, pose: tuple[float, ...]) -> None:
    voxels, sensor = start_map(block), SENSORS[name]
    rng = np.random.default_rng(7)
    rays = beam_directions(sensor)
    ranges = rng.uniform(0.05, 1.2 * sensor.max_range, len(rays))
    ranges[::7], ranges[1::11], ranges[2::13], ranges[3::17] = np.inf, np.nan, 0.0, -np.inf
    limits = (0.05, 0.9)
    after = update_3d(voxels, pose, ranges, sensor, limits=limits)
    wanted = updated_by_cells(voxels, pose, ranges, sensor, rays, limits)
    x, y, z = (np.arange(n) for n in after.shape[::-1])
    keys = np.stack(np.meshgrid(z, y, x, indexing="ij")[::-1], axis=-1)
    centres = (keys + np.array(after.low) - HALF + 0.5) * RESOLUTION
    np.testing.assert_allclose(after.log_odds_at(centres), wanted, atol=1e-5)
    changed = ~np.isclose(wanted, voxels.log_odds_at(centres), equal_nan=True)
    assert changed.sum() > 100
    assert (after.low, after.high) == (voxels.low, voxels.high)


def test_the_order_of_beams_does_not_matter() -> None:
    voxels, sensor = start_map(2), SENSORS["lidar"]
    rays = sensor.directions()
    ranges = np.random.default_rng(3).uniform(0.1, 1.6, len(rays))
    order = np.random.default_rng(4).permutation(len(rays))
    one = update_3d(voxels, POSE, ranges, sensor)
    two = update_3d(voxels, POSE, ranges[order], sensor, directions=2.5 * rays[order])
    assert np.array_equal(one.blocks, two.blocks)
    assert np.array_equal(one.values, two.values, equal_nan=True)


def test_a_depth_image_is_its_ranges() -> None:
    voxels, camera = start_map(4), SENSORS["camera"]
    ranges = simulate_ranges_3d(voxels, POSE, camera)[0]
    depth = camera.to_depth(ranges)
    assert depth.shape == (7, 9)
    np.testing.assert_allclose(camera.to_ranges(depth), ranges)
    one, two = (update_3d(voxels, POSE, r, camera) for r in (depth, ranges))
    np.testing.assert_allclose(one.to_dense(), two.to_dense(), atol=1e-6)


def test_scans_of_a_room_reveal_it() -> None:
    room = np.zeros((20, 30, 40))
    for axis in range(3):
        for side in (0, -1):
            room[tuple(side if a == axis else slice(None) for a in range(3))] = 1.0
    world = VoxelMap.from_dense(room, RESOLUTION)
    sensor = SpinningLidar(
        60, 180, elevation=(-1.55, 1.55), max_range=8.0, delta_occ=9.0, delta_emp=0.2
    )
    voxels = VoxelMap.unknown(world.bounds, RESOLUTION)
    for pose in ((1.0, 1.0, 1.0, 0.0), (3.0, 2.0, 1.2, 1.0)):
        ranges = simulate_ranges_3d(world, pose, sensor)[0]
        assert np.isfinite(ranges).all()
        voxels = fsmi.update(voxels, pose, ranges, sensor)
    truth, found = world.to_dense(), voxels.to_dense()
    inside = truth == 0.0
    assert (found[inside] < 0.5).mean() > 0.99
    assert not (found[inside] > 0.5).any()
    assert (found[~inside] >= 0.5).all()
    assert voxels.entropy() < 0.5 * room.size


def test_beams_that_leave_the_map_hit_nothing_in_it() -> None:
    voxels = VoxelMap.unknown((0, 0, 0, 1, 1, 1), RESOLUTION)
    sensor = SpinningLidar(1, 1, elevation=(0.0, 0.0), max_range=5.0)
    away = np.array([[1.0, 0.0, 0.0]])
    far = update_3d(voxels, (0.06, 0.06, 0.06, 0.0), [3.0], sensor, directions=away)
    assert far.leaves().log_odds.max() < 0.0
    assert far.n_leaves == 8
    near = update_3d(voxels, (0.06, 0.06, 0.06, 0.0), [0.5], sensor, directions=away)
    assert near.n_leaves == 5
    assert near.leaves().log_odds.max() > 0.0


def test_certain_voxels_can_change_their_mind() -> None:
    voxels = VoxelMap.from_dense(np.ones((1, 1, 8)), RESOLUTION)
    sensor = SpinningLidar(1, 1, elevation=(0.0, 0.0), max_range=5.0, delta_emp=0.01)
    pose, away = (0.06, 0.06, 0.06, 0.0), np.array([[1.0, 0.0, 0.0]])
    after = update_3d(voxels, pose, [0.5], sensor, directions=away, limits=(0.1, 0.9))
    assert (after.to_dense()[0, 0, :4] < 0.5).all()
    assert after.to_dense()[0, 0, 6] == 1.0


@pytest.mark.parametrize(
    ("pose", "ranges", "options", "message"),
    [
        ((9.0, 0.0, 1.0, 0.0), np.ones(150), {}, "outside the map"),
        (np.zeros((2, 4)), np.ones(150), {}, r"shape \(2, 4\)"),
        (POSE, np.ones(149), {}, r"shape \(149,\); the sensor has 150"),
        (POSE, -np.ones(150), {}, "ranges hold -1.0"),
        (POSE, np.ones(2), {"directions": np.ones((3, 3))}, r"\(3, 3\)"),
        (POSE, np.ones(2), {"directions": np.zeros((2, 3))}, "zero or not finite"),
        (POSE, np.ones(150), {"limits": (0.5, 0.9)}, "limits are"),
    ],
)
def test_bad_input_is_named(pose, ranges, options, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        update_3d(start_map(4), pose, ranges, SENSORS["lidar"], **options)


def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="7 rows and 9 columns"):
        update_3d(start_map(4), POSE, np.ones((9, 7)), SENSORS["camera"])
    with pytest.raises(TypeError, match="angles"):
        fsmi.update(start_map(4), POSE, np.ones(150), SENSORS["lidar"], np.zeros(150))
