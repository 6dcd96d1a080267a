"""A flight as a Rerun recording: what is occupied as cubes, trail, plan and curves."""

from __future__ import annotations

from typing import final

import numpy as np
import numpy.typing as npt

from fsmi.planning.views3d import Plan3D
from fsmi.sim.rerun_log import Recording
from fsmi.voxels import VoxelMap


def occupied_cubes(
    voxels: VoxelMap,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Centres (n, 3) and sides (n,) [m] of the occupied part of a map, in as few cubes as a tree
    of two values needs."""
    solid = np.where(voxels.values > 0.0, np.float32(1.0), np.float32(np.nan))
    leaves = voxels.with_values(solid.astype(np.float32)).leaves()
    return leaves.corner + 0.5 * leaves.size[:, None], leaves.size


@final
class FlightLog:
    """Logs the plans of `fsmi.sim.flight.explore_3d`; `add` is made for its `each`."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._plans = 0

    def add(self, voxels: VoxelMap, plan: Plan3D, trail: npt.NDArray[np.float64]) -> None:
        """A plan, the map it was made on, the poses (n, 4) so far."""
        log, points = self._recording, trail[:, :3]
        log.at(self._plans, float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum()))
        self._plans += 1
        centres, sides = occupied_cubes(voxels)
        _, _, low, _, _, high = voxels.bounds
        log.boxes(centres, sides, (centres[:, 2] - low) / (high - low), "voxels")
        log.route(points, plan.path[:, :3], plan.goal, points[-1])
        log.number("entropy_bit", voxels.entropy())
        log.number("information_bit", plan.information)
        log.words(f"{plan.status}: {plan.reason}")

    def __repr__(self) -> str:
        return f"FlightLog({self._plans} plans)"
