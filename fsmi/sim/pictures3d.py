"""Pictures of voxel maps: horizontal slices with the flight, and what was learnt on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fsmi.sim.flight import FlightResult
from fsmi.sim.pictures import DPI, INSTALL, TRAIL
from fsmi.voxels import VoxelMap

Array = npt.NDArray[np.float64]
INCHES = 2.6  # height of a slice


def slices_picture(
    voxels: VoxelMap,
    path: str | Path,
    *,
    heights: npt.ArrayLike | None = None,
    trail: npt.ArrayLike | None = None,
    result: FlightResult | None = None,
    title: str = "",
) -> None:
    """Write horizontal slices of a map as a PNG.

    Parameters
    ----------
    heights : array (n,), optional
        Of the slices [m]; default six, evenly spread over the box.
    trail : array (n, 4), optional
        Poses of a flight. Each slice shows the stretches that are nearest to it; the rest is
        faint.
    result : FlightResult, optional
        Adds the curves of entropy and coverage over the distance flown; its trail is the default.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(INSTALL) from error
    x0, y0, z0, x1, y1, z1 = voxels.bounds
    cuts = z0 + (z1 - z0) * (np.arange(6) + 0.5) / 6 if heights is None else np.asarray(heights)
    if cuts.ndim != 1 or not len(cuts):
        raise ValueError(f"heights have shape {cuts.shape}; need (n,) with at least one [m]")
    if trail is None and result is not None:
        trail = result.trail
    columns = min(3, len(cuts))
    rows = -(-len(cuts) // columns)
    wide = float(np.clip((x1 - x0) / (y1 - y0), 0.5, 2.5)) * INCHES
    extra = 0 if result is None else 1
    figure = Figure(
        figsize=(0.8 + columns * (wide + 0.35), 0.9 + rows * (INCHES + 0.45) + extra * 2)
    )
    canvas = FigureCanvasAgg(figure)
    layout = figure.add_gridspec(
        rows + extra, columns, height_ratios=[INCHES] * rows + [1.5] * extra,
        left=0.07, right=0.94, top=0.9, bottom=0.09, wspace=0.12, hspace=0.3,
    )  # fmt: skip
    nearest = None
    if trail is not None and len(np.asarray(trail)):
        flown = np.asarray(trail, dtype=np.float64)
        nearest = np.abs(flown[:, 2][:, None] - cuts[None]).argmin(axis=1)
    for m, height in enumerate(cuts):
        axes = figure.add_subplot(layout[m // columns, m % columns])
        axes.imshow(
            1.0 - voxels.slice_at(float(height)).occupancy, cmap="gray", vmin=0, vmax=1,
            extent=(x0, x1, y0, y1), origin="lower", interpolation="nearest",
        )  # fmt: skip
        axes.set_title(f"z = {height:.2f} m", fontsize=9)
        axes.tick_params(labelsize=7)
        if nearest is not None:
            axes.plot(flown[:, 0], flown[:, 1], color=TRAIL, lw=0.6, alpha=0.25)
            here = np.where((nearest == m)[:, None], flown[:, :2], np.nan)
            axes.plot(here[:, 0], here[:, 1], color=TRAIL, lw=1.6)
    if result is not None:
        _curves(figure.add_subplot(layout[rows, :]), result)
    figure.suptitle(title, fontsize=11, x=0.07, ha="left")
    canvas.print_figure(str(path), dpi=DPI, format="png")


def _curves(axes: Any, result: FlightResult) -> None:
    """Entropy and, if known, coverage over the distance flown."""
    distance = [step["travelled"] for step in result.steps]
    axes.plot(distance, [step["entropy"] / 1e3 for step in result.steps], color=TRAIL)
    axes.set_xlabel("distance flown [m]", fontsize=8)
    axes.set_ylabel("entropy [kbit]", fontsize=8, color=TRAIL)
    axes.set_ylim(bottom=0.0)
    axes.tick_params(labelsize=7)
    if result.coverage is None:
        return
    right = axes.twinx()
    right.plot(distance, [100.0 * step["coverage"] for step in result.steps], color="#d62728")
    right.set_ylabel("seen [%]", fontsize=8, color="#d62728")
    right.set_ylim(0.0, 101.0)
    right.tick_params(labelsize=7)
