from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from fsmi import OccupancyGrid, RangeSensor
from fsmi.io.ros import (
    apply_update,
    grid_from_message,
    grid_to_message,
    scan_from_message,
    scan_to_message,
    sensor_from_message,
    update_to_message,
)

STORE = get_typestore(Stores.ROS2_HUMBLE)
UPDATE = "map_msgs/msg/OccupancyGridUpdate"  # not among the types that rosbags knows
STORE.register(
    get_types_from_msg(
        "std_msgs/Header header\nint32 x\nint32 y\nuint32 width\nuint32 height\nint8[] data", UPDATE
    )
)
TYPES = STORE.types
GRID = OccupancyGrid(
    np.random.default_rng(1).integers(-1, 101, size=(4, 7)).astype(np.int8), 0.05, (1.0, -2.0, 0.7)
)


def ros(name: str, **fields: Any) -> Any:
    return TYPES[name](**fields)


def header(frame: str) -> Any:
    stamp = ros("builtin_interfaces/msg/Time", sec=1, nanosec=2)
    return ros("std_msgs/msg/Header", stamp=stamp, frame_id=frame)


def grid_message(plain: SimpleNamespace) -> Any:
    """The rosbags dataclass with the fields of a plain object."""
    p, q = plain.info.origin.position, plain.info.origin.orientation
    pose = ros(
        "geometry_msgs/msg/Pose",
        position=ros("geometry_msgs/msg/Point", **vars(p)),
        orientation=ros("geometry_msgs/msg/Quaternion", **vars(q)),
    )
    info = ros(
        "nav_msgs/msg/MapMetaData",
        map_load_time=ros("builtin_interfaces/msg/Time", sec=0, nanosec=0),
        resolution=plain.info.resolution,
        width=plain.info.width,
        height=plain.info.height,
        origin=pose,
    )
    return ros("nav_msgs/msg/OccupancyGrid", header=header("map"), info=info, data=plain.data)


def through_bag(message: Any, folder: Path, storage: StoragePlugin) -> Any:
    """The message after a trip through a real bag."""
    name = message.__msgtype__
    with Writer(folder / "bag", version=9, storage_plugin=storage) as writer:
        connection = writer.add_connection("/t", name, typestore=STORE)
        writer.write(connection, 1, STORE.serialize_cdr(message, name))
    with Reader(folder / "bag") as reader:
        [(_, _, raw)] = list(reader.messages())
    return STORE.deserialize_cdr(raw, name)


@pytest.mark.parametrize("storage", [StoragePlugin.SQLITE3, StoragePlugin.MCAP])
def test_a_grid_survives_a_bag(tmp_path: Path, storage: StoragePlugin) -> None:
    message = through_bag(grid_message(grid_to_message(GRID)), tmp_path, storage)
    back = grid_from_message(message)
    assert np.array_equal(back.cells, GRID.cells)
    assert back.resolution == pytest.approx(0.05, rel=1e-6)
    assert back.resolution != 0.05, "float32 in the message: never compare resolutions with =="
    assert back.origin == pytest.approx(GRID.origin)


@pytest.mark.parametrize("storage", [StoragePlugin.SQLITE3, StoragePlugin.MCAP])
def test_a_scan_survives_a_bag(tmp_path: Path, storage: StoragePlugin) -> None:
    sensor = RangeSensor(n_beams=5, fov=math.pi, max_range=4.0)
    plain = scan_to_message([1.0, np.inf, np.nan, 2.5, 9.0], sensor)
    message = ros("sensor_msgs/msg/LaserScan", **{**vars(plain), "header": header("laser")})
    ranges, angles = scan_from_message(through_bag(message, tmp_path, storage))
    assert np.array_equal(ranges, [1.0, np.inf, np.nan, 2.5, np.nan], equal_nan=True)
    assert angles == pytest.approx(sensor.angles(), abs=1e-6)
    again = sensor_from_message(message, sigma=0.1)
    assert (again.n_beams, again.sigma) == (5, 0.1)
    assert again.fov == pytest.approx(math.pi, abs=1e-6)


