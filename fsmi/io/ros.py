"""ROS messages by duck typing: any object with the fields of the message will do.

No ROS is needed: objects from rclpy, rosbags or a simulator's own classes are read alike, and
what is written here is a plain object with the same fields and spelling.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from fsmi.grid import OccupancyGrid
from fsmi.sensor import RangeSensor


def _yaw(orientation: Any) -> float:
    """Yaw [rad] of a quaternion, which need not be normalised."""
    x, y, z, w = (float(getattr(orientation, axis)) for axis in "xyzw")
    if not math.isfinite(x * x + y * y + z * z + w * w) or x == y == z == w == 0.0:
        raise ValueError(f"orientation is ({x}, {y}, {z}, {w}); need a non-zero quaternion")
    return math.atan2(2.0 * (w * z + x * y), w * w + x * x - y * y - z * z)


def grid_from_message(message: Any) -> OccupancyGrid:
    """The map in a nav_msgs/OccupancyGrid (or an object with its fields).

    `info.resolution` is a float32 in ROS; it is kept as the double it decodes to, so compare
    resolutions with a tolerance.
    """
    info = message.info
    origin = info.origin
    pose = (float(origin.position.x), float(origin.position.y), _yaw(origin.orientation))
    data = np.asarray(message.data, dtype=np.int8)
    return OccupancyGrid.from_ros(
        data, int(info.width), int(info.height), float(info.resolution), pose
    )


def grid_to_message(grid: OccupancyGrid, *, frame_id: str = "map") -> SimpleNamespace:
    """A nav_msgs/OccupancyGrid-shaped object: `header.frame_id`, `info`, int8 `data`."""
    x, y, yaw = grid.origin
    height, width = grid.shape
    origin = SimpleNamespace(
        position=SimpleNamespace(x=x, y=y, z=0.0),
        orientation=SimpleNamespace(x=0.0, y=0.0, z=math.sin(yaw / 2), w=math.cos(yaw / 2)),
    )
    info = SimpleNamespace(resolution=grid.resolution, width=width, height=height, origin=origin)
    return SimpleNamespace(header=SimpleNamespace(frame_id=frame_id), info=info, data=grid.to_ros())


def apply_update(grid: OccupancyGrid, message: Any) -> OccupancyGrid:
    """`grid` with the rectangle of a map_msgs/OccupancyGridUpdate written over it.

    Raises ValueError if the rectangle leaves the map or `data` has another size.
    """
    x, y = int(message.x), int(message.y)
    width, height = int(message.width), int(message.height)
    rows, columns = grid.shape
    if x < 0 or y < 0 or width < 0 or height < 0 or x + width > columns or y + height > rows:
        raise ValueError(
            f"the update covers columns {x}..{x + width} and rows {y}..{y + height} of a map of"
            f" {columns} x {rows} cells; wait for the next full map"
        )
    data = np.asarray(message.data, dtype=np.int8)
    if data.size != width * height:
        raise ValueError(f"the update holds {data.size} cells; need {width} x {height}")
    cells = grid.to_ros().reshape(grid.shape)
    cells[y : y + height, x : x + width] = data.reshape(height, width)
    return OccupancyGrid(cells, grid.resolution, grid.origin)


def update_to_message(
    before: OccupancyGrid, after: OccupancyGrid, *, frame_id: str = "map"
) -> SimpleNamespace:
    """A map_msgs/OccupancyGridUpdate-shaped object: the rectangle in which `after` differs.

    Its width and height are 0 where nothing differs. Raises ValueError if the maps do not cover
    the same cells: then a full map must be sent.
    """
    layouts = [(grid.shape, grid.resolution, grid.origin) for grid in (before, after)]
    if layouts[0] != layouts[1]:
        raise ValueError(
            f"the map changed from {before!r} to {after!r}; an update cannot say this, send the"
            " full map (grid_to_message)"
        )
    cells = after.to_ros().reshape(after.shape)
    changed = np.argwhere(cells != before.to_ros().reshape(before.shape))
    low, high = (changed.min(axis=0), changed.max(axis=0) + 1) if len(changed) else ((0, 0),) * 2
    (top, left), (bottom, right) = low, high
    return SimpleNamespace(
        header=SimpleNamespace(frame_id=frame_id),
        x=int(left),
        y=int(top),
        width=int(right - left),
        height=int(bottom - top),
        data=np.ascontiguousarray(cells[top:bottom, left:right]).ravel(),
    )


def scan_from_message(message: Any) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Ranges [m] and beam angles [rad] of a sensor_msgs/LaserScan, ready for `update`.

    By REP-117 and REP-103: +inf is "no return" and clears; NaN, -inf (too close) and readings
    outside [range_min, range_max] become NaN, which `update` skips. The increment may be negative.

    Returns
    -------
    ranges, angles : arrays (n,)
        Angles are counter-clockwise from the sensor's forward axis.
    """
    ranges = np.array(message.ranges, dtype=np.float64)
    increment = float(message.angle_increment)
    if not math.isfinite(increment) or (increment == 0.0 and ranges.size > 1):
        raise ValueError(f"angle_increment is {increment}; need a finite angle other than 0")
    low, high = float(message.range_min), float(message.range_max)
    if not 0.0 <= low < high:
        raise ValueError(
            f"range_min is {low} and range_max {high}; need 0 <= range_min < range_max"
        )
    valid = (ranges >= low) & (ranges <= high)
    ranges[~valid & ~np.isposinf(ranges)] = np.nan
    steps = np.arange(ranges.size, dtype=np.float64)
    return ranges, np.asarray(float(message.angle_min) + increment * steps)


def scan_to_message(
    ranges: npt.ArrayLike, sensor: RangeSensor, *, frame_id: str = "laser"
) -> SimpleNamespace:
    """A sensor_msgs/LaserScan-shaped object of one scan of `sensor`; (n_beams,) ranges [m]."""
    values = np.asarray(ranges, dtype=np.float32)
    if values.shape != (sensor.n_beams,):
        raise ValueError(f"ranges have shape {values.shape}; the sensor has {sensor.n_beams} beams")
    angles = sensor.angles()
    step = float(angles[1] - angles[0]) if sensor.n_beams > 1 else 0.0
    return SimpleNamespace(
        header=SimpleNamespace(frame_id=frame_id),
        angle_min=float(angles[0]),
        angle_max=float(angles[-1]),
        angle_increment=step,
        time_increment=0.0,
        scan_time=0.0,
        range_min=0.0,
        range_max=sensor.max_range,
        ranges=values,
        intensities=np.zeros(0, dtype=np.float32),
    )


def sensor_from_message(message: Any, **options: Any) -> RangeSensor:
    """The `RangeSensor` whose beams a LaserScan holds; `options` give noise and inverse model.

    Raises ValueError if the beams are not centred on the forward axis, which `RangeSensor`
    cannot say; pass the angles of `scan_from_message` to `update` instead.
    """
    ranges, angles = scan_from_message(message)
    step = abs(float(message.angle_increment))
    n = ranges.size
    full = abs(n * step - 2.0 * math.pi) < 0.5 * step
    sensor = RangeSensor(
        n_beams=n,
        fov=2.0 * math.pi if full else max((n - 1) * step, 1e-6),
        max_range=float(message.range_max),
        **options,
    )
    middle = 0.5 * (angles[0] + angles[-1])
    if not full and abs(middle) > step:
        raise ValueError(
            f"the beams are centred on {middle:g} rad, not on the forward axis; pass"
            " angles=scan_from_message(...)[1] to update"
        )
    return sensor
