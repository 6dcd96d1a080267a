"""Floor plans made by code: office, maze, cave, warehouse, forest, each from a seed.

``python -m fsmi.sim.floorplans data/worlds`` writes the ones that are kept in the repository.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from scipy import ndimage
from shapely.affinity import rotate
from shapely.geometry import LineString, Point, box
from shapely.ops import unary_union

from fsmi.sim.worlds import World, finish, save_world

WALL = 0.2  # thickness of inner walls [m]
DOOR = 1.1  # width of a door [m]


def _frame(width: float, height: float) -> Any:
    """The outer wall of a building of `width` x `height` [m], inside these bounds."""
    return box(0, 0, width, height).difference(box(WALL, WALL, width - WALL, height - WALL))


def _wall(x0: float, y0: float, x1: float, y1: float) -> Any:
    return LineString([(x0, y0), (x1, y1)]).buffer(WALL / 2, cap_style="square")


def _opening(x: float, y: float, width: float = DOOR) -> Any:
    """A square hole to cut a door out of a wall."""
    return box(x - width / 2, y - width / 2, x + width / 2, y + width / 2)


def _cuts(rng: np.random.Generator, length: float, smallest: float, largest: float) -> list[float]:
    """Positions that cut [0, length] into pieces of about `smallest` to `largest`."""
    pieces = max(1, round(length / rng.uniform(smallest, largest)))
    weights = rng.uniform(0.75, 1.25, pieces)
    return [0.0, *(np.cumsum(weights) / weights.sum() * length)]


def office(seed: int = 0, *, width: float = 26.0, height: float = 16.0) -> World:
    """A corridor with rooms on both sides, doors between some neighbours, desks."""
    rng = np.random.default_rng(seed)
    low = height / 2 + rng.uniform(-1.0, 1.0) - 1.0
    high = low + rng.uniform(1.8, 2.4)
    walls = [_frame(width, height), _wall(0, low, width, low), _wall(0, high, width, high)]
    doors, desks = [], []
    for near, far in ((low, 0.0), (high, height)):
        cuts = _cuts(rng, width, 3.5, 6.0)
        for left, right in itertools.pairwise(cuts):
            walls.append(_wall(right, near, right, far))
            doors.append(_opening(rng.uniform(left + 1.0, right - 1.0), near))
            if right < width - 1 and rng.random() < 0.35:
                doors.append(_opening(right, near + (far - near) * rng.uniform(0.3, 0.7)))
            desks += _desks(rng, (left, min(near, far), right, max(near, far)), far)
    solid = unary_union(walls).difference(unary_union(doors))
    solid = unary_union([solid, _frame(width, height), *desks])
    solid = solid.intersection(box(0, 0, width, height))
    start = (1.5, (low + high) / 2, 0.0)
    return finish(solid, (0.0, 0.0, width, height), start, kind="office", seed=seed)


def _desks(
    rng: np.random.Generator, room: tuple[float, float, float, float], far: float
) -> list[Any]:
    """Up to two desks against the wall of a room that is away from the corridor."""
    left, low, right, high = room
    desks = []
    for _ in range(int(rng.integers(0, 3))):
        long, deep = rng.uniform(1.0, 1.6), rng.uniform(0.6, 0.8)
        x = rng.uniform(left + 0.2, max(left + 0.3, right - long - 0.2))
        y = low + 0.1 if far == low else high - deep - 0.1
        desks.append(box(x, y, min(x + long, right), y + deep))
    return desks


def maze(seed: int = 0, *, columns: int = 10, rows: int = 7, pitch: float = 2.0) -> World:
    """A maze of square cells: a spanning tree by depth-first search plus a few loops."""
    rng = np.random.default_rng(seed)
    open_walls: set[tuple[int, int, int, int]] = set()
    stack, visited = [(0, 0)], {(0, 0)}
    while stack:  # each cell is pushed once
        i, j = stack[-1]
        steps = [
            (a, b)
            for a, b in ((i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1))
            if 0 <= a < rows and 0 <= b < columns and (a, b) not in visited
        ]
        if not steps:
            stack.pop()
            continue
        a, b = steps[int(rng.integers(len(steps)))]
        open_walls.add((min(i, a), min(j, b), max(i, a), max(j, b)))
        visited.add((a, b))
        stack.append((a, b))
    walls = [_frame(columns * pitch, rows * pitch)]
    for i in range(rows):
        for j in range(columns):
            if i + 1 < rows and (i, j, i + 1, j) not in open_walls and rng.random() > 0.1:
                walls.append(_wall(j * pitch, (i + 1) * pitch, (j + 1) * pitch, (i + 1) * pitch))
            if j + 1 < columns and (i, j, i, j + 1) not in open_walls and rng.random() > 0.1:
                walls.append(_wall((j + 1) * pitch, i * pitch, (j + 1) * pitch, (i + 1) * pitch))
    bounds = (0.0, 0.0, columns * pitch, rows * pitch)
    start = (pitch / 2, pitch / 2, 0.0)
    solid = unary_union(walls).intersection(box(*bounds))
    return finish(solid, bounds, start, kind="maze", seed=seed)


def cave(seed: int = 0, *, width: float = 24.0, height: float = 16.0) -> World:
    """Rounded chambers: smoothed noise above a threshold is rock, the largest hole is the cave."""
    rng = np.random.default_rng(seed)
    step = 0.25
    h, w = round(height / step), round(width / step)
    noise = ndimage.gaussian_filter(rng.standard_normal((h, w)), 1.3 / step, mode="nearest")
    edge = ndimage.distance_transform_edt(np.pad(np.ones((h - 2, w - 2)), 1)) * step
    open_cells = (noise < np.quantile(noise, 0.62)) & (edge > 0.5)
    # Passages narrower than 1 m are filled, so that a robot gets through whatever is open.
    disc = np.hypot(*np.ogrid[-3:4, -3:4]) <= 2.5
    open_cells = ndimage.binary_opening(open_cells, disc)
    labels, _ = ndimage.label(open_cells)
    largest = int(np.argmax(np.bincount(labels.ravel())[1:])) + 1
    rows, columns = np.nonzero(labels == largest)
    tiles = shapely.box(columns * step, rows * step, (columns + 1) * step, (rows + 1) * step)
    hollow = unary_union(tiles).buffer(0.2).buffer(-0.2).simplify(0.08)
    solid = box(0, 0, width, height).difference(hollow)
    return finish(solid, (0.0, 0.0, width, height), kind="cave", seed=seed)


def warehouse(seed: int = 0, *, width: float = 30.0, height: float = 20.0) -> World:
    """A hall with rows of shelves, cross aisles, pallets, and a small office in a corner."""
    rng = np.random.default_rng(seed)
    parts = [_frame(width, height)]
    depth, aisle = rng.uniform(0.9, 1.3), rng.uniform(2.2, 2.8)
    gaps = sorted(rng.uniform(8.0, width - 6.0, 2))
    room = box(width - 6.0, 0.0, width, 4.5)
    y = 2.6
    while y + depth < height - 2.0:
        cuts = [2.5, gaps[0] - 1.0, gaps[0] + 1.0, gaps[1] - 1.0, gaps[1] + 1.0, width - 2.5]
        for left, right in zip(cuts[::2], cuts[1::2], strict=True):
            shelf = box(left, y, right, y + depth)
            if right - left > 1.5 and not shelf.intersects(room.buffer(1.2)):
                parts.append(shelf)
        y += depth + aisle
    for _ in range(6):
        corner = rng.uniform((2.5, 2.5), (width - 8.0, height - 2.5))
        pallet = rotate(box(*corner, *(corner + rng.uniform(0.5, 0.9, 2))), rng.uniform(0, 90))
        # A pallet may block no aisle: it stands at a shelf or with a metre of room all around.
        if not any(0.0 < pallet.distance(p) < 1.0 for p in parts):
            parts.append(pallet)
    shell = room.difference(box(width - 6.0 + WALL, WALL, width - WALL, 4.5 - WALL))
    parts.append(shell.difference(_opening(width - 6.0 + WALL / 2, rng.uniform(1.5, 3.2))))
    bounds = (0.0, 0.0, width, height)
    return finish(unary_union(parts), bounds, (1.3, 1.3, 0.0), kind="warehouse", seed=seed)


def forest(seed: int = 0, *, width: float = 24.0, height: float = 18.0) -> World:
    """A fenced clearing with round trunks at least 1.2 m apart."""
    rng = np.random.default_rng(seed)
    start = (width / 2, height / 2, 0.0)
    trunks: list[tuple[float, float, float]] = []
    for _ in range(400):
        x, y = rng.uniform((1.6, 1.6), (width - 1.6, height - 1.6))
        radius = rng.uniform(0.15, 0.55)
        rivals = [*trunks, (start[0], start[1], 0.3)]
        if all(math.hypot(x - a, y - b) > radius + c + 1.2 for a, b, c in rivals):
            trunks.append((x, y, radius))
    rounds = [Point(x, y).buffer(r, quad_segs=4) for x, y, r in trunks[:45]]
    solid = unary_union([_frame(width, height), *rounds])
    return finish(solid, (0.0, 0.0, width, height), start, kind="forest", seed=seed)


WORLDS: dict[str, Callable[..., World]] = {
    "office": office,
    "maze": maze,
    "cave": cave,
    "warehouse": warehouse,
    "forest": forest,
}


def make_world(kind: str, *, seed: int = 0, **sizes: Any) -> World:
    """A generated world; `kind` is one of ``WORLDS``, the same seed gives the same world."""
    if kind not in WORLDS:
        raise ValueError(f"kind is {kind!r}; one of {', '.join(WORLDS)}")
    return WORLDS[kind](seed, **sizes)


def main(argv: list[str] | None = None) -> int:
    """Write one GeoJSON file a kind into a folder."""
    parser = argparse.ArgumentParser(prog="python -m fsmi.sim.floorplans", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the .geojson files go")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    options.folder.mkdir(parents=True, exist_ok=True)
    for kind in WORLDS:
        save_world(make_world(kind, seed=options.seed), options.folder / f"{kind}.geojson")
    sys.stdout.write(f"{len(WORLDS)} worlds written to {options.folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
