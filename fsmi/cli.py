"""The command line: fsmi map | explore | replay | convert.

Exit codes: 0 success, 2 bad input (one line on stderr, no file written), 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from fsmi import cli3d

if TYPE_CHECKING:
    from fsmi.sensor import RangeSensor
    from fsmi.sim.episode import EpisodeResult, Step
    from fsmi.sim.loop import Progress
    from fsmi.sim.worlds import World

WHOLE_CIRCLE = 360.0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # One line instead of usage and error.
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except (ValueError, TypeError, ImportError, OSError) as error:
        print(f"fsmi: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("fsmi: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="fsmi", description="What a range scan would tell, and where to go next.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    one = commands.add_parser("map", help="information of a scan from every place of a map")
    one.set_defaults(command=_map)
    one.add_argument("map", metavar="MAP", help="map_server .yaml, .geojson world or .log")
    one.add_argument("-o", "--output", required=True, metavar="OUT", help=".png, or .npy for bits")
    one.add_argument(
        "--measure",
        default="shannon",
        help="a name in fsmi.MEASURES; csqmi and fcmi need --beams-add-up",
    )
    one.add_argument(
        "--beams-add-up", action="store_true", help="sum over beams instead of each cell once"
    )
    one.add_argument(
        "--prior", type=float, metavar="P",
        help="probability that an unknown cell is a wall (1 - exp(-resolution / 5 m))",
    )  # fmt: skip
    _sensor_options(one, beams=360, max_range=10.0, sigma=0.0)
    _common_options(one)

    one = commands.add_parser("explore", help="a simulated robot explores a world")
    one.set_defaults(command=_explore)
    one.add_argument(
        "world", metavar="WORLD", help=".geojson world, map_server .yaml, or KIND:SEED"
    )
    one.add_argument("-o", "--output", metavar="RUN.json", help="write the numbers of the run")
    one.add_argument("--gif", metavar="F", help="write a film: map, information surface, path")
    one.add_argument("--rrd", metavar="F.rrd", help="write a recording for the Rerun viewer")
    one.add_argument("--map", metavar="F.yaml", help="write the final map for map_server")
    one.add_argument("--strategy", default="information_rate", help="how views are ranked")
    one.add_argument("--start", type=_pose, metavar="X,Y,DEG", help="instead of the world's own")
    one.add_argument("--resolution", type=float, default=0.1, help="side of a cell [m] (0.1)")
    one.add_argument("--robot-radius", type=float, default=0.2, help="[m] (0.2)")
    one.add_argument("--budget", type=float, default=math.inf, metavar="M", help="most metres")
    one.add_argument("--return-home", action="store_true", help="drive back at the end")
    one.add_argument("--dump", metavar="F.npz", help="write the last decision, to be replayed")
    one.add_argument("--max-steps", type=int, default=1000, help="most plans (1000)")
    one.add_argument("--seed", type=int, default=0, help="of the range noise (0)")
    _sensor_options(one, beams=None, max_range=8.0, sigma=0.02)
    cli3d.add_options(one)
    _common_options(one)

    one = commands.add_parser("replay", help="make a decision of the planner again")
    one.set_defaults(command=_replay)
    one.add_argument("decision", metavar="F.npz", help="written by Explorer.dump_state or --dump")

    one = commands.add_parser("convert", help="one map format into another")
    one.set_defaults(command=_convert)
    one.add_argument("input", metavar="IN", help=".yaml, .geojson, .bt, .ot, .log")
    one.add_argument("output", metavar="OUT", help=".yaml, .geojson, .bt, .ot, .npy")
    one.add_argument("--resolution", type=float, default=0.1, help="of new grids [m] (0.1)")
    one.add_argument("--mode", default="trinary", help="of map_server: trinary, scale, raw")
    one.add_argument("--slice", type=float, metavar="Z", help="height to cut voxels at [m]")
    one.add_argument("--max-range", type=float, default=30.0, help="of a logged laser [m] (30)")
    _common_options(one)
    return parser


def _sensor_options(
    parser: argparse.ArgumentParser, *, beams: int | None, max_range: float, sigma: float
) -> None:
    usual = beams or "360, in 3-D 12000"
    parser.add_argument("--beams", type=int, default=beams, help=f"in a scan ({usual})")
    parser.add_argument("--fov", type=float, default=WHOLE_CIRCLE, metavar="DEG", help="(360)")
    parser.add_argument("--max-range", type=float, default=max_range, help=f"[m] ({max_range:g})")
    parser.add_argument("--sigma", type=float, default=sigma, help=f"range noise [m] ({sigma:g})")


def _common_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def _pose(text: str) -> tuple[float, ...]:
    try:
        x, y, *height, degrees = (float(part) for part in text.split(","))
        if len(height) > 1:
            raise ValueError("too many numbers")
    except ValueError as error:
        message = f"needs X,Y,DEGREES (in 3-D X,Y,Z,DEGREES), not {text!r}"
        raise argparse.ArgumentTypeError(message) from error
    return x, y, *height, math.radians(degrees)


def _sensor(
    arguments: argparse.Namespace, *, delta_occ: float = 1.5, delta_emp: float = 1 / 1.5
) -> RangeSensor:
    from fsmi.sensor import RangeSensor

    return RangeSensor(
        n_beams=360 if arguments.beams is None else arguments.beams,
        fov=math.radians(arguments.fov),
        max_range=arguments.max_range,
        sigma=arguments.sigma,
        delta_occ=delta_occ,
        delta_emp=delta_emp,
    )


def _map(arguments: argparse.Namespace) -> int:
    from fsmi._options import JOINT_MEASURES
    from fsmi.grid import OccupancyGrid
    from fsmi.io.atomic import whole_file
    from fsmi.measures.registry import MEASURES
    from fsmi.planning.knowledge import classify
    from fsmi.sim.convert import read_any
    from fsmi.sim.pictures import surface_picture
    from fsmi.surface import mi_map

    _ends_in(arguments.output, ".png", ".npy")
    only_sums = arguments.measure in MEASURES and arguments.measure not in JOINT_MEASURES
    if only_sums and not arguments.beams_add_up:
        raise ValueError(f"{arguments.measure} cannot count cells once: add --beams-add-up")
    unit = "bit m rad" if arguments.measure == "fcmi" else "bit"
    sensor = _sensor(arguments)
    with _bar(arguments.quiet) as progress:
        found = read_any(arguments.map, progress=progress)
        if not isinstance(found, OccupancyGrid):
            raise ValueError(f"{arguments.map} holds {found!r}; need an occupancy grid")
        known = classify(found, prior=arguments.prior)
        if not known.free.any():
            raise ValueError(f"{arguments.map} has no free cell to scan from")
        surface = mi_map(
            known.belief, sensor, measure=arguments.measure, joint=not arguments.beams_add_up,
            mask=known.free, progress=progress,
        )  # fmt: skip
    place = np.unravel_index(int(np.nanargmax(surface)), surface.shape)
    x, y = found.cell_to_world(place)
    with whole_file(arguments.output) as part:
        if part.suffix == ".npy":
            np.save(part, surface)
        else:
            title = f"{Path(arguments.map).name}: {sensor.n_beams} beams to {sensor.max_range:g} m"
            surface_picture(found, surface, part, title=title, unit=unit)
    print(f"{found!r}, {found.entropy():,.0f} bit unknown at even odds")
    print(f"prior of an unknown cell {known.prior:.4f}: {known.entropy():,.0f} bit to learn")
    print(f"best scan: {np.nanmax(surface):.1f} {unit} at ({x:.2f}, {y:.2f}) m")
    print(f"wrote {arguments.output}")
    return 0


def _explore(arguments: argparse.Namespace) -> int:
    if arguments.three_d:
        if arguments.return_home or arguments.dump:
            raise ValueError("--return-home and --dump are for 2-D: leave them out with --3d")
        with _bar(arguments.quiet) as progress:
            report = cli3d.fly(arguments, progress)
        print(report)
        return 0
    from fsmi.grid import OccupancyGrid
    from fsmi.io.map_server import save_map
    from fsmi.planning.explorer import Explorer
    from fsmi.sim.coverage import Coverage
    from fsmi.sim.episode import explore
    from fsmi.sim.pictures import Film
    from fsmi.sim.rerun_log import recording
    from fsmi.sim.robot import SimulatedRobot

    for path, ending in (
        (arguments.output, ".json"),
        (arguments.gif, ".gif"),
        (arguments.rrd, ".rrd"),
        (arguments.map, ".yaml"),
        (arguments.dump, ".npz"),
    ):
        if path:
            _ends_in(path, ending)
    # A laser scanner's inverse model: one hit makes a wall, one miss makes a cell free.
    sensor = _sensor(arguments, delta_occ=20.0, delta_emp=0.3)
    radius, resolution = arguments.robot_radius, arguments.resolution
    explorer = Explorer(
        sensor, robot_radius=radius, strategy=arguments.strategy, max_distance=arguments.budget,
        return_home=arguments.return_home,
    )  # fmt: skip
    world = _world(arguments.world, arguments.start)
    robot = SimulatedRobot(world, sensor, radius=radius, rng=arguments.seed)
    x0, y0, x1, y1 = world.bounds
    grid = OccupancyGrid.unknown(x1 - x0, y1 - y0, resolution, (x0, y0, 0.0))
    film = Film(sensor, explorer.knowledge)
    with _bar(arguments.quiet) as progress, ExitStack() as files:
        watchers = [film.add] if arguments.gif else []
        if arguments.rrd:
            watchers.append(files.enter_context(recording(arguments.rrd)).add)

        def watch(step: Step) -> None:
            for add in watchers:
                add(step)

        coverage = Coverage(world, sensor, resolution, robot_radius=radius)
        result = explore(
            robot, grid, explorer, coverage=coverage, max_steps=arguments.max_steps,
            progress=progress, each=watch,
        )  # fmt: skip
        _write_run(arguments, world, sensor, result, film, progress)
    if arguments.map:
        Path(arguments.map).parent.mkdir(parents=True, exist_ok=True)
        save_map(result.grid, arguments.map)
    if arguments.dump:
        explorer.dump_state(arguments.dump)
    _print_run(world, result, coverage.accuracy(result.grid))
    written = (arguments.output, arguments.gif, arguments.rrd, arguments.map, arguments.dump)
    for path in written:
        if path:
            print(f"wrote {path}")
    return 0


def _replay(arguments: argparse.Namespace) -> int:
    from fsmi.planning.explorer import replay

    print(replay(arguments.decision).explain(20))
    return 0


def _write_run(
    arguments: argparse.Namespace,
    world: World,
    sensor: RangeSensor,
    result: EpisodeResult,
    film: Any,
    progress: Progress,
) -> None:
    from dataclasses import asdict

    from fsmi.io.atomic import whole_file

    if arguments.gif:
        with whole_file(arguments.gif) as part:
            film.save(part, progress=progress)
    if arguments.output:
        record = {
            "world": {"source": arguments.world, "kind": world.kind, "seed": world.seed},
            "sensor": asdict(sensor),
            "strategy": arguments.strategy,
            "resolution": arguments.resolution,
            "robot_radius": arguments.robot_radius,
            "seed": arguments.seed,
            **result.to_dict(),
        }
        with whole_file(arguments.output) as part:
            part.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _print_run(world: World, result: EpisodeResult, accuracy: float) -> None:
    median, p95 = result.plan_milliseconds()
    gone = 1.0 - result.entropy_after / result.entropy_before
    seen = math.nan if result.coverage is None else 100.0 * result.coverage
    print(f"{world!r}: {result.status}: {result.reason}")
    print(f"  coverage     {seen:.1f} % of the free cells that can be seen")
    print(f"  map          {100 * accuracy:.1f} % of the seen cells rightly free")
    print(f"  path length  {result.path_length:.1f} m, {result.collisions} collisions")
    print(
        f"  entropy      {result.entropy_before:,.0f} bit before, {result.entropy_after:,.0f} bit"
        f" after ({100 * gone:.0f} % gone)"
    )
    print(
        f"  planning     {len(result.steps)} plans, {median:.0f} ms (median), {p95:.0f} ms (95 %)"
    )


def _world(name: str, given: tuple[float, ...] | None) -> World:
    """The world in a file, or the generated one that ``KIND:SEED`` names."""
    from dataclasses import replace

    from fsmi.sim.convert import read_world
    from fsmi.sim.floorplans import WORLDS, make_world

    if given is not None and len(given) != 3:
        raise ValueError(f"--start has {len(given)} numbers; a 2-D world needs X,Y,DEGREES")
    start = None if given is None else (given[0], given[1], given[2])
    kind, _, seed = name.partition(":")
    if kind in WORLDS and not Path(name).exists():
        if seed and not seed.isdecimal():
            raise ValueError(f"world {name!r}: the seed {seed!r} is not a whole number")
        world = make_world(kind, seed=int(seed or 0))
        return world if start is None else replace(world, start=start)
    return read_world(name, start=start)


def _convert(arguments: argparse.Namespace) -> int:
    from fsmi.sim.convert import read_any, write_any

    with _bar(arguments.quiet) as progress:
        value = read_any(
            arguments.input, max_range=arguments.max_range, resolution=arguments.resolution,
            progress=progress,
        )  # fmt: skip
    print(
        write_any(
            value, arguments.output, resolution=arguments.resolution, slice_z=arguments.slice,
            mode=arguments.mode,
        )
    )  # fmt: skip
    return 0


def _ends_in(path: str, *endings: str) -> None:
    # Before the work, not after it.
    if Path(path).suffix.lower() not in endings:
        raise ValueError(f"cannot write {path}: the name must end in {' or '.join(endings)}")
    if Path(path).is_dir():
        raise ValueError(f"cannot write {path}: it is a folder")


@contextmanager
def _bar(quiet: bool) -> Iterator[Progress]:
    """A progress bar on stderr, gone when the work is done; none when stderr is no terminal."""
    from tqdm import tqdm

    bar: Any = tqdm(
        total=100, file=sys.stderr, leave=False, disable=True if quiet else None,
        bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}",
    )  # fmt: skip

    def progress(share: float, words: str) -> None:
        bar.set_description_str(words[:40], refresh=False)
        bar.n = min(100, round(100 * share))
        bar.refresh()

    try:
        yield progress
    finally:
        bar.close()


if __name__ == "__main__":
    sys.exit(main())