def test_a_full_circle_keeps_its_beams() -> None:
    sensor = RangeSensor(n_beams=36, max_range=4.0)
    message = scan_to_message(np.ones(36), sensor)
    assert sensor_from_message(message).angles() == pytest.approx(sensor.angles())


def test_negative_increments_and_rep_117() -> None:
    message = SimpleNamespace(
        ranges=[0.05, -np.inf, 1.0, np.inf], angle_min=0.3, angle_increment=-0.2, range_min=0.1,
        range_max=5.0,
    )  # fmt: skip
    ranges, angles = scan_from_message(message)
    assert np.array_equal(ranges, [np.nan, np.nan, 1.0, np.inf], equal_nan=True)
    assert angles == pytest.approx([0.3, 0.1, -0.1, -0.3])


def test_update_overwrites_its_rectangle_only() -> None:
    patch = SimpleNamespace(x=2, y=1, width=3, height=2, data=[0, 100, -1, 5, 6, 7])
    cells = apply_update(GRID, patch).cells
    expected = GRID.cells.copy()
    expected[1:3, 2:5] = [[0, 100, -1], [5, 6, 7]]
    assert np.array_equal(cells, expected)
    with pytest.raises(ValueError, match="wait for the next full map"):
        apply_update(GRID, SimpleNamespace(x=5, y=0, width=3, height=1, data=[0, 0, 0]))
    with pytest.raises(ValueError, match="holds 2 cells"):
        apply_update(GRID, SimpleNamespace(x=0, y=0, width=3, height=1, data=[0, 0]))


@pytest.mark.parametrize("storage", [StoragePlugin.SQLITE3, StoragePlugin.MCAP])
def test_an_update_survives_a_bag(tmp_path: Path, storage: StoragePlugin) -> None:
    cells = GRID.cells.copy()
    cells[1, 2], cells[3, 5] = 77, -1
    assert not np.array_equal(cells, GRID.cells)
    after = OccupancyGrid(cells, GRID.resolution, GRID.origin)
    plain = update_to_message(GRID, after)
    assert (plain.x, plain.y, plain.width, plain.height) == (2, 1, 4, 3)
    message = ros(UPDATE, **{**vars(plain), "header": header("map")})
    back = apply_update(GRID, through_bag(message, tmp_path, storage))
    assert np.array_equal(back.cells, cells)


def test_updates_of_maps_that_do_not_differ_or_do_not_match() -> None:
    same = update_to_message(GRID, GRID)
    assert (same.width, same.height, same.data.size) == (0, 0, 0)
    assert np.array_equal(apply_update(GRID, same).cells, GRID.cells)
    moved = OccupancyGrid(GRID.cells, GRID.resolution, (0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="send the full map"):
        update_to_message(GRID, moved)


def test_bad_messages_are_named() -> None:
    scan = {"ranges": [1.0, 2.0], "angle_min": 0.0, "angle_increment": 0.1}
    scan |= {"range_min": 0.0, "range_max": 5.0}
    for change, message in (
        ({"angle_increment": 0.0}, "angle_increment is 0"),
        ({"range_max": 0.0}, "range_max 0"),
        ({"angle_increment": math.nan}, "angle_increment is nan"),
    ):
        with pytest.raises(ValueError, match=message):
            scan_from_message(SimpleNamespace(**(scan | change)))
    aside = scan | {"ranges": [1.0] * 4, "angle_min": 0.5}
    with pytest.raises(ValueError, match=r"centred on 0.65 rad"):
        sensor_from_message(SimpleNamespace(**aside))
    grid = grid_to_message(GRID)
    grid.info.origin.orientation = SimpleNamespace(x=0, y=0, z=0, w=0)
    with pytest.raises(ValueError, match="non-zero quaternion"):
        grid_from_message(grid)
    with pytest.raises(ValueError, match="the sensor has 3 beams"):
        scan_to_message([1.0], RangeSensor(n_beams=3))
