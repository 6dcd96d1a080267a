"""Worlds in 3-D, a robot that flies through them, the closed loop, and its command."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import label

from fsmi.cli import main
from fsmi.io.octomap import load_octomap, save_octomap
from fsmi.planning.explorer3d import Explorer3D
from fsmi.sensor3d import DepthCamera, SpinningLidar
from fsmi.sim.coverage3d import Coverage3D
from fsmi.sim.flight import FlightResult, SimulatedFlyer, explore_3d
from fsmi.sim.pictures3d import slices_picture
from fsmi.sim.worlds3d import WORLDS_3D, World3D, load_world_3d, rooms, tunnels
from fsmi.voxels import VoxelMap

LIDAR = SpinningLidar(
    24, 90, elevation=(-1.1, 1.1), max_range=4.0, sigma=0.01, delta_occ=20.0, delta_emp=0.3
)
CAMERA = DepthCamera(
    40, 30, fx=20.0, fy=20.0, max_range=4.0, sigma=0.01, delta_occ=20.0, delta_emp=0.3
)


def hall() -> World3D:
    """A hall with a pillar and a block in a corner, 5 x 4 x 2 m."""
    solid = np.ones((40, 80, 100), dtype=bool)
    solid[3:-3, 3:-3, 3:-3] = False
    solid[:, 33:47, 41:53] = True
    solid[3:-3, 61:77, 3:17] = True
    p = np.where(solid, 0.97, 0.03)
    return World3D(VoxelMap.from_dense(p, 0.05), (1.0, 1.0, 1.0, 0.0), "hall")


@pytest.mark.parametrize("kind", WORLDS_3D)
@pytest.mark.parametrize("seed", range(2))
def test_worlds_are_closed_and_connected(kind: str, seed: int) -> None:
    world = WORLDS_3D[kind](seed, resolution=0.1)
    solid = world.solid()
    for axis in range(3):
        for side in (0, -1):
            assert np.take(solid, side, axis=axis).all()
    reached = world.reachable()
    assert reached.sum() > 0.97 * (~solid).sum()
    parts, _ = label(~solid)
    assert parts[reached].min() == parts[reached].max() > 0
    again = WORLDS_3D[kind](seed, resolution=0.1)
    assert np.array_equal(world.voxels.blocks, again.voxels.blocks)
    other = WORLDS_3D[kind](seed + 1, resolution=0.1)
    assert not np.array_equal(world.voxels.blocks, other.voxels.blocks)
    SimulatedFlyer(world, LIDAR, radius=0.25)  # the start has room


def test_both_storeys_and_all_rooms_can_be_seen() -> None:
    world = rooms(3)
    sensor = SpinningLidar(24, 80, elevation=(-1.2, 1.2), max_range=6.0)
    coverage = Coverage3D(world, sensor, 0.1, robot_radius=0.25, stride=1.4)
    assert coverage.target.sum() > 0.95 * (~world.solid_at(0.1)).sum()


def test_a_flyer_stops_before_walls() -> None:
    world = hall()
    robot = SimulatedFlyer(world, LIDAR, radius=0.25, rng=0)
    robot.go_to((1.0, 1.0, 1.4, 0.5))
    assert robot.pose() == pytest.approx((1.0, 1.0, 1.4, 0.5))
    assert robot.collisions == 0
    robot.go_to((3.4, 2.4, 1.4, 0.0))  # the pillar is in the way
    x, y, _, _ = robot.pose()
    assert robot.collisions == 1
    assert x > 1.5
    nearest = np.clip((x, y), (2.05, 1.65), (2.65, 2.35))
    assert 0.25 <= math.dist((x, y), nearest) < 0.25 + 0.03
    robot.go_to((x, y, 9.0, 0.0))
    assert robot.pose()[2] == pytest.approx(1.85 - 0.25, abs=0.02)
    assert robot.collisions == 2


def test_a_coarser_map_of_a_world_is_solid_where_anything_is() -> None:
    world = hall()
    fine, coarse = world.solid(), world.solid_at(0.1)
    assert coarse.shape == (20, 40, 50)
    rng = np.random.default_rng(0)
    for k, i, j in rng.integers(0, coarse.shape, size=(200, 3)):
        part = fine[2 * k : 2 * k + 2, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        assert coarse[k, i, j] == part.any()
    np.testing.assert_array_equal(world.solid_at(0.05), fine)
    with pytest.raises(ValueError, match=r"multiple of the world's, 0\.05 m"):
        world.solid_at(0.07)


def test_scans_are_noisy_but_repeatable() -> None:
    world = hall()
    one, two = (SimulatedFlyer(world, LIDAR, rng=5) for _ in range(2))
    exact = SimulatedFlyer(world, SpinningLidar(24, 90, elevation=(-1.1, 1.1), max_range=4.0))
    first = one.scan()
    np.testing.assert_array_equal(first, two.scan())
    truth = exact.scan()
    hit = np.isfinite(truth)
    assert np.isinf(first[~hit]).all()
    error = first[hit] - truth[hit]
    assert 0.007 < error.std() < 0.013


@pytest.mark.parametrize("sensor", [LIDAR, CAMERA])
def test_the_loop_finishes_a_hall(sensor) -> None:  # type: ignore[no-untyped-def]
    world = hall()
    coverage = Coverage3D(world, sensor, 0.1, robot_radius=0.25)
    seen: list[float] = []
    result = explore_3d(
        SimulatedFlyer(world, sensor, radius=0.25, rng=0),
        VoxelMap.unknown(world.voxels.bounds, 0.1),
        Explorer3D(sensor, robot_radius=0.25, rng=0),
        coverage=coverage,
        progress=lambda share, words: seen.append(share),
    )
    assert result.status == "done"
    assert result.coverage is not None
    assert result.coverage > 0.95
    assert result.accuracy is not None
    assert result.accuracy > 0.95
    assert result.collisions == 0
    assert result.entropy_after < result.entropy_before
    assert seen == [step["coverage"] for step in result.steps]
    flown = np.linalg.norm(np.diff(result.trail[:, :3], axis=0), axis=1).sum()
    assert result.path_length == pytest.approx(flown)
    json.dumps(result.to_dict())


def test_the_loop_explores_tunnels() -> None:
    world = tunnels(2)
    result = explore_3d(
        SimulatedFlyer(world, LIDAR, radius=0.25, rng=0),
        VoxelMap.unknown(world.voxels.bounds, 0.1),
        Explorer3D(LIDAR, robot_radius=0.25, rng=0),
        coverage=Coverage3D(world, LIDAR, 0.1, robot_radius=0.25, stride=1.0),
    )
    assert result.status == "done"
    assert result.coverage is not None
    assert result.coverage > 0.97
    assert result.collisions == 0
    heights = result.trail[:, 2]
    assert heights.max() - heights.min() > 1.0  # it does fly


def test_the_same_seed_flies_the_same_way() -> None:
    world = hall()

    def run(seed: int) -> FlightResult:
        return explore_3d(
            SimulatedFlyer(world, LIDAR, radius=0.25, rng=seed),
            VoxelMap.unknown(world.voxels.bounds, 0.1),
            Explorer3D(LIDAR, robot_radius=0.25, rng=seed),
        )

    one, two, other = run(0), run(0), run(1)
    np.testing.assert_array_equal(one.trail, two.trail)
    assert np.array_equal(one.voxels.blocks, two.voxels.blocks)
    assert one.trail.shape != other.trail.shape or not np.allclose(one.trail, other.trail)


def test_a_loop_may_run_out_of_plans_and_of_budget() -> None:
    world = hall()
    start = VoxelMap.unknown(world.voxels.bounds, 0.1)
    robot = SimulatedFlyer(world, CAMERA, radius=0.25, rng=0)
    short = explore_3d(robot, start, Explorer3D(CAMERA, robot_radius=0.25, rng=0), max_steps=1)
    assert short.status == "steps"
    assert short.coverage is None
    tight = Explorer3D(CAMERA, robot_radius=0.25, max_distance=0.5, rng=0)
    assert explore_3d(robot, start, tight).status in ("budget", "done")
    for name in ("scan_every", "replan_every"):
        with pytest.raises(ValueError, match=f"{name} is 0"):
            explore_3d(robot, start, tight, **{name: 0.0})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_steps is 0"):
        explore_3d(robot, start, tight, max_steps=0)


def test_starts_need_room() -> None:
    voxels = hall().voxels
    with pytest.raises(ValueError, match="solid voxel"):
        World3D(voxels, (2.3, 2.0, 1.0, 0.0))
    with pytest.raises(ValueError, match="outside the map"):
        World3D(voxels, (9.0, 1.5, 1.0, 0.0))
    with pytest.raises(ValueError, match=r"less than 0\.25 m"):
        SimulatedFlyer(World3D(voxels, (0.35, 1.0, 1.0, 0.0)), LIDAR, radius=0.25)
    with pytest.raises(ValueError, match="radius is 0"):
        SimulatedFlyer(hall(), LIDAR, radius=0.0)
    with pytest.raises(ValueError, match="half a wall"):
        rooms(0, resolution=0.2)


def test_slices_show_the_map_and_the_flight(tmp_path: Path) -> None:
    voxels = hall().voxels
    slices_picture(voxels, tmp_path / "a.png", heights=[0.5, 1.5], trail=np.zeros((1, 4)))
    with Image.open(tmp_path / "a.png") as picture:
        small = np.asarray(picture.convert("L"))
    assert (small < 40).any()
    assert (small > 240).any()
    with pytest.raises(ValueError, match="heights have shape"):
        slices_picture(voxels, tmp_path / "b.png", heights=[])


def run_cli(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    try:
        code = main([str(word) for word in words])
    except SystemExit as stop:
        code = int(stop.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


def test_the_command_flies_through_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_octomap(hall().voxels, tmp_path / "hall.bt")
    code, out, err = run_cli(
        capsys, "explore", tmp_path / "hall.bt", "--3d", "--start", "1,1,1,90", "--beams", 4000,
        "--max-range", 4, "-o", tmp_path / "run.json", "--png", tmp_path / "run.png",
        "--map", tmp_path / "found.ot", "--quiet",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "done" in out
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["coverage"] > 0.95
    assert record["sensor"]["kind"] == "lidar"
    found = load_octomap(tmp_path / "found.ot")
    assert found.n_leaves > 100
    with Image.open(tmp_path / "run.png") as picture:
        assert picture.width > 500


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere", "--3d"], "rooms3d:SEED"),
        (["tunnels:x", "--3d"], "'x' is not a whole number"),
        (["tunnels:0", "--3d", "--start", "1,1,1,0"], "leave --start out"),
        (["hall.bt", "--3d"], "give --start"),
        (["hall.bt", "--3d", "--start", "1,1,0"], "give --start"),
        (["hall.bt", "--3d", "--start", "1,1,1,0"], "hall.bt"),
        (["tunnels:0", "--3d", "-o", "run.txt"], "must end in .json"),
        (["tunnels:0", "--3d", "--map", "run.yaml"], ".bt or .ot"),
        (["tunnels:0", "--3d", "--gif", "run.gif"], "--png"),
        (["tunnels:0", "--3d", "--fov", "-5", "--sensor", "camera"], "fov is -5"),
        (["tunnels:0", "--3d", "--resolution", "0"], "resolution is 0"),
        (["office:0", "--start", "1,1,1,0"], "4 numbers"),
        (["tunnels:0", "--3d", "--start", "1,1,1,1,0"], "needs X,Y,DEGREES"),
    ],
)
def test_the_command_refuses_with_one_line(
    words: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run_cli(capsys, "explore", *words, "--quiet")
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_worlds_from_files_need_no_free_voxels(tmp_path: Path) -> None:
    solid = hall().solid()
    p = np.where(solid, 0.9, 0.5)
    save_octomap(VoxelMap.from_dense(p, 0.05), tmp_path / "walls.bt")
    world = load_world_3d(tmp_path / "walls.bt", (1.0, 1.0, 1.0, 0.0))
    np.testing.assert_array_equal(world.solid(), solid)
