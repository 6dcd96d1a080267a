"""An exploration as a Rerun recording (.rrd): map, trail, plan and curves, to be scrubbed through.

`rerun RUN.rrd` shows it. Everything is drawn in 3-D, a 2-D map in the plane z = 0, so that one
view holds both kinds. Needs ``pip install "privfunnel-fsmi[rerun]"``, which nothing else does.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fsmi.grid import OccupancyGrid
from fsmi.io.atomic import whole_file
from fsmi.sim.episode import Step

INSTALL = 'recordings need rerun-sdk: pip install "privfunnel-fsmi[rerun]"'
APPLICATION = "fsmi"
TRAIL, PATH, GOAL, ROBOT = (31, 119, 180), (214, 39, 40), (255, 127, 14), (214, 39, 40)
LIFT = 0.02  # height [m] of lines over the plane of a 2-D map, so that they are not hidden by it


@final
class Recording:
    """An open recording; what is logged belongs to the last `at`.

    `rerun` is the module, or anything that looks like it; `stream` an open `RecordingStream`.
    """

    def __init__(self, rerun: Any, stream: Any) -> None:
        self._rerun, self._stream = rerun, stream

    def at(self, index: int, travelled: float) -> None:
        """Go on to the plan with this number, made after `travelled` [m]."""
        self._stream.set_time("plan", sequence=int(index))
        # A time line has whole numbers or seconds; one second stands for one metre.
        self._stream.set_time("metres", duration=float(travelled))

    def grid(self, grid: OccupancyGrid, name: str = "map") -> None:
        """A map in the plane z = 0, in ROS's colours."""
        h, w = grid.shape
        x, y, yaw = grid.origin
        rr = self._rerun
        # ROS begins with the lowest row, an image with the highest.
        rows = np.ascontiguousarray(grid.to_ros().reshape(h, w)[::-1])
        self._log(
            name,
            rr.GridMap(
                data=rows.tobytes(),
                format=rr.components.ImageFormat(
                    width=w, height=h, color_model="L", channel_datatype="U8"
                ),
                cell_size=grid.resolution,
                translation=[x, y, 0.0],
                quaternion=[0.0, 0.0, float(np.sin(yaw / 2.0)), float(np.cos(yaw / 2.0))],
                colormap=rr.components.Colormap.RvizMap,
            ),
        )

    def boxes(
        self, centres: npt.ArrayLike, sides: npt.ArrayLike, heights: npt.ArrayLike, name: str
    ) -> None:
        """Cubes at `centres` (n, 3) with `sides` (n,) [m], coloured by `heights` (n,) in 0..1."""
        half = np.repeat(0.5 * np.asarray(sides, dtype=np.float64)[:, None], 3, axis=1)
        share = np.clip(np.asarray(heights, dtype=np.float64), 0.0, 1.0)[:, None]
        low, high = np.array((68.0, 1.0, 84.0)), np.array((253.0, 231.0, 37.0))
        colours = (low + share * (high - low)).round().astype(np.uint8)
        self._log(
            name,
            self._rerun.Boxes3D(
                centers=np.asarray(centres, dtype=np.float64), half_sizes=half, colors=colours,
                fill_mode="solid",
            ),
        )  # fmt: skip

    def line(
        self, points: npt.ArrayLike, name: str, colour: tuple[int, int, int], width: float = 0.04
    ) -> None:
        """A line through points (n, 2) or (n, 3) [m]; none if there are fewer than two."""
        xyz = _lifted(points)
        strips = [xyz] if len(xyz) > 1 else []
        self._log(name, self._rerun.LineStrips3D(strips, colors=[colour], radii=[width / 2.0]))

    def points(
        self, points: npt.ArrayLike, name: str, colour: tuple[int, int, int], radius: float = 0.15
    ) -> None:
        """Balls at points (n, 2) or (n, 3) [m]."""
        xyz = _lifted(points)
        self._log(name, self._rerun.Points3D(xyz, colors=[colour], radii=[radius]))

    def number(self, name: str, value: float) -> None:
        """One value of a curve."""
        self._log(f"curves/{name}", self._rerun.Scalars(float(value)))

    def words(self, text: str) -> None:
        """A line of the log."""
        self._log("reason", self._rerun.TextLog(text))

    def _log(self, name: str, what: Any) -> None:
        self._stream.log(name, what)

    def add(self, step: Step) -> None:
        """A step of `fsmi.sim.episode`: map, trail, plan, robot, curves and the reason."""
        self.at(step.index, step.travelled)
        self.grid(step.grid)
        self.route(step.trail[:, :2], step.plan.path[:, :2], step.plan.goal, step.pose[:2])
        self.number("entropy_bit", step.entropy)
        self.number("information_bit", step.plan.information)
        if step.coverage is not None:
            self.number("coverage", step.coverage)
        self.words(f"{step.plan.status}: {step.plan.reason}")

    def route(
        self,
        trail: npt.ArrayLike,
        path: npt.ArrayLike,
        goal: tuple[float, ...] | None,
        robot: npt.ArrayLike,
    ) -> None:
        """Where the robot was, is, and is going to; points (n, 2) or (n, 3) [m]."""
        here = np.atleast_2d(np.asarray(robot, dtype=np.float64))
        self.line(trail, "trail", TRAIL)
        self.line(path, "plan", PATH)
        wide = here.shape[1]
        aims = np.empty((0, wide)) if goal is None else np.array([goal[:wide]])
        self.points(aims, "goal", GOAL)
        self.points(here, "robot", ROBOT)

    def __repr__(self) -> str:
        return f"Recording({APPLICATION})"


@contextmanager
def recording(path: str | Path) -> Iterator[Recording]:
    """A recording to log to; the file appears when the block ends without an error.

    Raises
    ------
    ImportError
        If Rerun is not installed; the message names the command.
    ValueError
        If `path` does not end in .rrd.
    """
    if Path(path).suffix.lower() != ".rrd":
        raise ValueError(f"cannot write {path}: the name must end in .rrd")
    try:
        rerun = importlib.import_module("rerun")
    except ImportError as error:
        raise ImportError(INSTALL, name="rerun") from error
    with whole_file(path) as part:
        stream = rerun.RecordingStream(APPLICATION)
        stream.save(part)
        try:
            yield Recording(rerun, stream)
        finally:
            stream.flush()
            stream.disconnect()


def _lifted(points: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Points (n, 3) [m]; those of a plane a hair above it."""
    xyz = np.asarray(points, dtype=np.float64)
    if xyz.shape[1] == 2:
        xyz = np.column_stack((xyz, np.full(len(xyz), LIFT)))
    return xyz
