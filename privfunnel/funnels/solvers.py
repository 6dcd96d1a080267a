"""The solvers of the discrete funnel: from a pair and a goal to the best mechanism found.

Every solver returns a point of the convex edge of what it found: time sharing is free.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from privfunnel.entropy import FloatArray
from privfunnel.funnels.mechanisms import (
    Mechanism,
    Source,
    at_leakage,
    at_utility,
    erasure,
    hull,
    identity,
)
from privfunnel.funnels.merging import merge_path
from privfunnel.funnels.posteriors import Goal, best_mix, distinct, generate, posteriors_of
from privfunnel.funnels.softmax import softmax_channels

# Above this many values of X, pricing finds too little for its time: the softmax channel's
# posteriors go straight into the linear programme.
_PRICED = 40


def on_edge(source: Source, mechanisms: list[Mechanism], goal: Goal) -> Mechanism:
    """The goal's point on the convex edge of some mechanisms, identity and erasure."""
    edge = hull([*mechanisms, identity(source), erasure(source)], upper=goal.upper)
    if goal.axis == "leakage":
        return at_leakage(source, edge, goal.value)
    return at_utility(source, edge, goal.value)


def greedy(source: Source, goal: Goal, rng: np.random.Generator) -> Mechanism:
    """Merge by the largest drop of I(S;Z) (Makhdoumi et al. 2014), then time sharing."""
    return on_edge(source, merge_path(source, "greedy"), goal)


def ratio_greedy(source: Source, goal: Goal, rng: np.random.Generator) -> Mechanism:
    """Merge by the drop of I(S;Z) per bit of utility given up, then time sharing."""
    return on_edge(source, merge_path(source, "ratio_greedy"), goal)


def _trained(
    source: Source,
    path: list[Mechanism],
    utilities: FloatArray,
    rng: np.random.Generator,
    *,
    upper: bool = False,
) -> list[Mechanism]:
    # One softmax channel per utility, each from the merge closest to it.
    n_z = len(source.p_x) + 1
    starts: list[FloatArray] = []
    for utility in utilities:
        channel = min(path, key=lambda m: abs(m.utility - utility)).channel
        starts.append(np.pad(channel, ((0, 0), (0, n_z - channel.shape[1]))))
    return softmax_channels(source, utilities, starts, upper=upper, rng=rng)


def _utilities(source: Source, path: list[Mechanism], goal: Goal) -> FloatArray:
    # Around the goal: a leakage goal is met at an unknown utility, at least that of the merges.
    if goal.axis == "utility":
        near = goal.value
        return np.clip(np.array([0.5, 0.8, 1.0, 1.1, 1.3]) * near, 0.0, 0.999 * source.h_x)
    near = on_edge(source, path, goal).utility
    return np.linspace(near, min(source.h_x * 0.999, 2.0 * near + 0.3 * source.h_x), 6)


def softmax(source: Source, goal: Goal, rng: np.random.Generator) -> Mechanism:
    """Softmax channels by gradient from the ratio-greedy merges, then time sharing."""
    path = merge_path(source, "ratio_greedy")
    trained = _trained(source, path, _utilities(source, path, goal), rng, upper=goal.upper)
    return on_edge(source, [*path, *trained], goal)


def columns(source: Source, goal: Goal, rng: np.random.Generator) -> Mechanism:
    """Column generation on the linear programme over posteriors, from scratch."""
    return generate(source, np.empty((0, len(source.p_x))), goal, rng=rng)[0]


def auto(source: Source, goal: Goal, rng: np.random.Generator) -> Mechanism:
    """Merges, softmax channels from them, all posteriors into one linear programme, pricing."""
    path = merge_path(source, "ratio_greedy")
    trained = _trained(source, path, _utilities(source, path, goal), rng, upper=goal.upper)
    n = len(source.p_x)
    pool = np.vstack([posteriors_of(source, [*path, *trained]), np.eye(n), source.p_x[None, :]])
    if n > _PRICED:
        return best_mix(source, distinct(pool), goal)[0]
    # Warm pools can stall at a corner of the programme that a cold start never visits.
    cold = generate(source, np.empty((0, n)), goal, rng=rng)[2]
    return generate(source, np.vstack([pool, cold]), goal, rng=rng)[0]


SOLVERS: dict[str, Callable[[Source, Goal, np.random.Generator], Mechanism]] = {
    "auto": auto,
    "greedy": greedy,
    "ratio_greedy": ratio_greedy,
    "softmax": softmax,
    "columns": columns,
}


def solve(source: Source, goal: Goal, solver: str, rng: Any) -> Mechanism:
    """The mechanism of a named solver; corners of the region are answered at once."""
    if solver not in SOLVERS:
        raise ValueError(f"unknown solver {solver!r}; one of: {', '.join(SOLVERS)}")
    top = source.leak if goal.axis == "leakage" else source.h_x
    if goal.value >= top - 1e-12:
        return identity(source)
    if goal.axis == "utility" and goal.value <= 0.0:
        return erasure(source)
    return SOLVERS[solver](source, goal, np.random.default_rng(rng))
