"""How candidates are ranked: the registry of strategies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from fsmi.planning.views import Views

Array = npt.NDArray[np.float64]

# Distance [m] added to the path of every candidate: without it a rate prefers any crumb that lies
# at the robot's feet to a hall at ten steps.
SETTLE = 1.0
# explore_lite's default weights of distance and of frontier size (both in metres here).
POTENTIAL_SCALE, GAIN_SCALE = 3.0, 1.0
LAST = 1e9  # more than any path or frontier measures


def _frontiers_first(score: Array, views: Views) -> Array:
    """`score`, with the viewpoints of the lattice behind all those of a frontier."""
    return score - np.where(views.frontier > 0.0, 0.0, LAST)


def nearest(views: Views) -> Array:
    """The shortest path to a frontier."""
    return _frontiers_first(-views.cost, views)


def explore_lite(views: Views) -> Array:
    """The cost of explore_lite, negated: near and long frontiers."""
    score = GAIN_SCALE * views.frontier - POTENTIAL_SCALE * views.cost
    return _frontiers_first(score, views)


def count_rate(views: Views) -> Array:
    """Visible unknown cells a metre."""
    return views.visible / (views.cost + SETTLE)


def information_rate(views: Views) -> Array:
    """Bits a metre."""
    return views.gain / (views.cost + SETTLE)


STRATEGIES: dict[str, Callable[[Views], Array]] = {
    "nearest": nearest,
    "explore_lite": explore_lite,
    "count_rate": count_rate,
    "information_rate": information_rate,
}
