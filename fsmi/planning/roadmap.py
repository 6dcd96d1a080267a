"""Distances between many places, on a coarser grid: good enough to order a tour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from fsmi.grid import OccupancyGrid
from fsmi.planning.knowledge import Mask
from fsmi.planning.paths import DistanceField, lengths_from

BLOCK = 3  # cells a side: walls inflated by a robot stay thicker than two blocks


@final
@dataclass(frozen=True)
class Roadmap:
    """The reachable cells in blocks.

    Attributes
    ----------
    open : bool array (H / BLOCK, W / BLOCK)
        Blocks that hold a reachable cell.
    """

    open: Mask
    grid: OccupancyGrid

    @classmethod
    def of(cls, field: DistanceField) -> Roadmap:
        """The blocks of the cells that a field reaches."""
        reached = np.isfinite(field.distance)
        h, w = reached.shape
        padded = np.pad(reached, ((0, -h % BLOCK), (0, -w % BLOCK)))
        blocks = padded.reshape(padded.shape[0] // BLOCK, BLOCK, -1, BLOCK)
        return cls(np.asarray(blocks.any(axis=(1, 3))), field.grid)

    def between(self, xy: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Path lengths (n, n) [m] between reachable places (n, 2) [m], symmetric, about 5 % long.

        The straight distance where the blocks know of no path.
        """
        points = np.asarray(xy, dtype=np.float64)
        cells = self.grid.world_to_cell(points) // BLOCK
        side = BLOCK * self.grid.resolution
        straight = np.hypot(*(points[:, None, :] - points[None, :, :]).T).T
        out = np.array(straight)
        for k, cell in enumerate(cells[:-1]):
            length = lengths_from(self.open, (int(cell[0]), int(cell[1])))
            found = side * length[cells[k + 1 :, 0], cells[k + 1 :, 1]].astype(np.float64)
            found = np.where(np.isfinite(found), found, straight[k, k + 1 :])
            out[k, k + 1 :] = out[k + 1 :, k] = np.maximum(found, straight[k, k + 1 :])
        return out

    def __repr__(self) -> str:
        return f"Roadmap({int(self.open.sum())} blocks)"
