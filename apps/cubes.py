"""Voxels as a drawing: cubes seen from above at an angle, far ones first."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from drawing import canvas
from maps import viridis

Array = npt.NDArray[np.float64]
WIDTH, MARGIN = 900.0, 12.0
# Corners of the faces of a unit cube by the direction they look in, and how light they are.
FACES = {
    (0, 0, 1): (((0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)), 1.0),
    (1, 0, 0): (((1, 0, 0), (1, 1, 0), (1, 1, 1), (1, 0, 1)), 0.78),
    (-1, 0, 0): (((0, 0, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1)), 0.78),
    (0, 1, 0): (((0, 1, 0), (1, 1, 0), (1, 1, 1), (0, 1, 1)), 0.6),
    (0, -1, 0): (((0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 1)), 0.6),
}


class View:
    """Projects voxel coordinates (x, y, z) to the drawing; `turn` [rad] about the vertical."""

    def __init__(self, shape: tuple[int, int, int], turn: float) -> None:
        depth, height, width = shape
        self.turn = turn
        self.centre = np.array([width / 2, height / 2, 0.0])
        corners = np.array([(x, y, z) for x in (0, width) for y in (0, height) for z in (0, depth)])
        flat = self.flat(corners)
        self.low, high = flat.min(axis=0), flat.max(axis=0)
        span = high - self.low
        self.scale = (WIDTH - 2 * MARGIN) / float(span[0])
        self.height = float(span[1]) * self.scale + 2 * MARGIN

    def flat(self, points: Array) -> Array:
        """(n, 3) to the plane (n, 2), before scaling; the second grows towards the viewer."""
        moved = points - self.centre
        c, s = math.cos(self.turn), math.sin(self.turn)
        across = c * moved[:, 0] - s * moved[:, 1]
        near = -(s * moved[:, 0] + c * moved[:, 1])
        return np.stack((across, 0.55 * near - 0.83 * moved[:, 2]), axis=-1)

    def place(self, points: Array) -> Array:
        """(n, 3) to the drawing (n, 2)."""
        return (self.flat(points) - self.low) * self.scale + MARGIN

    def nearness(self, direction: Sequence[float]) -> float:
        """Above 0 if a face that looks in this direction is seen."""
        if direction[2]:
            return 1.0
        return -(math.sin(self.turn) * direction[0] + math.cos(self.turn) * direction[1])


def faces(solid: npt.NDArray[np.bool_], view: View) -> list[tuple[float, str]]:
    """(nearness, polygon) of every face of `solid` (D, H, W) that is seen and not covered."""
    padded = np.pad(solid, 1)
    layers = solid.shape[0]
    found = []
    for direction, (corners, light) in FACES.items():
        if view.nearness(direction) <= 1e-9:
            continue
        dx, dy, dz = direction
        beside = padded[
            1 + dz : 1 + dz + solid.shape[0], 1 + dy : 1 + dy + solid.shape[1],
            1 + dx : 1 + dx + solid.shape[2],
        ]  # fmt: skip
        cells = np.argwhere(solid & ~beside)[:, ::-1].astype(float)
        if not len(cells):
            continue
        places = np.stack([view.place(cells + np.array(c)) for c in corners], axis=1)
        near = -(math.sin(view.turn) * cells[:, 0] + math.cos(view.turn) * cells[:, 1])
        shades = viridis(0.15 + 0.75 * cells[:, 2] / max(1, layers - 1)) * light
        for depth, cell, polygon, rgb in zip(near, cells, places, shades.astype(int), strict=True):
            points = " ".join(f"{u:.0f},{v:.0f}" for u, v in polygon)
            colour = "#{:02x}{:02x}{:02x}".format(*rgb)
            # Of two faces at one distance the higher one is drawn later.
            found.append((depth + 1e-3 * cell[2], f'<polygon points="{points}" fill="{colour}"/>'))
    return found


def draw_cubes(
    solid: npt.NDArray[np.bool_],
    turn: float,
    marks: Sequence[tuple[float, float, float]],
    alt: str,
    *,
    trail: npt.ArrayLike | None = None,
) -> str:
    """The svg of a voxel map, with round marks at (x, y, z) in voxels and a way (n, 3) flown."""
    view = View(solid.shape, turn)  # type: ignore[arg-type]
    height, width = solid.shape[1:]
    ground = view.place(np.array([(0, 0, 0), (width, 0, 0), (width, height, 0), (0, height, 0)]))
    outline = " ".join(f"{u:.0f},{v:.0f}" for u, v in ground)
    body = f'<polygon points="{outline}" fill="#BAC2CB" fill-opacity="0.45"/>'
    body += "".join(p for _, p in sorted(faces(solid, view)))
    way = np.empty((0, 3)) if trail is None else np.asarray(trail, dtype=float)
    if len(way) > 1:
        steps = " ".join(f"{u:.0f},{v:.0f}" for u, v in view.place(way))
        for colour, wide in (("#FFFFFF", 5), ("#D55E00", 2.5)):
            body += (
                f'<polyline points="{steps}" fill="none" stroke="{colour}" '
                f'stroke-width="{wide}" stroke-linejoin="round"/>'
            )
    for x, y, z in marks:
        (u, v), (a, b) = view.place(np.array([(x, y, z), (x, y, 0)]))
        body += (
            f'<line x1="{u:.0f}" y1="{v:.0f}" x2="{a:.0f}" y2="{b:.0f}" stroke="#D55E00" '
            f'stroke-width="2"/><circle cx="{u:.0f}" cy="{v:.0f}" r="8" fill="#D55E00" '
            'stroke="#FFFFFF" stroke-width="2"/>'
        )
    return canvas(WIDTH, view.height, body, alt, max_width=1100)
