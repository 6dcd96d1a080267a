"""What views of a voxel map are worth, and the plan that an `Explorer3D` answers with."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fsmi.information3d import path_mi_3d, scan_mi_3d
from fsmi.mapping3d import update_3d
from fsmi.planning.space3d import Mask, Space
from fsmi.raycast3d import simulate_ranges_3d
from fsmi.sensor import BeamModel, RangeSensor
from fsmi.sensor3d import DepthCamera, SpinningLidar
from fsmi.voxels import VoxelMap

Array = npt.NDArray[np.float64]
Pose3D = tuple[float, float, float, float]
MEASURE = "shannon"  # what an update is expected to tell if what is seen becomes known


def coarse(sensor: BeamModel, most: int) -> BeamModel:
    """A sensor with the same field of view and about `most` beams at most, for planning."""
    if sensor.n_beams <= most:
        return sensor
    if isinstance(sensor, DepthCamera):
        share = math.sqrt(most / sensor.n_beams)
        w, h = max(1, round(sensor.width * share)), max(1, round(sensor.height * share))
        sx, sy = w / sensor.width, h / sensor.height
        # pixel centres stand at whole numbers: the image begins at -0.5
        cx, cy = (sensor.cx + 0.5) * sx - 0.5, (sensor.cy + 0.5) * sy - 0.5
        return replace(
            sensor, width=w, height=h, fx=sensor.fx * sx, fy=sensor.fy * sy, cx=cx, cy=cy
        )
    if isinstance(sensor, SpinningLidar):
        rings = min(sensor.n_rings, max(2, round(math.sqrt(most / 4))))
        return replace(sensor, n_rings=rings, n_azimuth=max(1, most // rings))
    if isinstance(sensor, RangeSensor):
        return replace(sensor, n_beams=most)
    raise TypeError(f"sensor is a {type(sensor).__name__}; need one of fsmi")


def sees_all_around(sensor: BeamModel) -> bool:
    """Whether turning about z changes nothing."""
    return (
        not isinstance(sensor, DepthCamera) and getattr(sensor, "fov", 0.0) > 2.0 * math.pi - 1e-6
    )


def best_headings(
    space: Space, places: Array, sensor: BeamModel, headings: int
) -> tuple[Array, Array]:
    """Best yaw (n,) [rad] at each place (n, 3) and the information of its view (n,) [bit]."""
    yaws = np.arange(1 if sees_all_around(sensor) else headings) * (2.0 * math.pi / headings)
    poses = np.column_stack((np.repeat(places, len(yaws), axis=0), np.tile(yaws, len(places))))
    bits = scan_mi_3d(
        space.belief, poses, sensor, measure=MEASURE, joint=True, prior=space.prior, tol=1e-3
    ).reshape(len(places), len(yaws))
    best = bits.argmax(axis=1)
    return yaws[best], bits[np.arange(len(places)), best]


def expected_view(space: Space, pose: npt.ArrayLike, sensor: BeamModel) -> Mask:
    """Open voxels (D, H, W) that the beams from a pose (4,) would cross if all were free."""
    belief = space.belief
    ranges = simulate_ranges_3d(belief, pose, sensor)[0]
    blank = VoxelMap.unknown(belief.bounds, belief.resolution)
    crossed = update_3d(blank, pose, ranges, sensor).dense_codes() > 0
    return np.asarray(crossed & space.open)


def along_path(space: Space, poses: Array, sensor: BeamModel) -> Array:
    """Information (n,) [bit] that each pose (n, 4) of a path adds to those before it."""
    return path_mi_3d(space.belief, poses, sensor, measure=MEASURE, prior=space.prior, tol=1e-3)


@final
@dataclass(frozen=True)
class Plan3D:
    """Where to fly next and why.

    Attributes
    ----------
    status : str
        One of ``fsmi.planning.plan.STATUSES``; everything but "go" ends the exploration.
    path : array (n, 4)
        Poses x, y, z [m], yaw [rad] from the robot to the goal; (0, 4) unless the status is "go".
    goal : (x, y, z, yaw) or None
    information : float
        Of the views along the path, each voxel counted once [bit].
    cost : float
        Length of the path [m].
    candidates : int
        Views it was chosen from.
    reason : str
    """

    status: str
    path: Array = field(default_factory=lambda: np.empty((0, 4)))
    goal: Pose3D | None = None
    information: float = 0.0
    cost: float = 0.0
    candidates: int = 0
    reason: str = ""

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return self.status != "go"

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain lists and numbers."""
        return {
            "status": self.status,
            "path": self.path.tolist(),
            "goal": None if self.goal is None else list(self.goal),
            "information": self.information,
            "cost": self.cost,
            "candidates": self.candidates,
            "reason": self.reason,
        }

    def __repr__(self) -> str:
        return (
            f"Plan3D({self.status}, {self.information:.1f} bit, {self.cost:.1f} m: {self.reason})"
        )
