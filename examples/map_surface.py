"""Where should a robot look next? The information of a scan from every place of a ROS map.

python examples/map_surface.py data/maps/office.yaml out/surface.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from fsmi import RangeSensor, load_map, mi_map
from fsmi.planning.knowledge import classify
from fsmi.sim.pictures import surface_picture


def main(path: str = "data/maps/office.yaml", picture: str = "out/surface.png") -> None:
    grid = load_map(path)
    # Unknown cells as the planner sees them: one in fifty is a wall, not every second one.
    known = classify(grid)
    sensor = RangeSensor(n_beams=360, max_range=8.0)
    bits = mi_map(known.belief, sensor, measure="shannon", joint=True, mask=known.free)

    best = np.unravel_index(np.nanargmax(bits), bits.shape)
    x, y = grid.cell_to_world(best)
    print(f"{grid}: {known.entropy():.0f} bit to learn")
    print(f"best scan: {bits[best]:.0f} bit at ({x:.1f}, {y:.1f}) m")
    Path(picture).parent.mkdir(parents=True, exist_ok=True)
    surface_picture(grid, bits, picture, title="what a scan from each place would tell")
    print(f"wrote {picture}")


if __name__ == "__main__":
    main(*sys.argv[1:])
