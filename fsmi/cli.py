"""The command line: fsmi map | explore | worlds | convert. Bad input: one line, exit code 2."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import numpy as np

from fsmi.grid import OccupancyGrid
from fsmi.io.map_server import load_map, save_map
from fsmi.io.octomap import load_octomap, save_octomap
from fsmi.planning.explorer import Explorer
from fsmi.planning.strategies import STRATEGIES
from fsmi.sensor import RangeSensor
from fsmi.surface import mi_map

Progress = Callable[[float, str], None]
MAP_ENDINGS, TREE_ENDINGS = (".yaml", ".yml"), (".bt", ".ot")


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
    parser = _Parser(prog="fsmi", description="What a range scan tells, and where to go next.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    one = commands.add_parser("map", help="information of a scan from every free cell, as a PNG")
    one.set_defaults(command=_map)
    one.add_argument("map", metavar="MAP.yaml", help="ROS map_server map")
    one.add_argument("-o", "--output", required=True, metavar="F.png", help="picture to write")
    one.add_argument("--measure", default="approx_fsmi", help="measure of a beam (approx_fsmi)")
    one.add_argument("--beam-sum", action="store_true", help="sum over beams, not each cell once")
    _sensor_options(one, max_range=10.0, n_beams=360, delta=1.5)

    one = commands.add_parser("explore", help="explore a floor plan until its map is finished")
    one.set_defaults(command=_explore)
    one.add_argument("world", metavar="WORLD.geojson", help="floor plan (see `fsmi worlds`)")
    one.add_argument("-o", "--output", metavar="RUN.json", help="record of the run")
    one.add_argument("--gif", metavar="F.gif", help="film of the run")
    one.add_argument("--map", metavar="F.yaml", help="write the final map for map_server")
    one.add_argument("--strategy", default="information_rate", choices=STRATEGIES, metavar="NAME")
    one.add_argument("--resolution", type=float, default=0.1, help="of the map [m] (0.1)")
    one.add_argument("--robot-radius", type=float, default=0.2, help="[m] (0.2)")
    one.add_argument("--start", type=float, nargs=3, metavar=("X", "Y", "THETA"), help="[m m rad]")
    one.add_argument("--max-distance", type=float, default=math.inf, help="budget [m] (none)")
    one.add_argument("--max-steps", type=int, default=1000, help="plans at most (1000)")
    one.add_argument("--seed", type=int, default=0, help="of the range noise (0)")
    one.add_argument("--quiet", action="store_true", help="no progress bar")
    _sensor_options(one, max_range=8.0, n_beams=180, delta=9.0)

    one = commands.add_parser("worlds", help="generate a floor plan")
    one.set_defaults(command=_worlds)
    one.add_argument("kind", metavar="KIND", help="office, maze, cave, warehouse, ...")
    one.add_argument("--seed", type=int, default=0, help="same seed, same world (0)")
    one.add_argument("-o", "--output", required=True, metavar="F.geojson")

    one = commands.add_parser("convert", help="between map files; the endings say which")
    one.set_defaults(command=_convert)
    one.add_argument("source", metavar="IN", help=".yaml (map_server), .geojson, .bt, .ot")
    one.add_argument("target", metavar="OUT", help=".yaml from .yaml/.geojson, .bt/.ot from both")
    one.add_argument("--mode", default="trinary", help="of a map_server map: trinary, scale, raw")
    one.add_argument("--resolution", type=float, default=0.05, help="of a rasterised world [m]")
    return parser


def _sensor_options(
    parser: argparse.ArgumentParser, *, max_range: float, n_beams: int, delta: float
) -> None:
    group = parser.add_argument_group("sensor")
    group.add_argument("--max-range", type=float, default=max_range, help=f"[m] ({max_range:g})")
    group.add_argument("--beams", type=int, default=n_beams, help=f"in a scan ({n_beams})")
    group.add_argument("--fov", type=float, default=360.0, help="field of view [deg] (360)")
    group.add_argument("--sigma", type=float, default=0.0, help="range noise [m] (0)")
    group.add_argument(
        "--delta", type=float, default=delta,
        help=f"odds of a cell that is hit times DELTA, of one that is crossed / DELTA ({delta:g})",
    )  # fmt: skip


def _sensor(arguments: argparse.Namespace) -> RangeSensor:
    if not arguments.delta > 1.0:
        raise ValueError(f"--delta is {arguments.delta:g}; a hit must raise the odds: need > 1")
    return RangeSensor(
        n_beams=arguments.beams,
        fov=math.radians(arguments.fov),
        max_range=arguments.max_range,
        sigma=arguments.sigma,
        delta_occ=arguments.delta,
        delta_emp=1.0 / arguments.delta,
    )


def _map(arguments: argparse.Namespace) -> int:
    _can_write(arguments.output)
    sensor = _sensor(arguments)
    grid = load_map(arguments.map)
    free = grid.occupancy < 0.5
    if not free.any():
        raise ValueError(f"{arguments.map} has no free cell to scan from")
    joint = not arguments.beam_sum
    surface = mi_map(grid, sensor, measure=arguments.measure, joint=joint, mask=free)
    # Imported only here: matplotlib takes longer to load than a map to compute.
    from fsmi.sim.pictures import save_surface

    how = "each cell once" if joint else "sum over beams"
    save_surface(grid, surface, arguments.output, title=f"{arguments.measure} of a scan, {how}")
    row, column = np.unravel_index(int(np.nanargmax(surface)), grid.shape)
    x, y = grid.cell_to_world((row, column))
    print(f"{grid}: {int(free.sum())} free cells, map entropy {grid.entropy():,.0f} bit")
    print(f"best scan: {float(np.nanmax(surface)):.1f} bit at ({x:.2f}, {y:.2f}) m ({how})")
    print(f"wrote {arguments.output}")
    return 0


def _explore(arguments: argparse.Namespace) -> int:
    _can_write(arguments.output, arguments.gif, arguments.map)
    # Imported only here: shapely is not needed by the other commands.
    from fsmi.sim.coverage import Coverage
    from fsmi.sim.episode import Step, explore
    from fsmi.sim.robot import SimulatedRobot
    from fsmi.sim.worlds import load_world

    sensor = _sensor(arguments)
    radius = arguments.robot_radius
    start = None if arguments.start is None else tuple(arguments.start)
    world = load_world(arguments.world, start=start)
    robot = SimulatedRobot(world, sensor, radius=radius, rng=arguments.seed)
    x0, y0, x1, y1 = world.bounds
    grid = OccupancyGrid.unknown(x1 - x0, y1 - y0, arguments.resolution, (x0, y0, 0.0))
    explorer = Explorer(
        sensor, robot_radius=radius, strategy=arguments.strategy,
        max_distance=arguments.max_distance,
    )  # fmt: skip
    coverage = Coverage(world, sensor, arguments.resolution, robot_radius=radius)
    steps: list[Step] = []
    with _bar(arguments.quiet, "exploring") as progress:
        result = explore(
            robot, grid, explorer, coverage=coverage, max_steps=arguments.max_steps,
            progress=progress, each=steps.append,
        )  # fmt: skip
    median, p95 = result.plan_milliseconds()
    print(f"{world}, {arguments.strategy}: {result.status} ({result.reason})")
    print(f"  coverage     {100.0 * (result.coverage or 0.0):.1f} % of the free space in reach")
    print(f"  path length  {result.path_length:.1f} m, {result.collisions} collisions")
    print(
        f"  entropy      {result.entropy_before:,.0f} bit before, {result.entropy_after:,.0f} after"
    )
    print(f"  planning     {len(result.steps)} plans, median {median:.0f} ms, p95 {p95:.0f} ms")
    if arguments.gif:
        from fsmi.sim.pictures import save_exploration

        with _bar(arguments.quiet, "film") as progress:
            save_exploration(steps, explorer, arguments.gif, progress=progress)
        print(f"wrote {arguments.gif}")
    if arguments.map:
        save_map(result.grid, arguments.map)
        print(f"wrote {arguments.map}")
    if arguments.output:
        about = {"world": str(arguments.world), "strategy": arguments.strategy}
        about |= {"seed": arguments.seed, "resolution": arguments.resolution}
        _write_text(Path(arguments.output), json.dumps(about | result.to_dict(), indent=1) + "\n")
        print(f"wrote {arguments.output}")
    return 0


def _worlds(arguments: argparse.Namespace) -> int:
    _can_write(arguments.output)
    from fsmi.sim.floorplans import make_world
    from fsmi.sim.worlds import save_world

    world = make_world(arguments.kind, seed=arguments.seed)
    save_world(world, arguments.output)
    print(f"wrote {arguments.output}: {world}")
    return 0


def _convert(arguments: argparse.Namespace) -> int:
    _can_write(arguments.target)
    source, target = Path(arguments.source), Path(arguments.target)
    kinds = (source.suffix.lower(), target.suffix.lower())
    if kinds[0] in TREE_ENDINGS and kinds[1] in TREE_ENDINGS:
        save_octomap(load_octomap(source), target)
    elif kinds[0] in (*MAP_ENDINGS, ".geojson") and kinds[1] in MAP_ENDINGS:
        save_map(_grid(source, arguments.resolution), target, mode=arguments.mode,
                 image="png" if arguments.mode == "scale" else "pgm")  # fmt: skip
    else:
        raise ValueError(
            f"no conversion from {source.name} to {target.name}; .yaml and .geojson go to .yaml,"
            " .bt and .ot to .bt and .ot"
        )
    print(f"wrote {target}")
    return 0


def _grid(source: Path, resolution: float) -> OccupancyGrid:
    if source.suffix.lower() in MAP_ENDINGS:
        return load_map(source)
    from fsmi.sim.worlds import load_world

    return load_world(source).truth(resolution)


def _can_write(*paths: str | None) -> None:
    """Refuse before the work is done what could not be written after it."""
    for path in paths:
        if path is None:
            continue
        folder = Path(path).resolve().parent
        if Path(path).is_dir():
            raise ValueError(f"{path} is a folder; name a file")
        folder.mkdir(parents=True, exist_ok=True)


def _write_text(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _bar(quiet: bool, label: str) -> Iterator[Progress | None]:
    """A progress bar on stderr as a callable (fraction, text), or None."""
    if quiet:
        yield None
        return
    from tqdm import tqdm

    with tqdm(
        total=100, desc=label, unit="%", bar_format="{desc} {bar} {n:3.0f}% {postfix}"
    ) as bar:

        def show(fraction: float, text: str) -> None:
            bar.set_postfix_str(text, refresh=False)
            bar.update(max(0.0, 100.0 * fraction - bar.n))

        yield show


if __name__ == "__main__":
    sys.exit(main())
