"""A simulated lidar: exact distances from a pose to the edges of a world's polygons."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fsmi._jit import kernel
from fsmi.sensor import RangeSensor


@kernel
def _cast(
    segments: npt.NDArray[np.float64],
    x: float,
    y: float,
    directions: npt.NDArray[np.float64],
    max_range: float,
    out: npt.NDArray[np.float64],
) -> None:
    """Distance along each direction to the nearest segment, inf beyond `max_range`."""
    n = directions.shape[0]
    cosines, sines = np.cos(directions), np.sin(directions)
    out[:] = np.inf
    for s in range(segments.shape[0]):
        ax, ay = segments[s, 0] - x, segments[s, 1] - y
        ex, ey = segments[s, 2] - segments[s, 0], segments[s, 3] - segments[s, 1]
        if _squared_distance(ax, ay, ex, ey) > max_range * max_range:
            continue
        moment = ax * ey - ay * ex
        for b in range(n):
            cross = cosines[b] * ey - sines[b] * ex
            if cross == 0.0:
                continue
            along = (ax * sines[b] - ay * cosines[b]) / cross
            t = moment / cross
            # The ends belong to both neighbours: no beam slips through a corner.
            if -1e-12 <= along <= 1.0 + 1e-12 and 0.0 <= t < out[b]:
                out[b] = t
    for b in range(n):
        if out[b] > max_range:
            out[b] = np.inf


@kernel
def _squared_distance(ax: float, ay: float, ex: float, ey: float) -> float:
    """Squared distance from the origin to the segment from (ax, ay) along (ex, ey)."""
    length = ex * ex + ey * ey
    t = 0.0 if length == 0.0 else -(ax * ex + ay * ey) / length
    t = min(max(t, 0.0), 1.0)
    px, py = ax + t * ex, ay + t * ey
    return px * px + py * py


@kernel
def _clearances(
    segments: npt.NDArray[np.float64], points: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    out = np.empty(points.shape[0])
    for i in range(points.shape[0]):
        best = np.inf
        for s in range(segments.shape[0]):
            ax, ay = segments[s, 0] - points[i, 0], segments[s, 1] - points[i, 1]
            ex, ey = segments[s, 2] - segments[s, 0], segments[s, 3] - segments[s, 1]
            best = min(best, _squared_distance(ax, ay, ex, ey))
        out[i] = math.sqrt(best)
    return out


def ranges_in(
    segments: npt.NDArray[np.float64],
    pose: tuple[float, float, float],
    sensor: RangeSensor,
    *,
    rng: np.random.Generator | int | None = None,
) -> npt.NDArray[np.float64]:
    """One scan (n_beams,) [m] among wall segments (n, 4) [m]; inf where nothing is in range.

    The true distance decides whether there is a return; `sensor.sigma` then blurs it, and a
    blurred range stays positive.
    """
    x, y, theta = pose
    out = np.empty(sensor.n_beams)
    _cast(segments, float(x), float(y), theta + sensor.angles(), sensor.max_range, out)
    if sensor.sigma > 0.0:
        noise = np.random.default_rng(rng).normal(0.0, sensor.sigma, out.shape)
        out = np.maximum(out + noise, 1e-3)
    return out


def clearance(segments: npt.NDArray[np.float64], points: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Distance [m] from each point (n, 2) to the nearest wall segment; inf without any."""
    return _clearances(segments, np.ascontiguousarray(points, dtype=np.float64))
