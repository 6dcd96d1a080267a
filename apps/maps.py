"""Maps as drawings: cells as a picture, and on top of it beams, paths, robots and marks."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from drawing import canvas
from PIL import Image

from fsmi import OccupancyGrid

Array = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]

BLUE, ORANGE, RED = "#0072B2", "#E69F00", "#D55E00"
# viridis at ten places, dark to light; between them it is linear.
VIRIDIS = np.array(
    [
        (68, 1, 84), (72, 40, 120), (62, 73, 137), (49, 104, 142), (38, 130, 142),
        (31, 158, 137), (53, 183, 121), (109, 205, 89), (180, 222, 44), (253, 231, 37),
    ]
)  # fmt: skip
FREE, UNKNOWN, WALL = np.array((255, 255, 255)), np.array((186, 194, 203)), np.array((28, 39, 51))


@dataclass(frozen=True)
class Frame:
    """Where metres lie in a drawing `width` units wide; y grows upwards on the map."""

    bounds: tuple[float, float, float, float]
    width: float = 900.0

    @property
    def scale(self) -> float:
        """Units of the drawing in a metre."""
        return self.width / (self.bounds[2] - self.bounds[0])

    @property
    def height(self) -> float:
        """Height of the drawing in its units."""
        return (self.bounds[3] - self.bounds[1]) * self.scale

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Metres to drawing."""
        return (x - self.bounds[0]) * self.scale, (self.bounds[3] - y) * self.scale

    def metres(self, u: float, v: float) -> tuple[float, float]:
        """Drawing to metres."""
        return self.bounds[0] + u / self.scale, self.bounds[3] - v / self.scale


def viridis(share: npt.ArrayLike) -> Pixels:
    """Colours (..., 3) of shares in [0, 1]."""
    at = np.clip(np.nan_to_num(np.asarray(share, dtype=float)), 0.0, 1.0) * (len(VIRIDIS) - 1)
    low = np.minimum(at.astype(int), len(VIRIDIS) - 2)
    rest = (at - low)[..., None]
    return np.asarray(VIRIDIS[low] * (1 - rest) + VIRIDIS[low + 1] * rest).round().astype(np.uint8)


def hex_colour(share: float) -> str:
    """One colour of viridis as #rrggbb."""
    return "#{:02x}{:02x}{:02x}".format(*viridis(share))


def cells(grid: OccupancyGrid, prior: float = 0.5) -> Pixels:
    """Free white, unseen (at the prior) grey, occupied dark, shades between; row 0 lowest."""
    o = grid.occupancy[..., None].astype(float)
    light = FREE + (UNKNOWN - FREE) * np.minimum(o / prior, 1.0)
    dark = np.maximum(o - prior, 0.0) / (1.0 - prior)
    return np.asarray(light + (WALL - UNKNOWN) * dark).astype(np.uint8)


def surface(
    values: npt.ArrayLike,
    grid: OccupancyGrid,
    top: float,
    free: npt.NDArray[np.bool_],
    prior: float,
) -> Pixels:
    """Information by cell in viridis where `free` (H, W), elsewhere the map."""
    shown = cells(grid, prior)
    shown[free] = viridis(np.asarray(values, dtype=float)[free] / (top or 1.0))
    return shown


def image(pixels: Pixels, frame: Frame) -> str:
    """The picture (H, W, 3), row 0 at the smallest y, as the background of a drawing."""
    # Enlarged without smoothing: browsers differ in how they scale pictures inside an SVG.
    factor = max(1, math.ceil(900 / max(pixels.shape[:2])))
    large = pixels[::-1].repeat(factor, axis=0).repeat(factor, axis=1)
    buffer = io.BytesIO()
    Image.fromarray(large).save(buffer, "PNG", compress_level=6)
    data = base64.b64encode(buffer.getvalue()).decode()
    return (
        f'<image href="data:image/png;base64,{data}" x="0" y="0" width="{frame.width:g}" '
        f'height="{frame.height:g}" preserveAspectRatio="none"/>'
    )


