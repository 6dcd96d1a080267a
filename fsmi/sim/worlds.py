"""Worlds to explore: walls as polygons, a start pose, GeoJSON files, rasters.

A world file is a GeoJSON FeatureCollection in metres of the map frame (not in degrees): polygons
with the property ``role: obstacle``, one polygon ``role: bounds``, one point ``role: start`` with
its ``heading`` [rad], and the members ``kind`` and ``seed`` that say how it was generated.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fsmi.grid import OccupancyGrid

try:
    import shapely
    from shapely.affinity import rotate
    from shapely.geometry import MultiPolygon, Point, Polygon, box, mapping, shape
    from shapely.ops import unary_union
except ImportError as error:  # pragma: no cover - depends on the installation
    raise ImportError(
        'worlds need shapely: pip install "privfunnel-fsmi[fsmi]"', name="shapely"
    ) from error

Pose = tuple[float, float, float]


@final
@dataclass(frozen=True)
class World:
    """A floor plan.

    Attributes
    ----------
    obstacles : shapely MultiPolygon
        Everything a beam stops at and a robot must not touch [m].
    bounds : (x_min, y_min, x_max, y_max)
        The box that a map of this world covers [m].
    start : (x, y, theta)
        Where a robot begins [m, m, rad].
    kind, seed : str, int
        The generator and the seed it was given; "custom" and 0 for worlds made elsewhere.

    Raises
    ------
    ValueError
        If the bounds are empty, nothing in them is free, or the start lies outside or in a wall.
    """

    obstacles: Any
    bounds: tuple[float, float, float, float]
    start: Pose
    kind: str = "custom"
    seed: int = 0

    def __post_init__(self) -> None:
        x0, y0, x1, y1 = self.bounds
        if not (all(math.isfinite(v) for v in self.bounds) and x0 < x1 and y0 < y1):
            raise ValueError(f"bounds are {self.bounds}; need x_min < x_max and y_min < y_max [m]")
        if len(self.start) != 3 or not all(math.isfinite(v) for v in self.start):
            raise ValueError(f"start is {self.start}; need three finite numbers (x, y, theta)")
        if self.free_area() < 1e-6 * (x1 - x0) * (y1 - y0):
            raise ValueError("the world has no free space: its obstacles cover the whole bounds")
        x, y, _ = self.start
        if not (x0 < x < x1 and y0 < y < y1):
            raise ValueError(f"start ({x:g}, {y:g}) lies outside the bounds {self.bounds}")
        if self.obstacles.intersects(Point(x, y)):
            raise ValueError(f"start ({x:g}, {y:g}) lies inside a wall; choose a free place")

    def free_area(self) -> float:
        """Area inside the bounds that no obstacle covers [m^2]."""
        return float(box(*self.bounds).difference(self.obstacles).area)

    def segments(self) -> npt.NDArray[np.float64]:
        """Every edge of every obstacle, (n, 4) = (x0, y0, x1, y1) [m]."""
        rings = [r for p in self.obstacles.geoms for r in (p.exterior, *p.interiors)]
        edges = [np.asarray(ring.coords, dtype=np.float64)[:, :2] for ring in rings]
        if not edges:
            return np.empty((0, 4))
        return np.concatenate([np.hstack((e[:-1], e[1:])) for e in edges])

    def truth(self, resolution: float) -> OccupancyGrid:
        """The map a perfect mapper would draw: 1 where an obstacle reaches into a cell, else 0."""
        x0, y0, x1, y1 = self.bounds
        empty = OccupancyGrid.unknown(x1 - x0, y1 - y0, resolution, (x0, y0, 0.0))
        h, w = empty.shape
        left, low = x0 + np.arange(w) * resolution, y0 + np.arange(h) * resolution
        # A hair less than the cell: walls that end exactly on a cell's edge do not fill it.
        slack = 1e-6 * resolution
        cells = shapely.box(
            left[None, :] + slack,
            low[:, None] + slack,
            left[None, :] + resolution - slack,
            low[:, None] + resolution - slack,
        ).ravel()
        touched = np.zeros(h * w, dtype=np.float32)
        parts = np.array(list(self.obstacles.geoms), dtype=object)
        if len(parts):
            hits = shapely.STRtree(cells).query(parts, predicate="intersects")[1]
            touched[hits] = 1.0
        return OccupancyGrid(touched.reshape(h, w), resolution, (x0, y0, 0.0))

    @classmethod
    def from_grid(
        cls, grid: OccupancyGrid, start: Pose | None = None, *, threshold: float = 0.5
    ) -> World:
        """A world whose walls are the cells of a map with occupancy above or at `threshold`.

        Unknown cells (0.5) are walls too by default: nothing beyond them was ever seen. So is what
        lies beside a turned map, in the bounds of the world.
        """
        x0, y0, yaw = grid.origin
        solid = np.pad(grid.occupancy >= threshold, ((0, 0), (1, 1))).astype(np.int8)
        rows, starts = np.nonzero(np.diff(solid, axis=1) == 1)
        stops = np.nonzero(np.diff(solid, axis=1) == -1)[1]
        r = grid.resolution
        boxes = shapely.box(x0 + starts * r, y0 + rows * r, x0 + stops * r, y0 + (rows + 1) * r)
        h, w = grid.shape
        walls, whole = unary_union(boxes), box(x0, y0, x0 + w * r, y0 + h * r)
        if yaw != 0.0:
            walls, whole = (rotate(g, yaw, (x0, y0), use_radians=True) for g in (walls, whole))
            # A hair into the map, so that no beam slips through where the two should touch.
            beside = box(*whole.bounds).difference(whole.buffer(-1e-6 * r))
            walls = unary_union((walls, beside))
        return finish(walls, whole.bounds, start)

    def to_geojson(self) -> dict[str, Any]:
        """The world as a GeoJSON FeatureCollection."""
        x, y, heading = self.start
        features = [_feature(box(*self.bounds), role="bounds")]
        features.append(_feature(Point(x, y), role="start", heading=heading))
        features += [_feature(p, role="obstacle") for p in self.obstacles.geoms]
        return {
            "type": "FeatureCollection",
            "kind": self.kind,
            "seed": self.seed,
            "units": "metres of the map frame",
            "features": features,
        }

    def __repr__(self) -> str:
        x0, y0, x1, y1 = self.bounds
        return f"World({self.kind}, seed {self.seed}, {x1 - x0:g} x {y1 - y0:g} m)"


def _feature(geometry: Any, **properties: Any) -> dict[str, Any]:
    rounded = shapely.transform(geometry, lambda c: np.round(c, 4))
    return {"type": "Feature", "properties": properties, "geometry": mapping(rounded)}


def as_polygons(geometry: Any) -> Any:
    """The polygons of any geometry as one valid MultiPolygon (lines and points are dropped)."""
    merged = unary_union(shapely.make_valid(geometry))
    parts = getattr(merged, "geoms", [merged])
    return MultiPolygon([p for p in parts if isinstance(p, Polygon) and not p.is_empty])


def finish(
    obstacles: Any,
    bounds: tuple[float, float, float, float],
    start: Pose | None = None,
    *,
    kind: str = "custom",
    seed: int = 0,
) -> World:
    """A World of any geometry; without a start, the place with the most room around it."""
    polygons = as_polygons(obstacles)
    return World(polygons, bounds, start or widest_place(polygons, bounds), kind, seed)


def widest_place(obstacles: Any, bounds: tuple[float, float, float, float]) -> Pose:
    """The point of the largest free region that is farthest from every wall, heading 0."""
    free = as_polygons(box(*bounds).difference(obstacles))
    if free.is_empty:
        raise ValueError("the world has no free space: its obstacles cover the whole bounds")
    largest = max(free.geoms, key=lambda p: p.area)
    centre = shapely.maximum_inscribed_circle(largest, tolerance=0.05).coords[0]
    return (round(centre[0], 3), round(centre[1], 3), 0.0)


def save_world(world: World, path: str | Path) -> None:
    """Write a world as GeoJSON."""
    Path(path).write_text(json.dumps(world.to_geojson(), separators=(",", ":")) + "\n")


def load_world(path: str | Path, *, start: Pose | None = None) -> World:
    """Read a world from GeoJSON; `start` replaces the one in the file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a GeoJSON FeatureCollection of polygons, or the world it describes has no
        free space or starts in a wall; the message names the file.
    """
    path = Path(path)
    try:
        collection = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    try:
        return _from_geojson(collection, start)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _from_geojson(collection: Any, start: Pose | None) -> World:
    if not isinstance(collection, dict) or collection.get("type") != "FeatureCollection":
        raise ValueError("not a GeoJSON FeatureCollection")
    found: dict[str, list[tuple[Any, dict[str, Any]]]] = {"obstacle": [], "bounds": [], "start": []}
    for number, feature in enumerate(collection.get("features") or []):
        geometry, properties = _parsed(feature, number)
        default = "start" if geometry.geom_type == "Point" else "obstacle"
        role = properties.get("role", default)
        if role not in found:
            raise ValueError(f"feature {number} has role {role!r}; one of {', '.join(found)}")
        found[role].append((geometry, properties))
    if not (found["obstacle"] or found["bounds"]):
        raise ValueError("no polygon in it: need obstacles (walls) and, or, bounds")
    if start is None and found["start"]:
        start = _start_of(*found["start"][0])
    areas: Iterable[Any] = (g for g, _ in found["bounds"] or found["obstacle"])
    bounds = tuple(float(v) for v in unary_union(list(areas)).bounds)
    kind, seed = collection.get("kind", "custom"), collection.get("seed", 0)
    if not (isinstance(kind, str) and isinstance(seed, int)):
        raise ValueError(f"kind {kind!r} and seed {seed!r} must be a text and a whole number")
    obstacles = unary_union([g for g, _ in found["obstacle"]])
    return finish(obstacles, bounds, start, kind=kind, seed=seed)  # type: ignore[arg-type]


def _parsed(feature: Any, number: int) -> tuple[Any, dict[str, Any]]:
    """Geometry and properties of one feature, or a ValueError that names it."""
    try:
        with np.errstate(invalid="ignore"):  # nan is answered below, in words
            geometry = shape(feature["geometry"])
        coordinates = shapely.get_coordinates(geometry)
        properties = dict(feature.get("properties") or {})
    except (KeyError, TypeError, AttributeError, ValueError, shapely.errors.ShapelyError) as error:
        raise ValueError(f"feature {number} holds no valid GeoJSON geometry ({error})") from error
    if geometry.is_empty or not np.isfinite(coordinates).all():
        raise ValueError(f"feature {number} has an empty or non-finite geometry")
    if geometry.geom_type not in ("Polygon", "MultiPolygon", "Point"):
        raise ValueError(
            f"feature {number} is a {geometry.geom_type}; need Polygon, MultiPolygon or Point"
        )
    return geometry, properties


def _start_of(point: Any, properties: dict[str, Any]) -> Pose:
    heading = properties.get("heading", 0.0)
    if point.geom_type != "Point" or not isinstance(heading, (int, float)):
        raise ValueError("the start must be a Point with a numeric heading [rad]")
    return (float(point.x), float(point.y), float(heading))
