"""Information of 3-D scans: runs on the tree against dense voxels, beam by beam."""

from __future__ import annotations

import math

import numpy as np
import pytest

import fsmi
from fsmi import information3d
from fsmi._lattice import HALF
from fsmi.information3d import path_mi_3d, scan_mi_3d
from fsmi.measures import beam_mi
from fsmi.measures.noise import uniform_half_width, window_cells
from fsmi.sensor import BeamModel, RangeSensor
from fsmi.sensor3d import DepthCamera, SpinningLidar, pose_frames
from fsmi.voxels import VoxelMap
from tests import reference
from tests.reference_voxels import beam_cells, joint_gain, random_dense

RESOLUTION = 0.1
POSES = np.array([[0.83, 0.22, 1.73, 0.3], [0.15, 0.93, 1.12, -2.0]])
QUATERNION = np.array([[1.2, 0.4, 1.4, 0.1, -0.3, 0.2, math.sqrt(1.0 - 0.14)]])


def scene(block: int) -> VoxelMap:
    p = random_dense(np.random.default_rng(block), (12, 14, 17), block)
    p[(p == 1.0) | (p == 0.97)] = 0.04  # mostly open, so that beams get far
    p[5, 5, 5] = 1.0
    return VoxelMap.from_dense(p, RESOLUTION, (0.0, -0.2, 0.8))


SCENES = {block: scene(block) for block in (1, 2, 4, 16)}


def beams_of(
    voxels: VoxelMap, pose: np.ndarray, sensor: BeamModel
) -> tuple[list[list[tuple[int, int, int]]], list[float]]:
    """Voxels (k, i, j) and length of an average voxel of each beam of a pose."""
    dense = voxels.to_dense(dtype=float)
    positions, frames = pose_frames(pose)
    start = positions[0] / RESOLUTION - (np.array(voxels.low) - HALF)
    rays = fsmi.sensor3d.beam_directions(sensor) @ frames[0].T
    length = sensor.max_range / RESOLUTION
    cells = [beam_cells(dense, start, ray, length)[0] for ray in rays]
    return cells, [RESOLUTION / float(np.abs(ray).sum()) for ray in rays]


SENSORS = {
    "lidar": SpinningLidar(3, 8, max_range=1.1),
    "camera": DepthCamera(4, 3, fx=3.0, fy=3.0, max_range=0.9, delta_occ=4.0, delta_emp=0.3),
    "planar": RangeSensor(7, fov=4.0, max_range=2.0, count_no_hit=False),
}


def scan_by_cells(voxels: VoxelMap, pose: np.ndarray, sensor: BeamModel, measure: str) -> float:
    """The sum over beams by the definition, two loops over the cells of each beam."""
    dense = voxels.to_dense(dtype=float)
    total = 0.0
    for cells, chord in zip(*beams_of(voxels, pose, sensor), strict=True):
        occupancy = [float(dense[cell]) for cell in cells]
        if measure == "shannon":
            total += beam_mi(occupancy, measure="shannon", base=math.e)
            continue
        if measure == "uniform_fsmi":
            noise = reference.uniform_noise(uniform_half_width(sensor.sigma, chord))
        else:
            window = window_cells(sensor.sigma, chord)
            noise = reference.gaussian_noise([chord] * len(cells), sensor.sigma, window)
        total += reference.expected_gain(
            occupancy, noise, sensor.delta_occ, sensor.delta_emp, sensor.count_no_hit
        )
    return total


def with_sigma(sensor, sigma: float):  # type: ignore[no-untyped-def]
    return type(sensor)(**{**sensor.__dict__, "sigma": sigma})


