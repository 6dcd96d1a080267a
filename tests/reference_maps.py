"""Slow, obvious twins of the rays, scans and sweeps of `fsmi`: plain loops over plain lists."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

Cell = tuple[int, ...]


def gain(delta: float, o: float) -> float:
    """KL divergence [nat] of one update of a cell with occupancy o."""
    if o in (0.0, 1.0):
        return 0.0
    after = delta * o / (1.0 - o + delta * o)
    return after * math.log(after / o) + (1.0 - after) * math.log((1.0 - after) / (1.0 - o))


def entropy(p: float) -> float:
    """Binary entropy [nat]."""
    return -sum(q * math.log(q) for q in (p, 1.0 - p) if q > 0.0)


def crossed(start: list[float], direction: list[float], shape: Cell) -> list[tuple[Cell, float]]:
    """(cell, entry distance) of a ray in cells, by sorting all its crossings; index order x, y, z.

    `shape` as (columns, rows, ...): the same order as `start`.
    """
    direction = [0.0 if abs(d) < 1e-12 else d for d in direction]
    cuts = [0.0]
    for x, d, size in zip(start, direction, shape, strict=True):
        if d:
            cuts += [(k - x) / d for k in range(size + 1) if (k - x) / d > 1e-9]
    cuts = sorted(cuts)
    out: list[tuple[Cell, float]] = []
    for a, b in itertools.pairwise([*cuts, cuts[-1] + 1.0]):
        if b - a < 1e-9:
            continue
        middle = [x + d * (a + b) / 2 for x, d in zip(start, direction, strict=True)]
        cell = tuple(math.floor(m) for m in middle)
        if not all(0 <= c < n for c, n in zip(cell, shape, strict=True)):
            break
        out.append((cell, a))
    return out


def beam_cells(
    shape: Cell, pose: tuple[float, float, float], angle: float, length: float
) -> list[Cell]:
    """(row, column) of the cells that a beam enters before `length`; grid units."""
    a = pose[2] + angle
    rows, columns = shape
    ray = crossed([pose[0], pose[1]], [math.cos(a), math.sin(a)], (columns, rows))
    return [(i, j) for (j, i), t in ray if t < length - 1e-9]


def phi(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def kernel(
    sigma: float, spacing: float, *, uniform: bool = False, sigmas: float = 3.0
) -> list[float]:
    """Mass of a reading m = 0, 1, ... cells off, up to the truncation."""
    if sigma == 0.0:
        return [1.0]
    if uniform:
        half = max(0, round(0.5 * (math.sqrt(12.0) * sigma / spacing - 1.0)))
        return [1.0 / (2 * half + 1)] * (half + 1)
    s = sigma / spacing
    window = math.ceil(sigmas * s - 1e-9)
    return [phi((m + 0.5) / s) - phi((m - 0.5) / s) for m in range(window + 1)]


def beam(
    o: list[float], occ: list[float], emp: list[float], taps: list[float], no_hit: bool
) -> float:
    """Approx-FSMI [nat] from the definition: sum over hits and readings."""
    total, reach = 0.0, 1.0
    for j in range(len(o)):
        for k in range(max(0, j - len(taps) + 1), min(len(o), j + len(taps))):
            total += reach * o[j] * taps[abs(k - j)] * (occ[k] + sum(emp[:k]))
        reach *= 1.0 - o[j]
    return total + (reach * sum(emp) if no_hit else 0.0)


def weighted_beam(o: list[float], gains: list[float], weights: list[float]) -> float:
    """Sum of weight * reach * gain along a beam [nat]."""
    reaches = itertools.accumulate((1.0 - p for p in o), lambda a, b: a * b, initial=1.0)
    return sum(q * g * w for q, g, w in zip(reaches, gains, weights, strict=False))


def digital_line(shape: Cell, origin: Cell, angle: float) -> tuple[list[Cell], float]:
    """Cells of the digital line from a cell on, and the length of its steps [cells]."""
    c, s = (0.0 if abs(v) < 1e-8 else v for v in (math.cos(angle), math.sin(angle)))
    diagonal = abs(abs(c) - abs(s)) < 1e-8
    along_x = abs(c) > abs(s) and not diagonal
    n = shape[1] if along_x else shape[0]
    major, minor = (c, s) if along_x else (s, c)

    def across(i: int) -> int:
        if diagonal:
            return i if minor / major > 0.0 else -i
        v = round(minor / major * (i - (n - 1) / 2), 9)
        return int(math.copysign(math.floor(abs(v) + 0.5), v))

    i0, j0 = origin[::-1] if along_x else origin
    cells: list[Cell] = []
    i = i0
    while 0 <= i < n:
        j = j0 + across(i) - across(i0)
        cell = (j, i) if along_x else (i, j)
        if not (0 <= cell[0] < shape[0] and 0 <= cell[1] < shape[1]):
            break
        cells.append(cell)
        i += 1 if major > 0.0 else -1
    return cells, 1.0 / abs(major)


def line_in_range(
    shape: Cell, origin: Cell, angle: float, length: float
) -> tuple[list[Cell], float]:
    """`digital_line` cut where a cell is entered at `length` [cells] or later."""
    cells, spacing = digital_line(shape, origin, angle)
    return [
        c for k, c in enumerate(cells) if k == 0 or (k - 0.5) * spacing < length - 1e-9
    ], spacing


def every_map(o: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
    """(probability, solid cells) of every map of a small grid."""
    for bits in itertools.product((False, True), repeat=o.size):
        solid = np.array(bits).reshape(o.shape)
        yield float(np.prod(np.where(solid, o, 1.0 - o))), solid


def scan_outcome(solid: np.ndarray, beams: list[list[Cell]]) -> tuple[int, ...]:
    """What a noise-free scan reports: the number of the first solid cell of each beam, -1 none."""
    return tuple(next((k for k, c in enumerate(b) if solid[c]), -1) for b in beams)


def updated_cells(solid: np.ndarray, beams: list[list[Cell]], no_hit: bool) -> set[Cell]:
    """Cells that at least one beam of a noise-free scan updates."""
    seen: set[Cell] = set()
    for b, k in zip(beams, scan_outcome(solid, beams), strict=True):
        if k >= 0 or no_hit:
            seen |= set(b if k < 0 else b[: k + 1])
    return seen
