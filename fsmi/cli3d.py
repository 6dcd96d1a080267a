"""`fsmi explore --3d`: a simulated robot flies through a world of voxels."""

from __future__ import annotations

import argparse
import json
import math
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fsmi.sensor3d import DepthCamera, SpinningLidar
    from fsmi.sim.flight import FlightResult
    from fsmi.sim.loop import Progress
    from fsmi.sim.worlds3d import World3D

KINDS = ("lidar", "camera")
STEEPEST = 60.0  # elevation of the outermost rings [degree]


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `fsmi explore` that only --3d uses."""
    group = parser.add_argument_group("in 3-D")
    group.add_argument(
        "--3d", dest="three_d", action="store_true",
        help="fly in WORLD: rooms3d:SEED, tunnels:SEED, or an OctoMap file with --start X,Y,Z,DEG",
    )  # fmt: skip
    group.add_argument("--sensor", choices=KINDS, default="lidar", help="(lidar)")
    group.add_argument("--rings", type=int, default=48, help="of the lidar (48)")
    group.add_argument("--png", metavar="F", help="write slices of the final map with the flight")


def sensor_of(arguments: argparse.Namespace) -> SpinningLidar | DepthCamera:
    """The sensor that the options describe; `--beams` counts all beams or pixels."""
    from fsmi.sensor3d import DepthCamera, SpinningLidar

    common = {
        "max_range": arguments.max_range,
        "sigma": arguments.sigma,
        "delta_occ": 20.0,  # as in 2-D: one hit makes a wall, one miss makes a voxel free
        "delta_emp": 0.3,
    }
    beams = 12000 if arguments.beams is None else arguments.beams
    if arguments.sensor == "lidar":
        steep = math.radians(STEEPEST)
        return SpinningLidar(
            arguments.rings,
            max(1, beams // max(1, arguments.rings)),
            elevation=(-steep, steep),
            fov=math.radians(arguments.fov),
            **common,
        )
    fov = min(arguments.fov, 90.0)
    if not fov > 0.0:
        raise ValueError(f"fov is {arguments.fov}; need degrees above 0")
    width = max(1, round(math.sqrt(beams * 4 / 3)))
    focal = 0.5 * width / math.tan(0.5 * math.radians(fov))
    return DepthCamera(width, max(1, round(0.75 * width)), fx=focal, fy=focal, **common)


def world_of(arguments: argparse.Namespace) -> World3D:
    """The world in a file, or the generated one that ``KIND:SEED`` names."""
    from fsmi.sim.worlds3d import WORLDS_3D, load_world_3d

    kind, _, seed = arguments.world.partition(":")
    start = arguments.start
    if kind in WORLDS_3D and not Path(arguments.world).exists():
        if start is not None:
            raise ValueError(f"{kind} worlds have their own start: leave --start out")
        if seed and not seed.isdecimal():
            raise ValueError(f"world {arguments.world!r}: the seed {seed!r} is not a whole number")
        return WORLDS_3D[kind](int(seed or 0), resolution=0.5 * arguments.resolution)
    if Path(arguments.world).suffix not in (".bt", ".ot"):
        known = ", ".join(f"{name}:SEED" for name in WORLDS_3D)
        raise ValueError(f"world {arguments.world!r}; one of {known}, or a .bt or .ot file")
    if start is None or len(start) != 4:
        raise ValueError("an OctoMap file says nothing of a start: give --start X,Y,Z,DEGREES")
    return load_world_3d(arguments.world, (start[0], start[1], start[2], start[3]))


def check_outputs(arguments: argparse.Namespace) -> None:
    """Refuse names that can't be written before anything is computed."""
    for option, path, endings in (
        ("--output", arguments.output, (".json",)),
        ("--png", arguments.png, (".png",)),
        ("--map", arguments.map, (".bt", ".ot")),
        ("--rrd", arguments.rrd, (".rrd",)),
    ):
        if path and Path(path).suffix.lower() not in endings:
            raise ValueError(f"{option} {path}: the name must end in {' or '.join(endings)}")
        if path and Path(path).is_dir():
            raise ValueError(f"{option} {path}: it is a folder")
    if arguments.gif:
        raise ValueError("--gif is for 2-D; --png writes slices of the flight")


def fly(arguments: argparse.Namespace, progress: Progress) -> str:
    """Run the exploration that the options describe and write its files; what to tell of it."""
    from fsmi.io.octomap import save_octomap
    from fsmi.planning.explorer3d import Explorer3D
    from fsmi.sim.coverage3d import Coverage3D
    from fsmi.sim.flight import SimulatedFlyer, explore_3d
    from fsmi.sim.rerun_log import recording
    from fsmi.sim.rerun_log3d import FlightLog
    from fsmi.voxels import VoxelMap

    check_outputs(arguments)
    sensor, world = sensor_of(arguments), world_of(arguments)
    radius, resolution = arguments.robot_radius, arguments.resolution
    robot = SimulatedFlyer(world, sensor, radius=radius, rng=arguments.seed)
    explorer = Explorer3D(
        sensor, robot_radius=radius, max_distance=arguments.budget, rng=arguments.seed
    )
    with ExitStack() as files:
        log = None
        if arguments.rrd:
            log = FlightLog(files.enter_context(recording(arguments.rrd)))
        result = explore_3d(
            robot,
            VoxelMap.unknown(world.voxels.bounds, resolution),
            explorer,
            coverage=Coverage3D(world, sensor, resolution, robot_radius=radius),
            max_steps=arguments.max_steps,
            progress=progress,
            each=None if log is None else log.add,
        )
    _write(arguments, world, sensor, result)
    if arguments.map:
        save_octomap(result.voxels, arguments.map)
    files_made = (arguments.output, arguments.png, arguments.rrd, arguments.map)
    written = [path for path in files_made if path]
    return "\n".join([_report(world, result), *(f"wrote {path}" for path in written)])


def _write(
    arguments: argparse.Namespace,
    world: World3D,
    sensor: SpinningLidar | DepthCamera,
    result: FlightResult,
) -> None:
    from fsmi.io.atomic import whole_file
    from fsmi.sim.pictures3d import slices_picture

    if arguments.png:
        with whole_file(arguments.png) as part:
            slices_picture(result.voxels, part, result=result, title=f"{world!r}: {result!r}")
    if arguments.output:
        record = {
            "world": {"source": arguments.world, "kind": world.kind, "seed": world.seed},
            "sensor": {"kind": arguments.sensor, **asdict(sensor)},
            "resolution": arguments.resolution,
            "robot_radius": arguments.robot_radius,
            "seed": arguments.seed,
            **result.to_dict(),
        }
        with whole_file(arguments.output) as part:
            part.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _report(world: World3D, result: FlightResult) -> str:
    median, p95 = result.plan_milliseconds()
    gone = 1.0 - result.entropy_after / result.entropy_before
    seen, right = result.coverage or 0.0, result.accuracy or 0.0
    before, after = result.entropy_before, result.entropy_after
    return f"""{world!r}: {result.status}: {result.reason}
  coverage     {100 * seen:.1f} % of the free voxels that can be seen
  map          {100 * right:.1f} % of the seen voxels rightly free, {result.voxels!r}
  flight       {result.path_length:.1f} m, {result.collisions} collisions
  entropy      {before:,.0f} bit before, {after:,.0f} bit after ({100 * gone:.0f} % gone)
  planning     {len(result.steps)} plans, {median:.0f} ms (median), {p95:.0f} ms (95 %)"""
