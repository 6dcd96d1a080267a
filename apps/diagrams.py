"""Drawings as SVG: entropy Venn diagrams, chains and small graphs. Layout only, no measures."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

from drawing import canvas
from scipy.optimize import brentq

BLUE, ORANGE, GREEN, PINK = "#0072B2", "#E69F00", "#009E73", "#CC79A7"


def text(x: float, y: float, words: str, *, size: float = 16, weight: int = 400) -> str:
    """Centred text in the theme's colour."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" dominant-baseline="middle" '
        f'font-size="{size:g}" font-weight="{weight}" fill="currentColor">'
        f"{html.escape(words)}</text>"
    )


def lens_area(distance: float, first: float, second: float) -> float:
    """Area common to two discs of radius `first` and `second` whose centres are that far apart."""
    if distance >= first + second:
        return 0.0
    if distance <= abs(first - second):
        return math.pi * min(first, second) ** 2
    a = (distance**2 + first**2 - second**2) / (2 * distance * first)
    b = (distance**2 + second**2 - first**2) / (2 * distance * second)
    kite = (
        (first + second - distance)
        * (distance + first - second)
        * (distance - first + second)
        * (distance + first + second)
    )
    return (
        first**2 * math.acos(min(1.0, max(-1.0, a)))
        + second**2 * math.acos(min(1.0, max(-1.0, b)))
        - 0.5 * math.sqrt(max(0.0, kite))
    )


def disc_distance(common: float, first: float, second: float) -> float:
    """Distance of the centres at which two discs share the area `common`."""
    low, high = abs(first - second), first + second
    if common <= 0 or low == high:
        return high
    if common >= math.pi * min(first, second) ** 2 * (1 - 1e-9):
        return low
    return float(brentq(lambda d: lens_area(d, first, second) - common, low + 1e-12, high))


def venn(h_x: float, h_y: float, mi: float, *, names: tuple[str, str] = ("X", "Y")) -> str:
    """Two discs whose areas are the entropies and whose overlap is the mutual information [bit]."""
    width, height = 640.0, 330.0
    r_x, r_y = (math.sqrt(max(h, 0.0) / math.pi) for h in (h_x, h_y))
    gap = disc_distance(mi, r_x, r_y)
    span = max(r_x + gap + r_y, 2 * r_x, 2 * r_y, 1e-9)
    scale = min((width - 60) / span, (height - 90) / max(2 * r_x, 2 * r_y, 1e-9))
    r_x, r_y, gap = r_x * scale, r_y * scale, gap * scale
    left = min(-r_x, gap - r_y)
    right = max(r_x, gap + r_y)
    x0 = width / 2 - (left + right) / 2
    x1, y0 = x0 + gap, height / 2 + 12
    discs = (
        f'<circle cx="{x0:.1f}" cy="{y0:.1f}" r="{r_x:.1f}" fill="{BLUE}" fill-opacity="0.5" '
        f'stroke="{BLUE}" stroke-width="2"/>'
        f'<circle cx="{x1:.1f}" cy="{y0:.1f}" r="{r_y:.1f}" fill="{ORANGE}" fill-opacity="0.5" '
        f'stroke="{ORANGE}" stroke-width="2"/>'
    )
    first, second = names
    top = y0 - max(r_x, r_y) - 20
    words = [
        text(min(x0 - r_x * 0.3, x1 - 40), top, f"H({first}) = {h_x:.3g}", weight=600),
        text(max(x1 + r_y * 0.3, x0 + 40), top, f"H({second}) = {h_y:.3g}", weight=600),
    ]
    lens_left, lens_right = max(x0 - r_x, x1 - r_y), min(x0 + r_x, x1 + r_y)
    pieces = [
        ((x0 - r_x + min(x1 - r_y, x0 + r_x)) / 2, f"H({first}|{second})", h_x - mi),
        ((lens_left + lens_right) / 2, f"I({first};{second})", mi),
        ((max(x0 + r_x, x1 - r_y) + x1 + r_y) / 2, f"H({second}|{first})", h_y - mi),
    ]
    widths = [
        min(x1 - r_y, x0 + r_x) - (x0 - r_x),
        lens_right - lens_left,
        (x1 + r_y) - max(x0 + r_x, x1 - r_y),
    ]
    for (x, label, value), wide in zip(pieces, widths, strict=True):
        if value > 1e-9 and wide > 52:
            words += [text(x, y0 - 10, label, size=15), text(x, y0 + 12, f"{value:.3g}", size=15)]
    alt = (
        f"Two discs: H({first}) {h_x:.3g} bit, H({second}) {h_y:.3g} bit, "
        f"overlap {mi:.3g} bit of mutual information."
    )
    return canvas(width, height, discs + "".join(words), alt)


def arrow(x0: float, y0: float, x1: float, y1: float, radius: float = 30) -> str:
    """An arrow between two nodes of that radius, drawn from rim to rim."""
    length = math.hypot(x1 - x0, y1 - y0)
    ux, uy = (x1 - x0) / length, (y1 - y0) / length
    ax, ay, bx, by = x0 + ux * radius, y0 + uy * radius, x1 - ux * radius, y1 - uy * radius
    wing = 9
    head = " ".join(
        f"{px:.1f},{py:.1f}"
        for px, py in (
            (bx, by),
            (bx - ux * wing - uy * wing * 0.5, by - uy * wing + ux * wing * 0.5),
            (bx - ux * wing + uy * wing * 0.5, by - uy * wing - ux * wing * 0.5),
        )
    )
    return (
        f'<line x1="{ax:.1f}" y1="{ay:.1f}" x2="{bx - ux * wing:.1f}" y2="{by - uy * wing:.1f}" '
        f'stroke="currentColor" stroke-width="2"/><polygon points="{head}" fill="currentColor"/>'
    )


def graph(
    nodes: Mapping[str, tuple[float, float]],
    edges: Sequence[tuple[str, str]],
    *,
    alt: str,
    size: tuple[float, float],
    labels: Mapping[tuple[str, str], str] | None = None,
) -> str:
    """Named circles and arrows; `labels` writes words over an arrow."""
    colours = dict(zip(nodes, (BLUE, ORANGE, GREEN, PINK), strict=False))
    body = "".join(arrow(*nodes[a], *nodes[b]) for a, b in edges)
    for (a, b), words in (labels or {}).items():
        (x0, y0), (x1, y1) = nodes[a], nodes[b]
        body += text((x0 + x1) / 2, (y0 + y1) / 2 - 16, words, size=14)
    for name, (x, y) in nodes.items():
        body += (
            f'<circle cx="{x:g}" cy="{y:g}" r="28" fill="{colours[name]}" fill-opacity="0.35" '
            f'stroke="{colours[name]}" stroke-width="2"/>' + text(x, y, name, size=18, weight=600)
        )
    return canvas(*size, body, alt, max_width=int(size[0]))
