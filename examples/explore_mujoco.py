"""Explore a MuJoCo world with a flying lidar: `pip install "privfunnel-fsmi[sims]"`.

Physics moves the robot, ray casting is its sensor: no display is needed.
"""

import mujoco

from fsmi import Explorer3D, SpinningLidar, VoxelMap
from fsmi.sim.flight import explore_3d
from fsmi.sim.mujoco_flyer import MujocoFlyer
from fsmi.sim.pictures3d import slices_picture

LIDAR = SpinningLidar(
    32, 120, elevation=(-1.2, 1.2), max_range=5.0, sigma=0.01, delta_occ=20.0, delta_emp=0.3
)
RADIUS = 0.2
# A hall of 5.9 x 3.9 x 2.3 m: a column, a leaning slab, a ball, and a wall with a window.
WORLD = f"""
<mujoco>
  <option timestep="0.01"/>
  <worldbody>
    <geom type="box" size="3.15 2.15 .075" pos="3 2 -.025"/>
    <geom type="box" size="3.15 2.15 .075" pos="3 2 2.425"/>
    <geom type="box" size=".075 2.15 1.2" pos="-.025 2 1.2"/>
    <geom type="box" size=".075 2.15 1.2" pos="6.025 2 1.2"/>
    <geom type="box" size="3 .075 1.2" pos="3 -.025 1.2"/>
    <geom type="box" size="3 .075 1.2" pos="3 4.025 1.2"/>
    <geom type="cylinder" size=".25 1.2" pos="1.9 2.6 1.2"/>
    <geom type="box" size=".5 .05 .6" pos="1.7 .9 .5" euler="25 0 20"/>
    <geom type="sphere" size=".35" pos="5.1 .9 .5"/>
    <geom type="box" size=".15 2 .35" pos="3.6 2 .35"/>
    <geom type="box" size=".15 2 .3" pos="3.6 2 2.1"/>
    <geom type="box" size=".15 1.25 .6" pos="3.6 1.2 1.25"/>
    <body name="robot" pos=".7 1.6 1"><freejoint/>
      <geom type="sphere" size="{RADIUS}" mass="1"/></body>
  </worldbody>
</mujoco>"""


def main(picture=None):
    robot = MujocoFlyer(mujoco.MjModel.from_xml_string(WORLD), LIDAR, rng=0)
    unknown = VoxelMap.unknown((-0.2, -0.2, -0.2, 6.2, 4.2, 2.6), 0.1)
    result = explore_3d(robot, unknown, Explorer3D(LIDAR, robot_radius=RADIUS + 0.05, rng=0))
    print(f"{result.status} after {result.path_length:.1f} m, {result.collisions} collisions")
    print(f"{result.entropy_before:.0f} bit before, {result.entropy_after:.0f} bit after")
    if picture:
        slices_picture(result.voxels, picture, result=result, title=repr(result))
    return result


if __name__ == "__main__":
    main("explore_mujoco.png")
