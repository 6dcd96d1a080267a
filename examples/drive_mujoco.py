"""Explore two rooms in MuJoCo with a driving robot: `pip install "privfunnel-fsmi[sims]"`.

Motors move the robot, ray casting is its laser scanner: no display is needed.
"""

import math

import mujoco
import numpy as np

from fsmi import Explorer, OccupancyGrid, RangeSensor
from fsmi.sim.episode import explore

LASER = RangeSensor(n_beams=360, max_range=6.0, delta_occ=20.0, delta_emp=0.3)
RADIUS, START = 0.2, (1.0, 1.0)
WALLS = [  # x0, y0, x1, y1 [m]: a frame, a wall with a door in it, a box
    (-0.2, -0.2, 8.2, 0.0), (-0.2, 5.0, 8.2, 5.2), (-0.2, 0.0, 0.0, 5.0), (8.0, 0.0, 8.2, 5.0),
    (3.9, 0.0, 4.1, 2.0), (3.9, 3.2, 4.1, 5.0), (5.6, 2.2, 6.4, 3.0),
]  # fmt: skip
BOX = '<geom type="box" pos="{} {} .5" size="{} {} .5"/>'
BOXES = "".join(
    BOX.format((a + c) / 2, (b + d) / 2, (c - a) / 2, (d - b) / 2) for a, b, c, d in WALLS
)
MODEL = f"""
<mujoco>
  <option timestep="0.01" gravity="0 0 0"/>
  <worldbody>{BOXES}
    <body name="robot" pos="{START[0]} {START[1]} .3">
      <joint name="x" type="slide" axis="1 0 0"/><joint name="y" type="slide" axis="0 1 0"/>
      <joint name="yaw" type="hinge" axis="0 0 1"/>
      <geom type="cylinder" size="{RADIUS} .2" mass="5"/>
    </body>
  </worldbody>
  <actuator>
    <position joint="x" kp="60" kv="35"/><position joint="y" kp="60" kv="35"/>
    <position joint="yaw" kp="4" kv="1.2"/>
  </actuator>
</mujoco>"""


class MujocoRobot:
    """A base that drives in any direction: `scan`, `pose` and `go_to` are all a planner needs."""

    def __init__(self):
        self.model = mujoco.MjModel.from_xml_string(MODEL)
        self.data, self.collisions = mujoco.MjData(self.model), 0
        mujoco.mj_forward(self.model, self.data)

    def pose(self):
        x, y, _ = self.data.body("robot").xpos.tolist()
        return x, y, float(self.data.qpos[2])

    def scan(self):
        n, base = LASER.n_beams, self.data.body("robot")
        angles, found, ranges = self.pose()[2] + LASER.angles(), np.empty(n, np.int32), np.empty(n)
        rays = np.column_stack((np.cos(angles), np.sin(angles), np.zeros(n))).ravel()
        mujoco.mj_multiRay(
            self.model, self.data, base.xpos, rays, None, 1, base.id, found, ranges, None, n,
            LASER.max_range,
        )  # fmt: skip
        return np.where((found >= 0) & (ranges <= LASER.max_range), ranges, np.inf)

    def go_to(self, pose):
        x, y, yaw = self.pose()
        yaw += math.remainder(pose[2] - yaw, math.tau)
        n = max(1, math.ceil(math.dist((x, y), pose[:2]) / 0.005))  # half a metre a second
        for share in (*np.arange(1, n + 1) / n, *[1.0] * 300):  # then it settles
            target = x + share * (pose[0] - x), y + share * (pose[1] - y)
            self.data.ctrl[:] = target[0] - START[0], target[1] - START[1], yaw
            mujoco.mj_step(self.model, self.data)
            self.collisions += self.data.ncon > 0
            if share == 1.0 and math.dist(self.pose()[:2], pose[:2]) < 0.01:
                return


def main():
    robot = MujocoRobot()
    explorer = Explorer(LASER, robot_radius=RADIUS + 0.05)
    result = explore(robot, OccupancyGrid.unknown(8.4, 5.4, 0.1, (-0.2, -0.2, 0.0)), explorer)
    print(f"{result}, {robot.collisions} collisions")
    return result


if __name__ == "__main__":
    main()
