"""A moving drawing: curves that change with time beside a graph on which a dot runs along.

The browser moves it (see `drawing`); the server draws it once.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from diagrams import BLUE, ORANGE, text
from drawing import canvas

Array = npt.NDArray[np.float64]
RED = "#D55E00"
WIDTH, HEIGHT, PAD = 420.0, 260.0, 36.0


def scaled(values: Array, low: float, high: float, start: float, end: float) -> Array:
    """Values from [low, high] to [start, end], clipped."""
    share = np.clip((values - low) / (high - low), 0.0, 1.0)
    return start + share * (end - start)


def outline(x: Array, y: Array) -> str:
    """A closed path under a curve, in drawing units."""
    points = " ".join(f"{a:.0f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return f"M{x[0]:.0f},{HEIGHT - PAD:g} L{points} L{x[-1]:.0f},{HEIGHT - PAD:g}Z"


def moves(**attributes: Sequence[str]) -> str:
    """The attribute that says through which values others run, one picture after another."""
    return f'data-moves="{html.escape(json.dumps(attributes), quote=True)}"'


def axes(left: float, title: str, below: str) -> str:
    """Two lines and two titles."""
    base = HEIGHT - PAD
    return (
        f'<path d="M{left:g},{PAD:g} V{base:g} H{left + WIDTH - PAD:g}" fill="none" '
        'stroke="currentColor" stroke-opacity="0.5"/>'
        + text(left + (WIDTH - PAD) / 2, 16, title, size=14, weight=600)
        + text(left + (WIDTH - PAD) / 2, HEIGHT - 12, below, size=13)
    )


def heat_flow(
    x: Array,
    bumps: Mapping[str, Array],
    t: Array,
    bits: Array,
    *,
    top: float,
    alt: str,
) -> str:
    """Densities (frames, len(x)) that spread, and the information (frames,) that falls."""
    base = HEIGHT - PAD
    across = scaled(x, x[0], x[-1], PAD, WIDTH)
    body = axes(PAD, "density of Xt", "x")
    for colour, frames in zip((BLUE, ORANGE), bumps.values(), strict=False):
        paths = [outline(across, scaled(row, 0.0, top, base, PAD)) for row in frames]
        body += f'<path d="{paths[0]}" fill="{colour}" fill-opacity="0.45" {moves(d=paths)}/>'
    left = WIDTH + 2 * PAD
    u = scaled(t, 0.0, float(t[-1]), left, left + WIDTH - PAD)
    v = scaled(bits, 0.0, float(bits.max()), base, PAD)
    line = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(u, v, strict=True))
    body += axes(left, "I(X0; Xt)", "time t")
    body += f'<polyline points="{line}" fill="none" stroke="{BLUE}" stroke-width="2.5"/>'
    dot = moves(cx=[f"{a:.1f}" for a in u], cy=[f"{b:.1f}" for b in v])
    body += f'<circle r="8" cx="{u[0]:.1f}" cy="{v[0]:.1f}" fill="{RED}" {dot}/>'
    return canvas(left + WIDTH, HEIGHT, body, alt, max_width=960)