def walls(segments: Array, frame: Frame, *, colour: str = ORANGE) -> str:
    """The true walls (n, 4) [m], thin: what the robot does not know."""
    steps = []
    for x0, y0, x1, y1 in segments:
        (a, b), (c, d) = frame.place(x0, y0), frame.place(x1, y1)
        steps.append(f"M{a:.1f} {b:.1f}L{c:.1f} {d:.1f}")
    return f'<path d="{"".join(steps)}" stroke="{colour}" stroke-width="1.2" fill="none"/>'


def beams(
    pose: Sequence[float], directions: Array, ranges: Array, colours: Iterable[str], frame: Frame
) -> str:
    """Rays from a pose: map-frame directions [rad], lengths [m]."""
    x, y = pose[0], pose[1]
    u, v = frame.place(x, y)
    body = ""
    for angle, length, colour in zip(directions, ranges, colours, strict=True):
        a, b = frame.place(x + length * math.cos(angle), y + length * math.sin(angle))
        body += (
            f'<line x1="{u:.1f}" y1="{v:.1f}" x2="{a:.1f}" y2="{b:.1f}" stroke="{colour}" '
            'stroke-width="2.2" stroke-opacity="0.85"/>'
        )
    return body


def dots(points: Array, frame: Frame, *, colour: str = RED, radius: float = 2.6) -> str:
    """Points (n, 2) [m]."""
    places = (frame.place(x, y) for x, y in points)
    return "".join(
        f'<circle cx="{u:.1f}" cy="{v:.1f}" r="{radius:g}" fill="{colour}"/>' for u, v in places
    )


def path(points: npt.ArrayLike, frame: Frame, *, colour: str = BLUE, width: float = 3.5) -> str:
    """A line through points (n, 2+) [m] with a white rim, so that it shows on any ground."""
    array = np.asarray(points, dtype=float)
    if len(array) < 2:
        return ""
    steps = " ".join("{:.1f},{:.1f}".format(*frame.place(x, y)) for x, y in array[:, :2])
    line = '<polyline points="{}" fill="none" stroke="{}" stroke-width="{:g}" {}/>'
    join = 'stroke-linejoin="round" stroke-linecap="round"'
    return line.format(steps, "#FFFFFF", width + 2.5, join) + line.format(
        steps, colour, width, join
    )


def robot(pose: Sequence[float], frame: Frame, *, radius: float = 11, colour: str = BLUE) -> str:
    """A disc with a nose in the direction of its heading."""
    u, v = frame.place(pose[0], pose[1])
    a, b = u + 1.9 * radius * math.cos(pose[2]), v - 1.9 * radius * math.sin(pose[2])
    return (
        f'<line x1="{u:.1f}" y1="{v:.1f}" x2="{a:.1f}" y2="{b:.1f}" stroke="#FFFFFF" '
        f'stroke-width="7" stroke-linecap="round"/>'
        f'<line x1="{u:.1f}" y1="{v:.1f}" x2="{a:.1f}" y2="{b:.1f}" stroke="{colour}" '
        f'stroke-width="4" stroke-linecap="round"/>'
        f'<circle cx="{u:.1f}" cy="{v:.1f}" r="{radius:g}" fill="{colour}" stroke="#FFFFFF" '
        'stroke-width="2.5"/>'
    )


def star(point: Sequence[float], frame: Frame, *, colour: str = RED) -> str:
    """A mark for the best place."""
    u, v = frame.place(point[0], point[1])
    corners = " ".join(
        f"{u + r * math.sin(k * math.pi / 5):.1f},{v - r * math.cos(k * math.pi / 5):.1f}"
        for k, r in enumerate([16, 6.5] * 5)
    )
    return f'<polygon points="{corners}" fill="{colour}" stroke="#FFFFFF" stroke-width="2"/>'


def draw_map(pixels: Pixels, frame: Frame, overlays: Sequence[str], alt: str) -> str:
    """The svg of a map: its cells, then the overlays in their order, then a rim."""
    rim = (
        f'<rect x="0.5" y="0.5" width="{frame.width - 1:g}" height="{frame.height - 1:g}" '
        'fill="none" stroke="#8A94A0"/>'
    )
    body = image(pixels, frame) + "".join(overlays) + rim
    return canvas(frame.width, frame.height, body, alt, max_width=1100)
