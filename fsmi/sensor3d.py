"""Sensors that look into space: a spinning lidar with rings, a depth camera.

Frames follow REP-103: x forward, y left, z up. A pose is (x, y, z, yaw) or, for any attitude,
(x, y, z, qx, qy, qz, qw) with the quaternion in ROS order.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from fsmi.sensor import BeamModel, RangeSensor, check_deltas, check_noise

Array = npt.NDArray[np.float64]


@final
@dataclass(frozen=True)
class SpinningLidar:
    """A lidar with rings at fixed elevations that turns about its z axis.

    Parameters
    ----------
    n_rings, n_azimuth : int
        Rings, and beams in one turn of a ring.
    elevation : (low, high)
        Of the lowest and the highest ring [rad], within -pi/2..pi/2; equally spaced.
    fov : float
        Horizontal field of view [rad], as in `RangeSensor`.
    max_range, sigma, delta_occ, delta_emp, count_no_hit
        As in `RangeSensor`.
    """

    n_rings: int = 16
    n_azimuth: int = 360
    elevation: tuple[float, float] = (-math.pi / 12, math.pi / 12)
    fov: float = 2.0 * math.pi
    max_range: float = 10.0
    sigma: float = 0.0
    delta_occ: float = 1.5
    delta_emp: float = 1.0 / 1.5
    count_no_hit: bool = True

    def __post_init__(self) -> None:
        _check_count("n_rings", self.n_rings)
        _check_count("n_azimuth", self.n_azimuth)
        low, high = self.elevation
        if not -0.5 * math.pi <= low <= high <= 0.5 * math.pi:
            raise ValueError(f"elevation is {self.elevation}; need -pi/2 <= low <= high <= pi/2")
        _check_common(self)
        if not 0.0 < self.fov <= 2.0 * math.pi + 1e-9:
            raise ValueError(f"fov is {self.fov}; need an angle in (0, 2 pi] rad")

    @property
    def n_beams(self) -> int:
        """Beams in one scan."""
        return self.n_rings * self.n_azimuth

    def directions(self) -> Array:
        """Unit vectors of the beams in the sensor frame (n_beams, 3), ring by ring from below."""
        azimuth = RangeSensor(n_beams=self.n_azimuth, fov=self.fov).angles()
        low, high = self.elevation
        rings = np.linspace(low, high, self.n_rings) if self.n_rings > 1 else np.array([low])
        e, a = np.meshgrid(rings, azimuth, indexing="ij")
        return np.stack((np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)), -1).reshape(
            -1, 3
        )


@final
@dataclass(frozen=True)
class DepthCamera:
    """A pinhole camera whose pixels measure depth, looking along x of its body frame.

    Parameters
    ----------
    width, height : int
        Pixels.
    fx, fy : float
        Focal lengths [pixel].
    cx, cy : float, optional
        Principal point [pixel]; default the middle of the image. Pixel (v, u) looks through its
        centre, at coordinates (u, v) as in sensor_msgs/CameraInfo.
    max_range : float
        Largest distance along a ray [m].
    sigma, delta_occ, delta_emp, count_no_hit
        As in `RangeSensor`.
    """

    width: int = 64
    height: int = 48
    fx: float = 55.0
    fy: float = 55.0
    cx: float = math.nan
    cy: float = math.nan
    max_range: float = 5.0
    sigma: float = 0.0
    delta_occ: float = 1.5
    delta_emp: float = 1.0 / 1.5
    count_no_hit: bool = True

    def __post_init__(self) -> None:
        _check_count("width", self.width)
        _check_count("height", self.height)
        for name, value in (("fx", self.fx), ("fy", self.fy)):
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f"{name} is {value}; need a positive number of pixels")
        for name, size in (("cx", self.width), ("cy", self.height)):
            given = getattr(self, name)
            if math.isinf(given):
                raise ValueError(f"{name} is {given}; need a finite number of pixels")
            if math.isnan(given):
                object.__setattr__(self, name, 0.5 * (size - 1))
        _check_common(self)

    @property
    def n_beams(self) -> int:
        """Pixels."""
        return self.width * self.height

    def directions(self) -> Array:
        """Unit vectors through the pixels in the body frame (n_beams, 3), row by row."""
        rays = self._rays()
        return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True))

    def to_ranges(self, depth: npt.ArrayLike) -> Array:
        """Distances along the rays (n_beams,) [m] of a depth image (height, width) [m].

        A depth is measured along the optical axis. 0 and NaN are "no reading" and become NaN; inf
        stays (no return).
        """
        image = np.asarray(depth, dtype=np.float64)
        if image.shape != (self.height, self.width):
            raise ValueError(
                f"the depth image has shape {image.shape}; the camera has {self.height} rows and"
                f" {self.width} columns"
            )
        flat = np.where(image.ravel() == 0.0, np.nan, image.ravel())
        return np.asarray(flat * np.linalg.norm(self._rays(), axis=1))

    def to_depth(self, ranges: npt.ArrayLike) -> Array:
        """The depth image (height, width) [m] of distances along the rays (n_beams,) [m]."""
        flat = np.asarray(ranges, dtype=np.float64).reshape(self.n_beams)
        depth = flat / np.linalg.norm(self._rays(), axis=1)
        return np.asarray(depth.reshape(self.height, self.width))

    def _rays(self) -> Array:
        """Rays of depth 1: right is -y, down is -z."""
        v, u = np.mgrid[: self.height, : self.width].astype(np.float64)
        right, down = (u - self.cx) / self.fx, (v - self.cy) / self.fy
        return np.stack((np.ones_like(right), -right, -down), axis=-1).reshape(-1, 3)


@functools.lru_cache(maxsize=16)
def beam_directions(sensor: BeamModel) -> Array:
    """Unit vectors (n_beams, 3) in the sensor frame; a planar sensor scans the x-y plane.

    Kept for the next call with an equal sensor: not to be written to.
    """
    if isinstance(sensor, RangeSensor):
        a = sensor.angles()
        return np.stack((np.cos(a), np.sin(a), np.zeros_like(a)), axis=-1)
    if isinstance(sensor, SpinningLidar | DepthCamera):
        return np.asarray(sensor.directions())
    raise TypeError(
        f"sensor is a {type(sensor).__name__}; need a RangeSensor, SpinningLidar or DepthCamera"
    )


def pose_frames(poses: npt.ArrayLike) -> tuple[Array, Array]:
    """Positions (P, 3) [m] and rotation matrices (P, 3, 3), body to map, of poses (P, 4 or 7).

    Raises
    ------
    ValueError
        If the shape is another, a number is not finite, or a quaternion is not of length 1 (to
        1e-3; it is normalised).
    """
    given = np.asarray(poses, dtype=np.float64)
    array = given[None, :] if given.ndim == 1 else given
    if array.ndim != 2 or array.shape[1] not in (4, 7):
        raise ValueError(
            f"poses have shape {given.shape}; need (P, 4): x, y, z [m], yaw [rad], or (P, 7): x, y,"
            " z, qx, qy, qz, qw"
        )
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        raise ValueError(f"pose {array[~finite][0].tolist()} is not finite")
    if array.shape[1] == 4:
        zero = np.zeros(len(array))
        half = 0.5 * array[:, 3]
        x, y, z, w = zero, zero, np.sin(half), np.cos(half)
    else:
        norm = np.linalg.norm(array[:, 3:], axis=1)
        wrong = np.abs(norm - 1.0) > 1e-3
        if wrong.any():
            raise ValueError(
                f"quaternion {array[wrong][0, 3:].tolist()} has length {norm[wrong][0]:.4g}; need 1"
            )
        x, y, z, w = (array[:, 3:] / norm[:, None]).T
    rows = [
        [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - z * w), 2.0 * (x * z + y * w)],
        [2.0 * (x * y + z * w), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - x * w)],
        [2.0 * (x * z - y * w), 2.0 * (y * z + x * w), 1.0 - 2.0 * (x * x + y * y)],
    ]
    frames = np.stack([np.stack(row, axis=-1) for row in rows], axis=1)
    return np.ascontiguousarray(array[:, :3]), np.ascontiguousarray(frames)


def _check_count(name: str, value: int) -> None:
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise ValueError(f"{name} is {value}; need a whole number of at least 1")


def _check_common(sensor: SpinningLidar | DepthCamera) -> None:
    if not (math.isfinite(sensor.max_range) and sensor.max_range > 0.0):
        raise ValueError(f"max_range is {sensor.max_range}; need a positive number of metres")
    check_noise(sensor.sigma)
    check_deltas(sensor.delta_occ, sensor.delta_emp)
