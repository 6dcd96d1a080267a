"""Let the planner explore *your* simulator: three methods are all it asks for.

    python examples/explore_own_simulator.py

The simulator here is the simplest there is: a grid of walls, a robot that jumps. Replace the
fifteen lines of `MySimulator` by calls to yours.
"""

from __future__ import annotations

import numpy as np

from fsmi import Explorer, OccupancyGrid, RangeSensor, simulate_ranges
from fsmi.sim.episode import explore

SENSOR = RangeSensor(n_beams=180, max_range=5.0, delta_occ=20.0, delta_emp=0.3)


class MySimulator:
    def __init__(self, walls: OccupancyGrid, start: tuple[float, float, float]) -> None:
        self.walls, self.here = walls, start

    def pose(self) -> tuple[float, float, float]:
        return self.here  # x [m], y [m], heading [rad]

    def scan(self) -> np.ndarray:
        return simulate_ranges(self.walls, self.here, SENSOR)[0]  # [m], inf where nothing returns

    def go_to(self, pose: tuple[float, float, float]) -> None:
        self.here = pose  # drive there; return when arrived or blocked


def main() -> None:
    walls = np.zeros((60, 100), dtype=np.int8)
    walls[[0, -1], :] = walls[:, [0, -1]] = 100
    walls[:40, 35] = walls[20:, 65] = 100
    robot = MySimulator(OccupancyGrid(walls, 0.1), start=(1.0, 1.0, 0.0))

    unknown = OccupancyGrid.unknown(10.0, 6.0, 0.1)
    result = explore(robot, unknown, Explorer(SENSOR, robot_radius=0.2))
    print(f"{result.status} after {result.path_length:.1f} m: {result.reason}")
    print(f"{result.entropy_before:.0f} bit before, {result.entropy_after:.0f} bit after")


if __name__ == "__main__":
    main()
