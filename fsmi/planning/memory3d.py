"""What earlier plans taught about single voxels: walls that flicker, voxels that stay dark."""

from __future__ import annotations

from typing import final

import numpy as np
import numpy.typing as npt

from fsmi.planning.space3d import Mask, Space, grown
from fsmi.planning.views3d import expected_view
from fsmi.sensor import BeamModel
from fsmi.voxels import VoxelMap

PATIENCE = 2  # looks in vain after which a voxel is written off


@final
class Memory3D:
    """Voxels that a planner must take for solid although the map does not call them occupied.

    *Flickering walls*: beams that graze a surface cross the free half of its voxels and clear
    them; through the gap the planner would look at the inside of the wall for ever. A voxel that
    was occupied once stays solid while one of its neighbours is not free (a false return in the
    open does not).

    *Dark voxels*: those that a scan should have crossed and that stayed unknown. Something stops
    the beams before them, glass or a surface that flickers. After `PATIENCE` looks they are
    written off.
    """

    def __init__(self) -> None:
        self._walls: Mask = np.zeros((0, 0, 0), dtype=np.bool_)
        self._dark: npt.NDArray[np.uint8] = np.zeros((0, 0, 0), dtype=np.uint8)
        self._map: VoxelMap | None = None

    def opaque(self, voxels: VoxelMap, free_below: float) -> Mask | None:
        """The voxels (D, H, W) to take for solid; None if there is no memory of such a map."""
        if self._walls.shape != voxels.shape:
            return None
        uncertain = (voxels.probabilities() > free_below)[voxels.dense_codes()]
        return np.asarray((self._walls & grown(uncertain)) | (uncertain & (self._dark >= PATIENCE)))

    def add(self, voxels: VoxelMap, space: Space, pose: npt.ArrayLike, sensor: BeamModel) -> None:
        """Remember the walls of a map and the unknown voxels in view of the scan from `pose`.

        The same map twice counts once: no scan lies between.
        """
        if self._walls.shape != voxels.shape:
            self._walls = np.zeros(voxels.shape, dtype=np.bool_)
            self._dark = np.zeros(voxels.shape, dtype=np.uint8)
        if voxels is self._map:
            return
        self._map = voxels
        self._walls |= space.occupied
        seen = expected_view(space, pose, sensor)
        self._dark[seen & (self._dark < PATIENCE)] += 1

    def __repr__(self) -> str:
        return f"Memory3D({int(self._walls.sum())} wall voxels)"
