"""What a map says for planning: which cells are known, and how likely an unknown one is a wall."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from fsmi.grid import OccupancyGrid, binary_entropy

Mask = npt.NDArray[np.bool_]

FREE_BELOW = 0.25  # map_server's usual free_thresh
OCCUPIED_ABOVE = 0.65  # map_server's usual occupied_thresh


def unknown_prior(resolution: float, free_path: float = 5.0) -> float:
    """Probability that an unknown cell stops a beam: ``1 - exp(-resolution / free_path)``.

    `free_path` is the mean distance [m] a beam flies through unexplored space before it hits
    something. With 0.5 instead, a beam is expected to end after two cells whatever their size,
    and the information of a view measures the length of the frontier, not the space behind it.
    """
    for name, value in (("resolution", resolution), ("free_path", free_path)):
        if not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"{name} is {value}; need a positive number of metres")
    return -math.expm1(-resolution / free_path)


@final
@dataclass(frozen=True)
class Knowledge:
    """A map split by two thresholds into free, occupied and unknown cells.

    Attributes
    ----------
    free, occupied, unknown : bool arrays (H, W)
        Occupancy at most `free_below`; at least `occupied_above`; everything in between.
    open : bool array (H, W)
        Unknown cells that are worth a look: all but the solid ones.
    solid : bool array (H, W)
        Where a beam is expected to end: the occupied cells with gaps of up to two cells closed,
        and the unknown cells beside them that lie in no 3 x 3 block of unknown cells. Beams that
        graze a wall clear some cells of its surface; through such a gap a planner would look for
        ever at the inside of the wall.
    belief : OccupancyGrid
        What the planner expects a scan to meet: 0 where free, 1 where solid, the prior where
        nothing was ever measured, and a blend of prior and evidence in between. Known cells carry
        no information, so that a view is valued by what it adds to the map and not by staring at
        walls that are known well enough.
    prior : float
        Of a cell without evidence.
    """

    free: Mask
    occupied: Mask
    unknown: Mask
    open: Mask
    solid: Mask
    belief: OccupancyGrid
    prior: float

    def entropy(self) -> float:
        """Entropy [bit] of the belief: what there is to learn, if the prior is right."""
        p = self.belief.occupancy[self.open]
        touched = p[p != np.float32(self.prior)]
        untouched = len(p) - len(touched)
        return untouched * float(binary_entropy(self.prior)) + float(binary_entropy(touched).sum())

    def __repr__(self) -> str:
        counts = (int(m.sum()) for m in (self.free, self.occupied, self.unknown))
        free, occupied, unknown = counts
        return f"Knowledge({free} free, {occupied} occupied, {unknown} unknown cells)"


def classify(
    grid: OccupancyGrid,
    *,
    prior: float | None = None,
    free_below: float = FREE_BELOW,
    occupied_above: float = OCCUPIED_ABOVE,
    opaque: Mask | None = None,
) -> Knowledge:
    """Split a map into free, occupied and unknown cells; `prior` defaults to `unknown_prior`.

    Cells in `opaque` (H, W) count as solid whatever the map says.
    """
    if not 0.0 <= free_below < 0.5 < occupied_above <= 1.0:
        raise ValueError(
            f"thresholds are {free_below} and {occupied_above};"
            " need 0 <= free_below < 0.5 < occupied_above <= 1"
        )
    chosen = unknown_prior(grid.resolution) if prior is None else float(prior)
    if not 0.0 < chosen < 1.0:
        raise ValueError(f"prior is {prior}; need a probability in (0, 1)")
    p = grid.occupancy
    free, occupied = p <= free_below, p >= occupied_above
    unknown = ~(free | occupied)
    solid = _closed(occupied)
    if opaque is not None:
        solid |= opaque
    rest = unknown & ~solid
    solid |= rest & ~_opened(rest) & grown(solid)
    open_ones = unknown & ~solid
    belief = np.where(solid, np.float32(1.0), np.float32(0.0))
    untouched = open_ones & (p == 0.5)
    belief[untouched] = chosen
    touched = open_ones & ~untouched
    if touched.any():
        belief[touched] = _blend(p[touched], chosen, free_below, occupied_above)
    view = OccupancyGrid(belief, grid.resolution, grid.origin)
    return Knowledge(free, occupied, unknown, open_ones, solid, view, chosen)


def grown(mask: Mask) -> Mask:
    """A mask (H, W) with the eight neighbours of its cells."""
    rows = mask.copy()
    rows[1:] |= mask[:-1]
    rows[:-1] |= mask[1:]
    out = rows.copy()
    out[:, 1:] |= rows[:, :-1]
    out[:, :-1] |= rows[:, 1:]
    return out


def _closed(mask: Mask) -> Mask:
    """A mask with gaps of up to two cells between its cells filled (a morphological closing)."""
    return np.asarray(~grown(~grown(mask)) | mask)


def _opened(mask: Mask) -> Mask:
    """The cells of a mask that lie in a 3 x 3 block of it (a morphological opening).

    The map is taken to go on beyond its edge as it ends there.
    """
    return np.asarray(grown(~grown(~mask)) & mask)


def _blend(
    p: npt.NDArray[np.float32], prior: float, free_below: float, occupied_above: float
) -> npt.NDArray[np.float32]:
    """The prior moved by the evidence in `p`: the prior at 0.5, `p` itself at the thresholds."""
    evidence = np.log(p / (1.0 - p.astype(np.float64)))
    low = math.log(free_below / (1.0 - free_below)) if free_below > 0.0 else -math.inf
    high = math.log(occupied_above / (1.0 - occupied_above)) if occupied_above < 1.0 else math.inf
    share = np.clip(np.where(evidence < 0.0, evidence / low, evidence / high), 0.0, 1.0)
    logit = evidence + (1.0 - share) * math.log(prior / (1.0 - prior))
    return (1.0 / (1.0 + np.exp(-logit))).astype(np.float32)
