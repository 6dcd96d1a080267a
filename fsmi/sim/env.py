"""A Gymnasium environment: explore a generated floor plan, paid in bits.

import gymnasium, fsmi.sim.env
env = gymnasium.make("fsmi/Exploration-v0", kind="office")
"""

from __future__ import annotations

import math
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fsmi.grid import OccupancyGrid
from fsmi.mapping import update
from fsmi.sensor import RangeSensor
from fsmi.sim.coverage import Coverage
from fsmi.sim.floorplans import make_world
from fsmi.sim.robot import SimulatedRobot
from fsmi.sim.worlds import World

try:
    import gymnasium
    from gymnasium import spaces
except ImportError as error:  # pragma: no cover - depends on the installation
    raise ImportError(
        'the environment needs gymnasium: pip install "privfunnel-fsmi[sims]"', name="gymnasium"
    ) from error

Observation = dict[str, npt.NDArray[Any]]
ENV_ID = "fsmi/Exploration-v0"
UNKNOWN = 255
DONE = 0.99  # coverage that ends an episode
LASER = RangeSensor(n_beams=180, max_range=6.0, sigma=0.02, delta_occ=20.0, delta_emp=0.3)


@final
class ExplorationEnv(gymnasium.Env[Observation, npt.NDArray[Any]]):  # type: ignore[misc]
    """A robot with a lidar in a floor plan it does not know.

    Observation: ``map`` (H, W) uint8, per cent occupied, 255 unknown, row 0 at the smallest y;
    ``pose`` (3,) float32, x and y from 0 to 1 across the map and the heading / pi in [-1, 1].
    Action: (2,) float32 in [-1, 1], where to drive next, in units of `step` along x and y.
    Reward: bits of map entropy removed by the scan there, a thousand of them to the unit, less
    `bump` for a collision. The episode terminates at 99 % coverage and is truncated after
    `max_steps`.

    Parameters
    ----------
    kind : str
        Of the generated worlds; ``reset(seed)`` draws another floor plan.
    world : World, optional
        Always this one instead.
    sensor : RangeSensor
    resolution, robot_radius, step : float
        [m]
    bump : float
        Cost of a collision.
    max_steps : int
    render_mode : "rgb_array" or None
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 6}  # noqa: RUF012 - gymnasium's name

    def __init__(
        self,
        kind: str = "office",
        *,
        world: World | None = None,
        sensor: RangeSensor = LASER,
        resolution: float = 0.2,
        robot_radius: float = 0.2,
        step: float = 1.0,
        bump: float = 0.1,
        max_steps: int = 400,
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode is {render_mode!r}; one of 'rgb_array', None")
        for name, value in (("step", step), ("max_steps", max_steps)):
            if not value > 0:
                raise ValueError(f"{name} is {value}; need a positive number")
        self.kind, self.sensor, self.resolution = kind, sensor, resolution
        self.robot_radius, self.step_length, self.bump = robot_radius, step, bump
        self.max_steps, self.render_mode = max_steps, render_mode
        self._fixed = world
        shape = self._empty(world or make_world(kind)).shape
        self.observation_space = spaces.Dict(
            {
                "map": spaces.Box(0, 255, shape, np.uint8),
                "pose": spaces.Box(-1.0, 1.0, (3,), np.float32),
            }
        )
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)

    def _empty(self, world: World) -> OccupancyGrid:
        x0, y0, x1, y1 = world.bounds
        return OccupancyGrid.unknown(x1 - x0, y1 - y0, self.resolution, (x0, y0, 0.0))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """A new floor plan and the first scan of it; ``options={"world": 7}`` names its seed."""
        super().reset(seed=seed)
        drawn = int(self.np_random.integers(2**31))
        chosen = int((options or {}).get("world", drawn))
        world = self._fixed or make_world(self.kind, seed=chosen)
        self.robot = SimulatedRobot(
            world, self.sensor, radius=self.robot_radius, rng=int(self.np_random.integers(2**31))
        )
        self.coverage = Coverage(
            world, self.sensor, self.resolution, robot_radius=self.robot_radius
        )
        self.grid = self._empty(world)
        self.steps, self.travelled = 0, 0.0
        self._look()
        return self._observation(), self._info()

    def step(
        self, action: npt.NDArray[Any]
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Drive, scan, map: observation, reward, terminated, truncated, info."""
        x, y, heading = self.robot.pose()
        dx, dy = np.clip(np.asarray(action, dtype=np.float64), -1.0, 1.0) * self.step_length
        if dx or dy:
            heading = math.atan2(dy, dx)
        bumps, before = self.robot.collisions, self.grid.entropy()
        self.robot.go_to((x + float(dx), y + float(dy), heading))
        self.travelled += math.dist((x, y), self.robot.pose()[:2])
        self._look()
        self.steps += 1
        gained = (before - self.grid.entropy()) / 1000.0
        reward = gained - self.bump * (self.robot.collisions - bumps)
        info = self._info()
        ended = bool(info["coverage"] >= DONE)
        return self._observation(), float(reward), ended, self.steps >= self.max_steps, info

    def _look(self) -> None:
        self.grid = update(self.grid, self.robot.pose(), self.robot.scan(), self.sensor)

    def _observation(self) -> Observation:
        codes = self.grid.to_ros().reshape(self.grid.shape).astype(np.int16)
        x0, y0, x1, y1 = self.robot.world.bounds
        x, y, heading = self.robot.pose()
        pose = (
            (x - x0) / (x1 - x0),
            (y - y0) / (y1 - y0),
            math.remainder(heading, math.tau) / math.pi,
        )
        return {
            "map": np.where(codes < 0, UNKNOWN, codes).astype(np.uint8),
            "pose": np.clip(np.array(pose, dtype=np.float32), -1.0, 1.0),
        }

    def _info(self) -> dict[str, Any]:
        return {
            "coverage": self.coverage.of(self.grid),
            "entropy": self.grid.entropy(),
            "travelled": self.travelled,
            "collisions": self.robot.collisions,
            "pose": self.robot.pose(),
        }

    def render(self) -> npt.NDArray[np.uint8] | None:
        """The map as a picture, (4 H, 4 W, 3) uint8, y upwards, the robot in red."""
        if self.render_mode is None:
            return None
        gray = np.rint(255.0 * (1.0 - self.grid.occupancy)).astype(np.uint8)
        picture = np.repeat(np.kron(gray, np.ones((4, 4), dtype=np.uint8))[..., None], 3, axis=2)
        u, v = 4.0 * self.grid.world_to_grid(np.array(self.robot.pose()[:2]))
        rows, columns = np.ogrid[: picture.shape[0], : picture.shape[1]]
        size = 4.0 * self.robot_radius / self.resolution
        picture[(columns - u) ** 2 + (rows - v) ** 2 <= size**2] = (214, 39, 40)
        return np.ascontiguousarray(picture[::-1])


if ENV_ID not in gymnasium.registry:
    gymnasium.register(ENV_ID, entry_point="fsmi.sim.env:ExplorationEnv")
