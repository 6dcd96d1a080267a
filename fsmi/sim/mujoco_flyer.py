"""A robot that flies in a MuJoCo world: physics moves it, ray casting is its sensor.

No rendering: `mj_multiRay` works without a display.
"""

from __future__ import annotations

import math
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fsmi.planning.views3d import Pose3D
from fsmi.sensor import BeamModel
from fsmi.sensor3d import beam_directions, pose_frames

try:
    import mujoco
except ImportError as error:  # pragma: no cover - depends on the installation
    raise ImportError(
        'flying in MuJoCo needs mujoco: pip install "privfunnel-fsmi[sims]"', name="mujoco"
    ) from error

Array = npt.NDArray[np.float64]
STIFF, DAMP = 8.0, 5.6  # [1/s^2], [1/s]: a little overdamped, settles in about two seconds
SPEED = 1.0  # [m/s]: the target moves ahead no faster
NEAR = 0.02  # [m]
PATIENCE = 4.0  # [s] after which a flight that does not arrive is given up


@final
class MujocoFlyer:
    """A body with a free joint, held in the air and steered by forces; a `Flyer` for `explore_3d`.

    Parameters
    ----------
    model : mujoco.MjModel
        The world and the robot, a body with a free joint as its only one.
    sensor : SpinningLidar, DepthCamera or RangeSensor
        At the body's centre; it turns to the yaw it is asked for and stays level.
    body : str
        Name of the robot's body. What hangs on it is not seen by the sensor.
    rng : Generator, int or None
        Source of the range noise.

    Attributes
    ----------
    collisions : int
        Flights on which the robot touched something.
    data : mujoco.MjData
        State of the simulation.

    Raises
    ------
    ValueError
        If there is no such body or it has no free joint.
    """

    def __init__(
        self,
        model: Any,
        sensor: BeamModel,
        *,
        body: str = "robot",
        rng: np.random.Generator | int | None = None,
    ) -> None:
        number = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, body)
        if number < 0:
            raise ValueError(f"the model has no body {body!r}; name the robot's body")
        joint = int(model.body_jntadr[number])
        if joint < 0 or model.jnt_type[joint] != mujoco.mjtJoint.mjJNT_FREE:
            raise ValueError(f"body {body!r} has no free joint; the robot needs one to fly")
        self.model, self.data, self.sensor = model, mujoco.MjData(model), sensor
        self.collisions = 0
        self._body = int(number)
        self._yaw = 0.0
        self._rng = np.random.default_rng(rng)
        at, speed = int(model.jnt_qposadr[joint]), int(model.jnt_dofadr[joint])
        self._place, self._spin = slice(at, at + 3), slice(speed + 3, speed + 6)
        self._speed = slice(speed, speed + 3)
        self._mass = float(model.body_subtreemass[number])
        mujoco.mj_forward(model, self.data)

    def pose(self) -> Pose3D:
        """Where the robot is."""
        x, y, z = (float(v) for v in self.data.qpos[self._place])
        return x, y, z, self._yaw

    def scan(self) -> Array:
        """Ranges (n_beams,) [m] in the order of the sensor's directions; inf for no return."""
        _, frames = pose_frames(np.array(self.pose()))
        rays = np.ascontiguousarray(beam_directions(self.sensor) @ frames[0].T)
        n = len(rays)
        found, ranges = np.empty(n, dtype=np.int32), np.empty(n)
        mujoco.mj_multiRay(
            self.model, self.data, self.data.qpos[self._place].copy(), rays.ravel(), None, 1,
            self._body, found, ranges, None, n, self.sensor.max_range,
        )  # fmt: skip
        hit = (found >= 0) & (ranges <= self.sensor.max_range)
        if self.sensor.sigma > 0.0:
            ranges = np.maximum(ranges + self._rng.normal(0.0, self.sensor.sigma, n), 1e-3)
        return np.where(hit, ranges, np.inf)

    def go_to(self, pose: Pose3D) -> None:
        """Fly straight to `pose` and hover; give up when the way there stays blocked."""
        begin, end = np.array(self.pose()[:3]), np.array(pose[:3], dtype=np.float64)
        length = float(np.linalg.norm(end - begin))
        step = float(self.model.opt.timestep)
        touched = False
        for k in range(math.ceil((length / SPEED + PATIENCE) / step)):
            share = min(1.0, k * step * SPEED / length) if length > 0.0 else 1.0
            self._push(begin + share * (end - begin))
            mujoco.mj_step(self.model, self.data)
            touched = touched or self._touches()
            off = float(np.linalg.norm(self.data.qpos[self._place] - end))
            if off < NEAR and float(np.linalg.norm(self.data.qvel[self._speed])) < NEAR:
                break
        self.collisions += touched
        self._yaw = float(pose[3])

    def _push(self, target: Array) -> None:
        """Forces that hold the robot up, pull it to a place and keep it from spinning."""
        pull = STIFF * (target - self.data.qpos[self._place]) - DAMP * self.data.qvel[self._speed]
        self.data.xfrc_applied[self._body, :3] = self._mass * (pull - self.model.opt.gravity)
        self.data.qvel[self._spin] = 0.0

    def _touches(self) -> bool:
        pairs = np.asarray(self.data.contact.geom)[: self.data.ncon]
        return bool((self.model.geom_bodyid[pairs] == self._body).any())

    def __repr__(self) -> str:
        x, y, z, yaw = self.pose()
        return f"MujocoFlyer(({x:.2f}, {y:.2f}, {z:.2f}) m, {yaw:.2f} rad)"