@pytest.mark.parametrize("block", SCENES)
@pytest.mark.parametrize("name", SENSORS)
@pytest.mark.parametrize(
    ("measure", "sigma"),
    [("fsmi", 0.0), ("approx_fsmi", 0.12), ("uniform_fsmi", 0.09), ("shannon", 0.0)],
)
def test_runs_equal_dense_cells(block: int, name: str, measure: str, sigma: float) -> None:
    voxels, sensor = SCENES[block], with_sigma(SENSORS[name], sigma)
    if measure == "shannon" and not sensor.count_no_hit:
        sensor = type(sensor)(**{**sensor.__dict__, "count_no_hit": True})
    poses = POSES if name == "planar" else np.vstack((POSES[:1], POSES[1:]))
    found = scan_mi_3d(voxels, poses, sensor, measure=measure, base=math.e, tol=0.0)
    wanted = [scan_by_cells(voxels, pose, sensor, measure) for pose in poses]
    np.testing.assert_allclose(found, wanted, rtol=0.0, atol=1e-9)


def test_any_attitude() -> None:
    voxels, sensor = SCENES[2], SENSORS["camera"]
    found = scan_mi_3d(voxels, QUATERNION, sensor, base=math.e, tol=0.0)
    assert found[0] == pytest.approx(scan_by_cells(voxels, QUATERNION[0], sensor, "fsmi"), abs=1e-9)
    turned = np.array([[*POSES[0, :3], 0.0, 0.0, math.sin(0.15), math.cos(0.15)]])
    np.testing.assert_allclose(
        scan_mi_3d(voxels, turned, sensor), scan_mi_3d(voxels, POSES[:1], sensor), rtol=1e-12
    )


def gains_of(sensor: BeamModel, measure: str):  # type: ignore[no-untyped-def]
    def gains(o: float) -> tuple[float, float]:
        if measure == "shannon":
            h = -sum(p * math.log(p) for p in (o, 1.0 - o) if p > 0.0)
            return h, h
        return tuple(
            reference.divergence(reference.updated(o, d), o)
            for d in (sensor.delta_occ, sensor.delta_emp)
        )

    return gains


@pytest.mark.parametrize("block", SCENES)
@pytest.mark.parametrize("name", SENSORS)
def test_each_voxel_counted_once(block: int, name: str) -> None:
    voxels, sensor = SCENES[block], SENSORS[name]
    dense = voxels.to_dense(dtype=float)
    found = scan_mi_3d(voxels, POSES, sensor, joint=True, base=math.e, tol=0.0)
    beams = [beams_of(voxels, pose, sensor)[0] for pose in POSES]
    gains = gains_of(sensor, "fsmi")
    wanted = [joint_gain(cells, dense, gains, sensor.count_no_hit) for cells in beams]
    np.testing.assert_allclose(found, wanted, rtol=0.0, atol=1e-9)
    best: dict = {}
    along = [joint_gain(cells, dense, gains, sensor.count_no_hit, best) for cells in beams]
    path = path_mi_3d(voxels, POSES, sensor, base=math.e, tol=0.0)
    np.testing.assert_allclose(path, along, rtol=0.0, atol=1e-9)


def test_joint_shannon_counts_entropy_once() -> None:
    voxels, sensor = SCENES[2], SENSORS["lidar"]
    found = scan_mi_3d(voxels, POSES[:1], sensor, joint=True, measure="shannon", tol=0.0, base=2)
    beams, _ = beams_of(voxels, POSES[0], sensor)
    dense = voxels.to_dense(dtype=float)
    wanted = joint_gain(beams, dense, gains_of(sensor, "shannon"), True) / math.log(2.0)
    assert found[0] == pytest.approx(wanted, abs=1e-9)
    seen = {cell for cells in beams for cell in cells}
    whole = sum(gains_of(sensor, "shannon")(float(dense[c]))[0] for c in seen) / math.log(2.0)
    assert 0.0 < found[0] <= whole


