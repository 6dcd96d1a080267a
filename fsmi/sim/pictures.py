"""Pictures of maps, information surfaces and explorations; an exploration as a GIF."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fsmi.grid import OccupancyGrid
from fsmi.planning.knowledge import Knowledge, classify
from fsmi.planning.plan import STATUSES
from fsmi.sensor import RangeSensor
from fsmi.sim.episode import Step
from fsmi.sim.loop import Progress
from fsmi.surface import mi_map

INSTALL = 'pictures need matplotlib and Pillow: pip install "privfunnel-fsmi[fsmi]"'
DPI = 100
TRAIL, PATH, ROBOT = "#1f77b4", "#d62728", "#d62728"
COLOURS = "viridis"


def _canvas(width: float, height: float) -> tuple[Any, Any]:
    """A figure of `width` x `height` [inch] and its canvas, without pyplot's global state."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(INSTALL) from error
    figure = Figure(figsize=(width, height), dpi=DPI)
    return figure, FigureCanvasAgg(figure)


def information_surface(
    known: Knowledge, sensor: RangeSensor, *, progress: Progress | None = None
) -> npt.NDArray[Any]:
    """Information of a scan from each free cell, each cell counted once, (H, W) [bit].

    nan where the robot cannot be: the surface is shown where it can be used.
    """
    return mi_map(
        known.belief, sensor, measure="shannon", joint=True, mask=known.free, progress=progress
    )


def _extent(grid: OccupancyGrid) -> tuple[float, float, float, float]:
    """Left, right, bottom, top [m] for imshow; in the grid's own frame if it is turned."""
    h, w = grid.shape
    x0, y0, yaw = grid.origin
    if yaw:
        x0 = y0 = 0.0
    return x0, x0 + w * grid.resolution, y0, y0 + h * grid.resolution


def surface_picture(
    grid: OccupancyGrid,
    surface: npt.NDArray[Any],
    path: str | Path,
    *,
    title: str,
    unit: str = "bit",
) -> None:
    """Write a surface (H, W) [`unit`] over its map as a PNG with a colour bar."""
    left, right, low, high = _extent(grid)
    wide = float(np.clip((right - left) / (high - low), 0.4, 2.5))
    figure, canvas = _canvas(2.2 + 6.0 * max(wide, 0.7), 6.6)
    axes = figure.add_axes((0.08, 0.09, 0.78, 0.82))
    axes.set_facecolor("#808080")
    axes.imshow(
        1.0 - grid.occupancy, cmap="gray", vmin=0, vmax=1, extent=_extent(grid), origin="lower"
    )
    image = axes.imshow(surface, cmap=COLOURS, extent=_extent(grid), origin="lower", vmin=0.0)
    axes.set_xlabel("x [m]")
    axes.set_ylabel("y [m]")
    axes.set_title(title)
    box = figure.add_axes((0.88, 0.09, 0.025, 0.82))
    figure.colorbar(image, cax=box, label=f"information of a scan [{unit}]")
    canvas.print_figure(str(path), dpi=DPI, format="png")


