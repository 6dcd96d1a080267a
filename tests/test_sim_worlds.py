"""Worlds: generated, saved, loaded, rasterised; and every way a file can be wrong."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import shapely
from scipy import ndimage
from shapely.geometry import Point, box

from fsmi import OccupancyGrid
from fsmi.sim.floorplans import WORLDS, main, make_world
from fsmi.sim.lidar import clearance
from fsmi.sim.worlds import World, finish, load_world, save_world

DATA = Path(__file__).resolve().parent.parent / "data" / "worlds"


@pytest.mark.parametrize("kind", WORLDS)
@pytest.mark.parametrize("seed", [0, 1, 2, 3, 17])
def test_generated_worlds_are_sound(kind: str, seed: int) -> None:
    world = make_world(kind, seed=seed)
    assert (world.kind, world.seed) == (kind, seed)
    assert world.obstacles.is_valid
    x0, y0, x1, y1 = world.bounds
    assert world.obstacles.bounds == pytest.approx(world.bounds, abs=0.3)
    assert 0.2 < world.free_area() / ((x1 - x0) * (y1 - y0)) < 0.97
    assert float(clearance(world.segments(), [world.start[:2]])[0]) > 0.3
    # A robot of 0.25 m radius gets almost everywhere from the start: no closed rooms.
    grid = world.truth(0.1)
    free = ndimage.distance_transform_edt(grid.occupancy == 0) > 3.5
    labels, _ = ndimage.label(free)
    i, j = grid.world_to_cell(world.start[:2])
    assert labels[i, j] > 0
    assert (labels == labels[i, j]).sum() > 0.9 * free.sum()


@pytest.mark.parametrize("kind", WORLDS)
def test_same_seed_same_world_other_seed_other_world(kind: str) -> None:
    first, again, other = (make_world(kind, seed=s) for s in (5, 5, 6))
    assert first.to_geojson() == again.to_geojson()
    assert first.to_geojson()["features"] != other.to_geojson()["features"]


def test_unknown_kind_is_named() -> None:
    with pytest.raises(ValueError, match="kind is 'palace'; one of office, maze"):
        make_world("palace")


@pytest.mark.parametrize("kind", WORLDS)
def test_files_in_the_repository_are_what_the_code_makes(kind: str) -> None:
    kept = json.loads((DATA / f"{kind}.geojson").read_text())
    assert kept["kind"] == kind
    loaded, made = load_world(DATA / f"{kind}.geojson"), make_world(kind, seed=kept["seed"])
    assert loaded.obstacles.symmetric_difference(made.obstacles).area < 0.05
    assert loaded.start == pytest.approx(made.start, abs=1e-3)


def test_round_trip(tmp_path: Path) -> None:
    world = make_world("cave", seed=3)
    save_world(world, tmp_path / "w.geojson")
    again = load_world(tmp_path / "w.geojson")
    assert again.bounds == world.bounds
    assert (again.kind, again.seed) == ("cave", 3)
    assert again.obstacles.symmetric_difference(world.obstacles).area < 0.05
    moved = load_world(tmp_path / "w.geojson", start=(*world.start[:2], 1.0))
    assert moved.start[2] == 1.0


def test_writes_a_file_a_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "new"), "--seed", "4"]) == 0
    assert sorted(p.stem for p in (tmp_path / "new").iterdir()) == sorted(WORLDS)
    assert "5 worlds written" in capsys.readouterr().out


def test_raster_marks_exactly_the_cells_that_walls_reach_into() -> None:
    walls = box(0.0, 0.0, 2.0, 0.2).union(Point(1.0, 1.0).buffer(0.3))
    world = finish(walls, (0.0, 0.0, 2.0, 2.0), (0.3, 1.7, 0.0))
    grid = world.truth(0.1)
    for i, j in np.ndindex(grid.shape):
        cell = box(j * 0.1, i * 0.1, (j + 1) * 0.1, (i + 1) * 0.1)
        area = cell.intersection(world.obstacles).area
        if area > 1e-6:
            assert grid.occupancy[i, j] == 1.0
        if not cell.buffer(1e-9).intersects(world.obstacles):
            assert grid.occupancy[i, j] == 0.0
    assert not grid.occupancy[2, 0]  # the wall ends on the edge of this cell


def test_segments_enclose_the_obstacles_holes_included() -> None:
    ring = box(0, 0, 4, 4).difference(box(1, 1, 3, 3))
    world = finish(ring, (0.0, 0.0, 4.0, 4.0))
    segments = world.segments()
    lengths = np.hypot(segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1])
    assert lengths.sum() == pytest.approx(16 + 8)
    assert world.start[:2] == pytest.approx((2.0, 2.0), abs=0.05)
    assert finish(box(9, 9, 9, 9), (0.0, 0.0, 4.0, 4.0)).segments().shape == (0, 4)


def test_a_map_becomes_a_world_of_the_same_cells() -> None:
    rng = np.random.default_rng(0)
    cells = rng.choice(np.array([0, 100, -1], dtype=np.int8), (20, 30), p=[0.8, 0.15, 0.05])
    grid = OccupancyGrid(cells, 0.5, (-3.0, 2.0, 0.0))
    world = World.from_grid(grid)
    np.testing.assert_array_equal(world.truth(0.5).occupancy > 0, cells != 0)
    assert world.bounds == (-3.0, 2.0, 12.0, 12.0)


@pytest.mark.parametrize("yaw", [0.5, -2.0, math.pi])
def test_a_turned_map_becomes_a_turned_world(yaw: float) -> None:
    rng = np.random.default_rng(1)
    cells = rng.choice(np.array([0, 100, -1], dtype=np.int8), (20, 30), p=[0.8, 0.15, 0.05])
    grid = OccupancyGrid(cells, 0.5, (-3.0, 2.0, yaw))
    world = World.from_grid(grid)
    # Places all over the bounds, none within a millimetre of a cell's edge.
    places = rng.uniform(world.bounds[:2], world.bounds[2:], (4000, 2))
    u, v = grid.world_to_grid(places).T
    places = places[(np.abs(u - np.round(u)) > 2e-3) & (np.abs(v - np.round(v)) > 2e-3)]
    i, j = grid.world_to_cell(places).T
    inside = (i >= 0) & (j >= 0) & (i < 20) & (j < 30)
    assert inside.mean() > 0.3
    free = np.zeros(len(places), dtype=bool)
    free[inside] = cells[i[inside], j[inside]] == 0
    walls = shapely.contains_xy(world.obstacles, places[:, 0], places[:, 1])
    np.testing.assert_array_equal(walls, ~free)


def good() -> dict:
    return make_world("maze").to_geojson()


def start_in_wall(world: dict) -> dict:
    next(f for f in world["features"] if f["properties"]["role"] == "start")["geometry"][
        "coordinates"
    ] = [0.05, 0.05]
    return world


def all_wall(world: dict) -> dict:
    for feature in world["features"]:
        if feature["properties"]["role"] == "bounds":
            solid = json.loads(json.dumps(feature))
            solid["properties"]["role"] = "obstacle"
    world["features"].append(solid)
    return world


def without_start_and_free_space(world: dict) -> dict:
    world = all_wall(world)
    world["features"] = [f for f in world["features"] if f["properties"]["role"] != "start"]
    return world


def changed(key: str, value: object) -> object:
    def change(world: dict) -> dict:
        world["features"][-1][key] = value
        return world

    return change


NOT_FINITE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [math.nan, 1], [0, 0]]]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (start_in_wall, "inside a wall"),
        (all_wall, "no free space"),
        (without_start_and_free_space, "no free space"),
        (lambda w: {**w, "type": "Feature"}, "not a GeoJSON FeatureCollection"),
        (lambda w: [w], "not a GeoJSON FeatureCollection"),
        (lambda w: {**w, "features": []}, "no polygon"),
        (lambda w: {**w, "seed": "x"}, "seed 'x'"),
        (changed("geometry", None), "no valid GeoJSON geometry"),
        (changed("geometry", {"type": "Polygon"}), "no valid GeoJSON geometry"),
        (changed("geometry", {"type": "Circle", "coordinates": [0, 0]}), "geometry"),
        (changed("geometry", {"type": "Polygon", "coordinates": "oops"}), "geometry"),
        (changed("geometry", {"type": "Polygon", "coordinates": []}), "empty or non-finite"),
        (changed("geometry", NOT_FINITE), "empty or non-finite"),
        (
            changed("geometry", {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}),
            "is a LineString",
        ),
        (changed("properties", {"role": "dragon"}), "role 'dragon'"),
        (changed("properties", 7), "no valid GeoJSON geometry"),
    ],
)
def test_broken_worlds_are_named(tmp_path: Path, change: object, words: str) -> None:
    path = tmp_path / "broken.geojson"
    path.write_text(json.dumps(change(good())))  # type: ignore[operator]
    with pytest.raises(ValueError, match=words) as caught:
        load_world(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"null"])
def test_files_that_are_not_json_are_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.geojson"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.geojson"):
        load_world(path)


@pytest.mark.parametrize(
    ("bounds", "start", "words"),
    [
        ((0.0, 0.0, 0.0, 4.0), (1.0, 1.0, 0.0), "bounds are"),
        ((0.0, 0.0, 4.0, 4.0), (5.0, 1.0, 0.0), "outside the bounds"),
        ((0.0, 0.0, 4.0, 4.0), (math.nan, 1.0, 0.0), "start is"),
        ((0.0, 0.0, 4.0, 4.0), (2.0, 2.0, 0.0), "inside a wall"),
    ],
)
def test_impossible_worlds_are_refused(
    bounds: tuple[float, float, float, float], start: tuple[float, float, float], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        finish(box(1.5, 1.5, 2.5, 2.5), bounds, start)
