"""How candidates are ranked: the registry of strategies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from fsmi.planning.horizon import path_information
from fsmi.planning.tour import cover, waiting_times
from fsmi.planning.views import Views

Array = npt.NDArray[np.float64]

# Distance [m] added to the path of every candidate: without it a rate prefers any crumb that lies
# at the robot's feet to a hall at ten steps.
SETTLE = 1.0
# explore_lite's default weights of distance and of frontier size (both in metres here).
POTENTIAL_SCALE, GAIN_SCALE = 3.0, 1.0
LAST = 1e9  # more than any path or frontier measures
TOUR = 14  # views in a tour
POWER = 0.5


@final
@dataclass(frozen=True)
class Strategy:
    """A way to rank views.

    Attributes
    ----------
    rank : callable
        Utility (n,) of each of the views; the largest wins.
    relative, absolute : float
        A new goal must be better than the present one by this share of its utility and by this
        much.
    """

    rank: Callable[[Views], Array]
    relative: float = 0.15
    absolute: float = 0.0

    def choose(self, views: Views, utility: Array) -> int:
        """The best view, or the present goal if it is nearly as good."""
        best, goal = int(utility.argmax()), views.goal
        if goal < 0:
            return best
        margin = self.relative * abs(float(utility[goal])) + self.absolute
        return best if utility[best] > utility[goal] + margin else goal


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


def tour(views: Views) -> Array:
    """The beginning of the tour over all that is left with the least weighted waiting.

    A few views are chosen that together see what can be seen. Each waits, with a weight that
    grows with the root of what it adds, until the robot has come to it; the order with the
    smallest sum visits rich views early and takes in the crumbs that lie on the way, because
    coming back for them later costs more. The utility is the negated mean waiting [m].
    """
    chosen, gained = cover(views, 3 * TOUR)
    if len(chosen) == 0:  # nothing is likely to be seen, only hoped for
        return information_rate(views) - LAST
    rate = gained / (views.cost[chosen] + SETTLE)
    if chosen[0] == views.goal:
        rate[0] = np.inf
    kept = np.sort(np.argsort(-rate, kind="stable")[:TOUR])
    chosen, gained = chosen[kept], gained[kept]
    places = np.vstack((np.array(views.field.start[:2]), views.poses[chosen, :2]))
    distance = views.roadmap.between(places)
    distance[0, 1:] = distance[1:, 0] = views.cost[chosen]
    weight = gained**POWER
    waiting = waiting_times(distance, weight, stop=SETTLE) / weight.sum()
    utility = -LAST - views.cost
    utility[chosen] = -waiting
    return utility


def receding_horizon(views: Views) -> Array:
    """Discounted bits of the best path over up to three views, overlap counted once.

    Only the way to the first view is driven before the next plan. See `path_information`.
    """
    chosen, bits = path_information(views, stop=SETTLE)
    if len(chosen) == 0:  # nothing is likely to be seen, only hoped for
        return information_rate(views) - LAST
    utility = -LAST - views.cost
    utility[chosen] = bits
    return utility


STRATEGIES: dict[str, Strategy] = {
    "nearest": Strategy(nearest),
    "explore_lite": Strategy(explore_lite),
    "count_rate": Strategy(count_rate),
    "information_rate": Strategy(information_rate),
    "receding_horizon": Strategy(receding_horizon),
    "tour": Strategy(tour, relative=0.02, absolute=0.5),
}
