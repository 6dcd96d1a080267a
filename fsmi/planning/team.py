"""Goals for several robots: each plans given what the others are going to see."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fsmi.grid import OccupancyGrid
from fsmi.planning.explorer import Explorer
from fsmi.planning.plan import Plan


def plan_team(
    explorers: Sequence[Explorer], grid: OccupancyGrid, poses: npt.ArrayLike
) -> list[Plan]:
    """One plan a robot, in their order: sequential greedy on the joint information.

    Each robot takes the best view given the views that the robots before it chose: cells that
    those probably see count nothing any more. With a gain that counts each cell once, the bits of
    the team are at least half of what the best assignment would bring (Fisher, Nemhauser and
    Wolsey 1978). A robot also keeps clear of the places where the others stand.

    Parameters
    ----------
    explorers : sequence of Explorer
        One a robot, kept from plan to plan.
    grid : OccupancyGrid
        The map they share.
    poses : array (n, 3)
        Where they are [m, m, rad].

    Returns
    -------
    list of Plan
        "go" or the reason why a robot has nothing to do. The team is finished when no plan goes.

    Raises
    ------
    ValueError
        If there is not one pose a robot.
    """
    here = np.asarray(poses, dtype=np.float64)
    if here.shape != (len(explorers), 3):
        raise ValueError(f"poses have shape {here.shape}; need ({len(explorers)}, 3), one a robot")
    plans: list[Plan] = []
    for k, explorer in enumerate(explorers):
        taken = [p.goal for p in plans if p.goal is not None]
        rest = np.delete(here, k, axis=0)
        plans.append(
            explorer.plan(grid, here[k], others=np.array(taken).reshape(-1, 3), avoid=rest[:, :2])
        )
    return plans
