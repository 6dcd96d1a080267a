"""Planning in 3-D: what a map says, the roadmap, the views, the explorer."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.ndimage import binary_closing, binary_dilation, binary_erosion

from fsmi.planning.explorer3d import Explorer3D
from fsmi.planning.knowledge import unknown_prior
from fsmi.planning.roadmap3d import Roadmap3D, clear_ways
from fsmi.planning.space3d import Space, ball, classify_3d, grown, room_for_body
from fsmi.planning.views3d import along_path, best_headings, coarse
from fsmi.sensor import RangeSensor
from fsmi.sensor3d import DepthCamera, SpinningLidar, beam_directions
from fsmi.voxels import VoxelMap
from tests.reference_voxels import random_dense

LIDAR = SpinningLidar(8, 24, elevation=(-1.0, 1.0), max_range=3.0, delta_occ=20.0, delta_emp=0.3)
CAMERA = DepthCamera(16, 12, fx=8.0, fy=8.0, max_range=3.0, delta_occ=20.0, delta_emp=0.3)


def box_map(shape: tuple[int, int, int], free: tuple[slice, ...], resolution: float = 0.2):  # type: ignore[no-untyped-def]
    """A map whose voxels (z, y, x) are unknown but for a free part."""
    p = np.full(shape, 0.5)
    p[free] = 0.05
    return VoxelMap.from_dense(p, resolution)


@pytest.mark.parametrize("by", [1, 3])
def test_growing_takes_all_neighbours(by: int) -> None:
    mask = np.random.default_rng(0).random((6, 9, 7)) < 0.03
    wide = np.ones((2 * by + 1,) * 3, dtype=bool)
    np.testing.assert_array_equal(grown(mask, by), binary_dilation(mask, wide))


def test_classes_and_belief() -> None:
    p = random_dense(np.random.default_rng(1), (9, 12, 10), 3)
    space = classify_3d(VoxelMap.from_dense(p, 0.1), prior=0.1)
    np.testing.assert_array_equal(space.free, p <= 0.25)
    np.testing.assert_array_equal(space.occupied, p >= 0.65)
    assert (space.free ^ space.occupied ^ space.unknown).all()
    cube = np.ones((3, 3, 3), dtype=bool)
    padded = np.pad(space.occupied, 2)
    closed = binary_closing(padded, cube)[2:-2, 2:-2, 2:-2] & ~space.free
    assert (space.solid >= closed).all()
    assert not (space.solid & space.free).any()
    belief = space.belief.to_dense(prior=space.prior)
    np.testing.assert_array_equal(belief[space.free], 0.0)
    np.testing.assert_array_equal(belief[space.solid], 1.0)
    np.testing.assert_allclose(belief[space.open], 0.1, rtol=1e-6)
    assert space.entropy() == pytest.approx(space.belief.entropy(prior=0.1))


def test_gaps_in_a_wall_are_closed_and_crumbs_beside_it_dropped() -> None:
    p = np.full((9, 9, 9), 0.05)
    p[:, :, 4] = 0.9
    p[4, 4, 4] = 0.5  # a hole in the wall
    p[2, 2, 3] = 0.5  # a crumb in front of it
    p[2:5, 5:8, 0:3] = 0.5  # a real pocket far from it
    space = classify_3d(VoxelMap.from_dense(p, 0.1))
    assert space.solid[4, 4, 4]
    assert space.solid[2, 2, 3]
    assert not space.open[2, 2, 3]
    assert space.open[2:5, 5:8, 0:3].all()
    assert space.prior == unknown_prior(0.1)


def test_openings_narrower_than_asked_are_closed() -> None:
    p = np.full((20, 20, 20), 0.05)
    p[:, :, 10] = 0.9
    p[8:11, 8:11, 10] = 0.5  # three voxels wide
    p[:, :, 11:] = 0.5
    voxels = VoxelMap.from_dense(p, 0.1)
    assert not classify_3d(voxels).solid[8:11, 8:11, 10].any()
    assert not classify_3d(voxels, gap=0.2).solid[9, 9, 10]
    assert classify_3d(voxels, gap=0.4).solid[8:11, 8:11, 10].all()
    with pytest.raises(ValueError, match="gap is nan"):
        classify_3d(voxels, gap=math.nan)


@pytest.mark.parametrize("radius", [0.1, 0.25, 0.3])
def test_room_for_a_body(radius: float) -> None:
    rng = np.random.default_rng(2)
    p = np.where(rng.random((14, 14, 14)) < 0.01, 0.9, 0.05)
    space = classify_3d(VoxelMap.from_dense(p, 0.1))
    by = math.ceil(radius / 0.1 - 1e-9)
    wide = np.ones((2 * by + 1,) * 3, dtype=bool)
    np.testing.assert_array_equal(room_for_body(space, radius), binary_erosion(p < 0.5, wide))
    cleared = np.ones(p.shape, dtype=bool)
    np.testing.assert_array_equal(
        room_for_body(space, radius, cleared), room_for_body(space, radius)
    )


def test_indices_and_points() -> None:
    space = classify_3d(VoxelMap.unknown((-1, 2, 0.5, 1, 3, 1.5), 0.1))
    index = np.array([[0, 0, 0], [9, 9, 19], [3, 7, 11]])
    np.testing.assert_array_equal(space.key_of(space.centre_of(index)), index)
    near = ball(space, (0.0, 2.5, 1.0), 0.3)
    centres = space.centre_of(np.argwhere(near))
    assert np.linalg.norm(centres - (0.0, 2.5, 1.0), axis=1).max() <= 0.3
    assert near.sum() == pytest.approx(4 / 3 * math.pi * 27, rel=0.25)
    points = np.array([[0.0, 2.5, 1.0], [9.0, 9.0, 9.0]])
    assert space.within(near, points).tolist() == [True, False]


def two_rooms() -> tuple[Space, np.ndarray]:
    """Two free rooms joined by a door in the middle of their wall."""
    p = np.full((10, 20, 30), 0.05)
    p[:, :, 14:16] = 0.95
    p[2:8, 8:14, 14:16] = 0.05
    space = classify_3d(VoxelMap.from_dense(p, 0.2))
    return space, room_for_body(space, 0.2)


def test_ways_are_clear_only_where_the_body_fits() -> None:
    space, room = two_rooms()
    rng = np.random.default_rng(3)
    cells = np.argwhere(room)
    starts, ends = (space.centre_of(cells[rng.integers(len(cells), size=200)]) for _ in range(2))
    found = clear_ways(space, room, starts, ends)
    for a, b, clear in zip(starts, ends, found, strict=True):
        steps = a + np.linspace(0.0, 1.0, 400)[:, None] * (b - a)
        inside = space.within(room, steps)
        # fine steps may miss a voxel that is cut at a corner, never the other way round
        assert inside.all() or not clear
        if inside.all() and not clear:
            assert len({tuple(k) for k in space.key_of(steps)}) < 400
    assert 20 < found.sum() < 180
    np.testing.assert_array_equal(found, clear_ways(space, room, ends, starts))
    assert clear_ways(space, room, starts[:1], starts[:1]).all()


def test_the_roadmap_leads_through_the_door() -> None:
    space, room = two_rooms()
    roadmap = Roadmap3D(0.5, rng=0)
    roadmap.refresh(space, room)
    gaps = [math.dist(a, b) for a, b in itertools.combinations(roadmap.places, 2)]
    assert min(gaps) >= 0.5
    assert space.within(room, roadmap.places).all()
    start = (1.1, 1.1, 1.1)
    ways = roadmap.ways_from(space, room, start)
    assert np.isfinite(ways.distance).all()
    far = int(ways.places[:, 0].argmax())
    path = ways.path_to(far)
    np.testing.assert_array_equal(path[0], start)
    np.testing.assert_array_equal(path[-1], ways.places[far])
    length = np.linalg.norm(np.diff(path, axis=0), axis=1).sum()
    assert ways.distance[far] == pytest.approx(length)
    assert length >= math.dist(start, path[-1])
    assert clear_ways(space, room, path[:-1], path[1:]).all()
    kept = {tuple(p) for p in roadmap.places}
    roadmap.refresh(space, room)
    assert kept <= {tuple(p) for p in roadmap.places}
    shut = room.copy()
    shut[:, :, 14:16] = False
    roadmap.refresh(space, shut)
    apart = roadmap.ways_from(space, shut, start)
    assert np.isinf(apart.distance[apart.places[:, 0] > 3.2]).all()
    with pytest.raises(ValueError, match="can't be reached"):
        apart.path_to(int(apart.places[:, 0].argmax()))


def test_a_roadmap_without_room_is_one_place() -> None:
    space, room = two_rooms()
    roadmap = Roadmap3D(0.5, rng=0)
    roadmap.refresh(space, np.zeros_like(room))
    ways = roadmap.ways_from(space, np.zeros_like(room), (1.1, 1.1, 1.1))
    assert len(ways.places) == 1
    assert ways.path_to(0).shape == (1, 3)


@pytest.mark.parametrize(
    "sensor",
    [CAMERA, SpinningLidar(32, 180), RangeSensor(720), DepthCamera(640, 480, fx=500, fy=500)],
)
def test_coarse_sensors_keep_their_view(sensor) -> None:  # type: ignore[no-untyped-def]
    thin = coarse(sensor, 100)
    assert thin.n_beams <= 120
    whole, part = beam_directions(sensor), beam_directions(thin)
    if isinstance(sensor, DepthCamera):
        edge = 0.5 * sensor.width / sensor.fx
        assert 0.5 * thin.width / thin.fx == pytest.approx(edge)
    else:
        np.testing.assert_allclose(whole.min(axis=0), part.min(axis=0), atol=0.12)
        np.testing.assert_allclose(whole.max(axis=0), part.max(axis=0), atol=0.12)
    assert coarse(sensor, 10**6) is sensor


def test_the_best_heading_faces_the_unknown() -> None:
    voxels = box_map((10, 20, 20), (slice(None), slice(None), slice(0, 10)))
    space = classify_3d(voxels)
    places = np.array([[1.5, 2.1, 1.1], [0.5, 2.1, 1.1]])
    yaw, bits = best_headings(space, places, CAMERA, 8)
    assert yaw.tolist() == [0.0, 0.0]
    assert bits[0] > bits[1] > 0.0
    yaw, around = best_headings(space, places, LIDAR, 8)
    assert around.shape == (2,)


def test_a_path_counts_each_voxel_once() -> None:
    voxels = box_map((10, 20, 20), (slice(None), slice(None), slice(0, 10)))
    space = classify_3d(voxels)
    pose = np.array([1.5, 2.1, 1.1, 0.0])
    once = along_path(space, pose[None], CAMERA)
    twice = along_path(space, np.stack((pose, pose)), CAMERA)
    assert twice[0] == pytest.approx(once[0])
    assert twice[1] == pytest.approx(0.0, abs=1e-9)


def test_the_explorer_flies_to_the_unknown_and_says_when_it_is_done() -> None:
    free = (slice(1, 9), slice(1, 19), slice(1, 10))
    voxels = box_map((10, 20, 20), free)
    explorer = Explorer3D(LIDAR, robot_radius=0.2, min_information=5.0, rng=0)
    plan = explorer.plan(voxels, (0.7, 2.1, 1.1, 0.0))
    assert plan.status == "go"
    assert not plan.finished
    assert plan.path[-1, 0] >= 0.7
    assert plan.goal == tuple(plan.path[-1])
    assert plan.information > explorer.worthwhile(explorer.space(voxels))
    assert plan.cost == pytest.approx(
        np.linalg.norm(np.diff(plan.path[:, :3], axis=0), axis=1).sum()
    )
    assert explorer.is_clear(voxels, plan.path)
    assert "bit" in plan.to_dict()["reason"]
    known = np.full((10, 20, 20), 0.95)
    known[free] = 0.05
    done = explorer.plan(VoxelMap.from_dense(known, 0.2), (0.7, 2.1, 1.1, 0.0))
    assert done.status == "done"
    assert done.path.shape == (0, 4)


def test_values_of_views_are_kept_until_the_map_changes_near_them() -> None:
    free = (slice(1, 9), slice(1, 19), slice(1, 30))
    voxels = box_map((10, 20, 60), free)
    sensor = SpinningLidar(6, 12, elevation=(-1.0, 1.0), max_range=1.0)
    pose = (0.7, 2.1, 1.1, 0.0)
    explorer = Explorer3D(sensor, robot_radius=0.2, rng=0)
    explorer.plan(voxels, pose)
    values = dict(explorer._values)
    changed = voxels.insert([[0.1, 0.1, 0.1]], -3.0)  # a corner far from the frontier
    explorer.plan(changed, pose)
    same = [p for p in values if p in explorer._values and p not in explorer._stale]
    assert explorer._stale  # those near the corner
    fresh = Explorer3D(sensor, robot_radius=0.2, rng=0)
    fresh.roadmap = explorer.roadmap
    fresh.plan(changed, pose)
    for place in same:
        assert fresh._values[place] == pytest.approx(values[place])
    assert len(same) > 20


def test_flickering_walls_and_dark_voxels_are_remembered() -> None:
    p = np.full((10, 12, 14), 0.05)
    p[:, :, 8:] = 0.5
    p[:, :, 8] = 0.9  # a wall with the unknown behind it
    wall = VoxelMap.from_dense(p, 0.2)
    q = p.copy()
    q[4:7, 4:7, 8] = 0.05  # grazing beams opened it
    q[2, 2, 2] = 0.9  # a false return in the open
    gap = VoxelMap.from_dense(q, 0.2)
    explorer = Explorer3D(LIDAR, robot_radius=0.2, min_information=1.0, rng=0)
    pose = (0.7, 1.1, 1.1, 0.0)
    assert classify_3d(gap).open[4:7, 4:7, 9].any()
    explorer.plan(wall, pose)
    space = explorer.space(gap)
    assert space.solid[4:7, 4:7, 8].all()
    explorer.plan(gap, pose)
    assert not explorer.space(wall).solid[2, 2, 2]
    # the same gap without the memory of a wall: what should be seen and is not, is written off
    blind = Explorer3D(LIDAR, robot_radius=0.2, min_information=1.0, rng=0)
    seen = blind.space(gap).open.sum()
    for _ in range(2):
        blind.plan(VoxelMap.from_dense(q, 0.2), pose)
    assert blind.space(gap).open.sum() < seen
    again = Explorer3D(LIDAR, robot_radius=0.2, min_information=1.0, rng=0)
    for _ in range(2):
        again.plan(gap, pose)  # the same map: no scan lies between
    assert again.space(gap).open.sum() == seen


def test_a_goal_that_teaches_nothing_is_given_up() -> None:
    free = (slice(1, 9), slice(1, 19), slice(1, 10))
    voxels = box_map((10, 20, 20), free)
    explorer = Explorer3D(LIDAR, robot_radius=0.2, min_information=1.0, rng=0)
    pose, goals = np.array([0.7, 2.1, 1.1, 0.0]), []
    for _ in range(60):
        plan = explorer.plan(voxels, pose)
        if plan.finished:
            break
        goals.append(plan.goal)
        pose = plan.path[-1]  # arrive, and see nothing new
    assert plan.status == "done"
    assert "given up" in plan.reason
    assert len(set(goals)) == len(goals)


def test_a_long_flight_for_little_is_not_worth_it() -> None:
    voxels = box_map((10, 10, 40), (slice(1, 9), slice(1, 9), slice(1, 37)))
    poses = [(1.0, 1.0, 1.0, 0.0), (1.3, 1.0, 1.0, 0.0)]
    known = voxels.to_dense(dtype=float)
    known[3:7, 3:7, :1] = 0.05
    later = VoxelMap.from_dense(known, 0.2)
    plans = []
    for rate in (0.0, 0.9):
        explorer = Explorer3D(
            LIDAR, robot_radius=0.2, min_information=1.0, min_rate=rate, clear_start=0.0, rng=0
        )
        explorer.plan(voxels, poses[0])
        explorer._first = 1e6  # a rich beginning
        plans.append(explorer.plan(later, poses[1]))
    assert [plan.status for plan in plans] == ["go", "done"]
    assert "worth it" in plans[1].reason


def test_budget_and_being_walled_in() -> None:
    voxels = box_map((10, 20, 20), (slice(1, 9), slice(1, 19), slice(1, 10)))
    explorer = Explorer3D(LIDAR, robot_radius=0.2, max_distance=1.0, rng=0)
    explorer.plan(voxels, (0.7, 2.1, 1.1, 0.0))
    assert explorer.plan(voxels, (1.3, 3.1, 1.1, 0.0)).status == "budget"
    solid = VoxelMap.from_dense(np.full((5, 5, 5), 0.9), 0.2)
    stuck = Explorer3D(LIDAR, robot_radius=0.2).plan(solid, (0.5, 0.5, 0.5, 0.0))
    assert stuck.status == "stuck"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"robot_radius": 0.0}, "robot_radius is 0"),
        ({"robot_radius": 0.2, "max_distance": 0.0}, "max_distance is 0"),
        ({"robot_radius": 0.2, "min_information": -1.0}, "min_information is -1"),
        ({"robot_radius": 0.2, "min_rate": 1.0}, "min_rate is 1"),
        ({"robot_radius": 0.2, "min_rate": math.nan}, "min_rate is nan"),
        ({"robot_radius": 0.2, "plan_beams": 0}, "plan_beams is 0"),
        ({"robot_radius": 0.2, "spacing": math.nan}, "spacing is nan"),
    ],
)
def test_bad_options_are_named(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Explorer3D(LIDAR, **options)  # type: ignore[arg-type]


def test_bad_poses_and_maps_are_named() -> None:
    voxels = VoxelMap.unknown((0, 0, 0, 2, 2, 2), 0.2)
    explorer = Explorer3D(LIDAR, robot_radius=0.2)
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        explorer.plan(voxels, (0.5, 0.5, 0.5))
    with pytest.raises(ValueError, match="outside the map"):
        explorer.plan(voxels, (5.0, 0.5, 0.5, 0.0))
    with pytest.raises(ValueError, match="thresholds"):
        classify_3d(voxels, free_below=0.6)
    with pytest.raises(ValueError, match="prior is 0"):
        classify_3d(voxels, prior=0.0)
    with pytest.raises(ValueError, match="coarser resolution"):
        classify_3d(VoxelMap.unknown((-99, -99, -99, 99, 99, 99), 0.2))
    with pytest.raises(ValueError, match="radius is -1"):
        room_for_body(classify_3d(voxels), -1.0)
