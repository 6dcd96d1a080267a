"""Whether the bits that a planner promises are the bits that the map then loses."""

from __future__ import annotations

import math
from typing import final

import numpy as np
import numpy.typing as npt

from fsmi.mapping import update
from fsmi.planning.explorer import Explorer
from fsmi.planning.sight import Sight
from fsmi.sim.episode import Step
from fsmi.sim.lidar import ranges_in
from fsmi.sim.worlds import World

Array = npt.NDArray[np.float64]


@final
class Calibration:
    """Collects promises and losses of a run: pass `add` to `fsmi.sim.episode.explore` as `each`.

    Like is compared with like. A *view* is what the planner promised of the scan at its goal,
    against what the map would lose if that scan alone were taken now, from the true world. A *leg*
    is what all scans between two plans promise together, each cell counted once, against what the
    map did lose meanwhile. Entropies are those of the belief, with the prior of the planner.

    Parameters
    ----------
    explorer : Explorer
        The planner of the run.
    world : World
        Where the scans are simulated, without noise.
    """

    def __init__(self, explorer: Explorer, world: World) -> None:
        self.explorer, self._segments = explorer, world.segments()
        self._views: list[tuple[float, float]] = []
        self._legs: list[tuple[float, float]] = []
        self._before: tuple[Sight, float, int] | None = None

    def add(self, step: Step) -> None:
        """Count the leg that ends with this step and the view that its plan chose."""
        known = self.explorer.knowledge(step.grid)
        if self._before is not None:
            sight, entropy, scans = self._before
            promised = sight.together(step.trail[scans:]) if len(step.trail) > scans else 0.0
            self._legs.append((promised, entropy - step.belief_entropy))
        sensor, goal = self.explorer.sensor, step.plan.goal
        if goal is not None and step.plan.information > 0.0:
            seen = update(step.grid, goal, ranges_in(self._segments, goal, sensor), sensor)
            left = self.explorer.knowledge(seen).entropy()
            self._views.append((step.plan.information, step.belief_entropy - left))
        self._before = Sight.of(known, sensor), step.belief_entropy, len(step.trail)

    @property
    def views(self) -> Array:
        """Promised and lost [bit] of each chosen view, (n, 2)."""
        return np.array(self._views).reshape(-1, 2)

    @property
    def legs(self) -> Array:
        """Promised and lost [bit] between each two plans, (n, 2)."""
        return np.array(self._legs).reshape(-1, 2)

    def __repr__(self) -> str:
        slope, correlation = fit(self.views)
        return f"Calibration({len(self._views)} views, slope {slope:.2f}, r {correlation:.2f})"


def fit(pairs: Array) -> tuple[float, float]:
    """Slope through the origin of losses over promises (n, 2) and their correlation.

    nan where fewer than three pairs, or pairs without spread, say nothing.
    """
    if len(pairs) < 3 or not pairs[:, 0].any():
        return math.nan, math.nan
    x, y = pairs.T
    spread = float(x.std() * y.std())
    correlation = float(((x - x.mean()) * (y - y.mean())).mean() / spread) if spread else math.nan
    return float(x @ y / (x @ x)), correlation
