"""Explore an IR-SIM world with a differential-drive robot: `pip install "privfunnel-fsmi[sims]"`.

The planner needs three methods of a simulator: `scan`, `pose` and `go_to`.
"""

import math
import tempfile
from pathlib import Path

import irsim
import numpy as np
import yaml

from fsmi import Explorer, OccupancyGrid, RangeSensor
from fsmi.sim.episode import explore

LASER = RangeSensor(n_beams=180, max_range=6.0, delta_occ=20.0, delta_emp=0.3)
RADIUS = 0.2
# Outer walls, and a wall with a door between two rooms; each a line of points [m].
WALLS = [[(0, 0), (8, 0), (8, 5), (0, 5), (0, 0)], [(4, 0), (4, 2)], [(4, 3.2), (4, 5)]]


class IrSimRobot:
    """An IR-SIM robot that turns towards its target, drives there, and turns as asked."""

    def __init__(self, walls=WALLS, start=(1.0, 1.0, 0.0)):
        lidar = {"name": "lidar2d", "range_max": LASER.max_range, "number": LASER.n_beams}
        half = math.pi / LASER.n_beams  # half a beam: no beam twice, the first straight behind
        lidar |= {"angle_range": 2 * (math.pi - half), "offset": [0, 0, -half]}
        robot = {"kinematics": {"name": "diff"}, "shape": {"name": "circle", "radius": RADIUS}}
        robot |= {"state": list(start), "sensors": [lidar], "vel_max": [1.0, 2.0]}
        shape = [{"name": "linestring", "vertices": [list(p) for p in w]} for w in walls]
        lines = [{"shape": s, "state": [0, 0, 0]} for s in shape]  # else they are moved about
        world = {"width": 10, "height": 10, "step_time": 0.1, "collision_mode": "stop"}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "world.yaml")
            path.write_text(yaml.safe_dump({"world": world, "robot": [robot], "obstacle": lines}))
            self.env = irsim.make(str(path), headless=True, log_level="ERROR")
        self.collisions = 0

    def pose(self):
        return tuple(self.env.get_robot_state().ravel()[:3].tolist())

    def scan(self):
        lidar = self.env.robot.lidar
        return np.where(lidar.valid, lidar.range_data, np.inf)

    def _step(self, forward, turn):
        self.env.step(np.array([[forward], [turn]]))
        self.collisions += bool(self.env.robot.collision_flag)

    def _turn(self, heading):
        for _ in range(100):
            left = math.remainder(heading - self.pose()[2], math.tau)
            if abs(left) < 1e-3:
                return
            self._step(0.0, max(-2.0, min(2.0, left / 0.1)))

    def go_to(self, pose):
        x, y, _ = self.pose()
        if math.dist((x, y), pose[:2]) > 0.02:
            self._turn(math.atan2(pose[1] - y, pose[0] - x))
            for _ in range(200):
                left = math.dist(self.pose()[:2], pose[:2])
                if left < 0.01 or self.collisions:
                    break
                self._step(min(1.0, left / 0.1), 0.0)
        self._turn(pose[2])


def main():
    robot = IrSimRobot()
    explorer = Explorer(LASER, robot_radius=RADIUS)
    result = explore(robot, OccupancyGrid.unknown(8.4, 5.4, 0.1, (-0.2, -0.2, 0.0)), explorer)
    print(f"{result}, {robot.collisions} collisions")
    return result


if __name__ == "__main__":
    main()