@final
class Film:
    """Collects the steps of an exploration and draws them.

    Parameters
    ----------
    sensor : RangeSensor
    knowledge : callable
        What the planner takes a map to say, usually ``explorer.knowledge``.
    frames : int
        At most so many pictures; steps are left out evenly.
    """

    def __init__(
        self,
        sensor: RangeSensor,
        knowledge: Callable[[OccupancyGrid], Knowledge] = classify,
        *,
        frames: int = 60,
    ) -> None:
        if frames < 2:
            raise ValueError(f"frames is {frames}; need at least 2")
        self.sensor, self.knowledge, self.frames = sensor, knowledge, int(frames)
        self.steps: list[Step] = []
        self.curve: list[tuple[float, float]] = []
        self._every = 1

    def add(self, step: Step) -> None:
        """Remember a step; memory is bounded: every second one is dropped when too many."""
        self.curve.append((step.travelled, step.entropy))
        if step.plan.finished or step.index % self._every == 0:
            self.steps.append(step)
        if len(self.steps) > 4 * self.frames:
            self._every *= 2
            last = self.steps[-1]
            self.steps = [s for s in self.steps[:-1] if s.index % self._every == 0] + [last]

    def chosen(self) -> list[Step]:
        """The steps that are drawn: evenly spread, the first and the last among them."""
        n = len(self.steps)
        picks = np.unique(np.linspace(0, n - 1, min(n, self.frames)).round().astype(int))
        return [self.steps[k] for k in picks]

    def save(self, path: str | Path, *, progress: Progress | None = None) -> None:
        """Write the film as a GIF that stops for a while on its last picture."""
        try:
            from PIL import Image
        except ImportError as error:
            raise ImportError(INSTALL) from error
        if not self.steps:
            raise ValueError("the film is empty: add steps before saving it")
        stage, pictures = _Stage(self), []
        chosen = self.chosen()
        for k, step in enumerate(chosen):
            pictures.append(Image.fromarray(stage.draw(step)))
            if progress is not None:
                progress((k + 1) / len(chosen), f"drawing picture {k + 1} of {len(chosen)}")
        # One palette for all, taken from a mosaic of early, middle and last picture.
        samples = [pictures[k] for k in (0, len(pictures) // 2, len(pictures) - 1)]
        mosaic = Image.fromarray(np.concatenate([np.asarray(p) for p in samples]))
        palette = mosaic.quantize(160, dither=Image.Dither.NONE)
        small = [p.quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures]
        times = [160] * (len(small) - 1) + [3000]
        small[0].save(
            path, format="GIF", save_all=True, append_images=small[1:], duration=times, loop=0,
            optimize=False,
        )  # fmt: skip

    def picture(self, step: Step) -> npt.NDArray[np.uint8]:
        """One step drawn, RGB (height, width, 3)."""
        return _Stage(self).draw(step)

    def __repr__(self) -> str:
        return f"Film({len(self.steps)} steps)"


@final
class _Stage:
    """A figure that is drawn once and then only changed: four times faster than a new one."""

    def __init__(self, film: Film) -> None:
        self.film = film
        first = film.steps[0].grid if film.steps else OccupancyGrid.unknown(1, 1, 1)
        extent = _extent(first)
        wide = float(np.clip((extent[1] - extent[0]) / (extent[3] - extent[2]), 0.6, 2.2))
        self.figure, self.canvas = _canvas(1.4 + 2 * 3.05 * wide, 5.0)
        grid = self.figure.add_gridspec(
            2, 3, width_ratios=(1, 1, 0.03), height_ratios=(1, 0.24), left=0.06, right=0.93,
            top=0.90, bottom=0.10, wspace=0.04, hspace=0.28,
        )  # fmt: skip
        self.left = self.figure.add_subplot(grid[0, 0])
        self.right = self.figure.add_subplot(grid[0, 1], sharex=self.left, sharey=self.left)
        self.below = self.figure.add_subplot(grid[1, :2])
        blank = np.zeros(first.shape)
        ground = {"extent": extent, "origin": "lower", "interpolation": "nearest"}
        self.map = self.left.imshow(blank, cmap="gray", vmin=0, vmax=1, **ground)
        self.back = self.right.imshow(blank, cmap="gray", vmin=0, vmax=1, **ground)
        self.surface = self.right.imshow(blank, cmap=COLOURS, **ground)
        self.bar = self.figure.colorbar(
            self.surface, cax=self.figure.add_subplot(grid[0, 2]), label="information [bit]"
        )
        self.left.set_title("map and path driven", fontsize=10)
        self.right.set_title("what a scan from each place would tell", fontsize=10)
        self.right.tick_params(labelleft=False)
        self.lines = [
            (
                axes.plot([], [], color=TRAIL, lw=1.3)[0],
                axes.plot([], [], color=PATH, lw=1.6)[0],
                axes.plot([], [], "*", color=PATH, ms=9, mec="white", mew=0.6)[0],
                axes.plot([], [], "o", color=ROBOT, ms=6, mec="white", mew=0.8)[0],
            )
            for axes in (self.left, self.right)
        ]
        self._curve()

    def _curve(self) -> None:
        distance, entropy = np.array(self.film.curve or [(0.0, 0.0)]).T
        self.below.plot(distance, entropy / 1000.0, color="#c0c0c0", lw=1.2)
        self.so_far = self.below.plot([], [], color=TRAIL, lw=1.8)[0]
        self.now = self.below.plot([], [], "o", color=ROBOT, ms=5)[0]
        self.below.set_xlim(0.0, max(1.0, float(distance[-1])) * 1.01)
        self.below.set_ylim(0.0, max(0.1, float(entropy.max()) / 1000.0) * 1.08)
        self.below.set_xlabel("distance driven [m]", fontsize=9)
        self.below.set_ylabel("entropy left\n[kbit]", fontsize=9)
        self.below.tick_params(labelsize=8)
        self.below.spines[["top", "right"]].set_visible(False)

    def draw(self, step: Step) -> npt.NDArray[np.uint8]:
        """The picture of one step, RGB (height, width, 3)."""
        known = self.film.knowledge(step.grid)
        surface = information_surface(known, self.film.sensor)
        self.map.set_data(1.0 - step.grid.occupancy)
        self.back.set_data(1.0 - step.grid.occupancy)
        self.surface.set_data(np.ma.masked_invalid(surface))
        top = float(np.nanmax(surface)) if np.isfinite(surface).any() else 1.0
        # Steps of 1, 2, 5 keep the colour bar from jumping with every picture.
        self.surface.set_clim(0.0, _round_up(max(top, 1.0)))
        for trail, path, goal, robot in self.lines:
            trail.set_data(step.trail[:, 0], step.trail[:, 1])
            path.set_data(step.plan.path[:, 0], step.plan.path[:, 1])
            goal.set_data(
                *(([step.plan.goal[0]], [step.plan.goal[1]]) if step.plan.goal else ([], []))
            )
            robot.set_data([step.pose[0]], [step.pose[1]])
        so_far = [(d, e / 1000.0) for d, e in self.film.curve if d <= step.travelled + 1e-9]
        self.so_far.set_data(*np.array(so_far).T)
        self.now.set_data([step.travelled], [step.entropy / 1000.0])
        self.figure.suptitle(_title(step), fontsize=12, x=0.06, ha="left")
        self.canvas.draw()
        return np.array(self.canvas.buffer_rgba())[..., :3].copy()


def _title(step: Step) -> str:
    seen = "" if step.coverage is None else f"  ·  {100 * step.coverage:.1f} % seen"
    text = f"step {step.index}  ·  {step.travelled:.1f} m{seen}  ·  {step.entropy:,.0f} bit left"
    if step.plan.status == "go":
        return f"{text}  ·  next scan: {step.plan.information:.0f} bit"
    return f"{text}  ·  {step.plan.status}: {STATUSES[step.plan.status]}"


def _round_up(value: float) -> float:
    """The next number of the form 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(f * power for f in (1.0, 2.0, 5.0, 10.0) if value <= f * power * (1 + 1e-9))