@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("sigma", [0.0, 0.15])
@pytest.mark.parametrize("no_hit", [True, False])
def test_early_stop_keeps_its_promise(joint: bool, sigma: float, no_hit: bool) -> None:
    voxels = VoxelMap.unknown((-2, -2, -2, 2, 2, 2), RESOLUTION)
    sensor = SpinningLidar(6, 30, max_range=2.0, sigma=sigma, count_no_hit=no_hit)
    pose, options = (0.03, 0.01, 0.02, 0.1), {"joint": joint, "base": math.e}
    full = scan_mi_3d(voxels, pose, sensor, tol=0.0, **options)
    for tol in (1e-6, 1e-3, 1e-1):
        short = scan_mi_3d(voxels, pose, sensor, tol=tol, **options)
        assert abs(full - short)[0] <= sensor.n_beams * tol * math.log(2.0)
        args = (voxels, pose, sensor, "approx_fsmi", tol * math.log(2.0))
        if joint:
            sums, dropped = information3d.joint_sums_bounded_3d(*args, path=False)
        else:
            sums, dropped = information3d.scan_sums_bounded_3d(*args)
        assert sums[0] == short[0]
        assert abs(full - short)[0] <= dropped[0] + 1e-12
    assert dropped[0] > 0.0


def test_unknown_voxels_have_the_prior_asked_for() -> None:
    voxels = VoxelMap.unknown((-1, -1, -1, 1, 1, 1), RESOLUTION)
    known = VoxelMap.from_dense(np.full((20, 20, 20), 0.1), RESOLUTION, (-1.0, -1.0, -1.0))
    sensor = SENSORS["lidar"]
    found = scan_mi_3d(voxels, (0.02, 0.01, 0.0, 0.0), sensor, prior=0.1, tol=0.0)
    wanted = scan_mi_3d(known, (0.02, 0.01, 0.0, 0.0), sensor, tol=0.0)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_the_public_doors_take_voxel_maps() -> None:
    voxels, sensor = SCENES[2], SENSORS["lidar"]
    np.testing.assert_array_equal(
        fsmi.scan_mi(voxels, POSES, sensor, joint=True, base=math.e),
        scan_mi_3d(voxels, POSES, sensor, joint=True, base=math.e),
    )
    np.testing.assert_array_equal(
        fsmi.path_mi(voxels, POSES, sensor), path_mi_3d(voxels, POSES, sensor)
    )
    with pytest.raises(TypeError, match="SpinningLidar; a 2-D map needs a RangeSensor"):
        fsmi.scan_mi(fsmi.OccupancyGrid(np.full((4, 4), 0.5), 0.1), (0.1, 0.1, 0.0), sensor)


@pytest.mark.parametrize(
    ("poses", "options", "message"),
    [
        ((9.0, 0.0, 1.0, 0.0), {}, "outside the map"),
        ((math.nan, 0.0, 1.0, 0.0), {}, "not finite"),
        ((0.5, 0.0, 1.0), {}, r"shape \(3,\)"),
        ((0.5, 0.0, 1.0, 0.0, 0.0, 0.0, 0.5), {}, "length 0.5"),
        (POSES, {"measure": "csqmi"}, "measure is 'csqmi'"),
        (POSES, {"tol": -1.0}, "tol is -1"),
        (POSES, {"base": 1.0}, "base is 1"),
        (POSES, {"prior": 1.5}, "prior is 1.5"),
    ],
)
def test_bad_input_is_named(poses, options, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        scan_mi_3d(SCENES[2], poses, SENSORS["lidar"], **options)


def test_no_pose_no_information() -> None:
    none = np.empty((0, 4))
    assert scan_mi_3d(SCENES[2], none, SENSORS["lidar"]).shape == (0,)
    assert scan_mi_3d(SCENES[2], none, SENSORS["lidar"], joint=True).shape == (0,)


def test_views_too_wide_to_count_once_are_refused() -> None:
    far = VoxelMap.unknown((-1500, -1500, -1500, 1500, 1500, 1500), RESOLUTION)
    sensor = SpinningLidar(1, 1, max_range=1500.0)
    with pytest.raises(ValueError, match="shorter max_range"):
        scan_mi_3d(far, (0.0, 0.0, 0.0, 0.0), sensor, joint=True)
