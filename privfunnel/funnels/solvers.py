"""The solvers of the discrete funnel: from a pair and goals to the best mechanisms found.

Every solver returns points of the convex edge of what it found: time sharing is free.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from privfunnel.entropy import FloatArray
from privfunnel.estimate import Progress
from privfunnel.funnels.certificate import MOST_VALUES, proven
from privfunnel.funnels.iterations import (
    PRICES,
    bottleneck_channels,
    dc_channels,
    random_starts,
)
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
from privfunnel.funnels.perfect import is_exhaustive, silent_posteriors
from privfunnel.funnels.posteriors import (
    Goal,
    Prices,
    best_mix,
    distinct,
    posteriors_of,
    quietest_mix,
)
from privfunnel.funnels.pricing import finish, generate
from privfunnel.funnels.softmax import softmax_channels
from privfunnel.funnels.submodular import submodular_merges

# Above this many values of X, pricing by Adam finds too little for its time, and the search for
# whole subsets takes longer than everything else.
_PRICED = 40
# Rounds of programme -> iteration from its channels -> programme.
_ROUNDS = 5
# A proven distance to the optimum below this [nat] is good enough.
_PROOF = 1e-7
# Leakage that counts as none [nat].
_SILENT = 1e-12

Solver = Callable[[Source, Sequence[Goal], np.random.Generator, Progress], list[Mechanism]]


def on_edge(source: Source, mechanisms: list[Mechanism], goal: Goal) -> Mechanism:
    """The goal's point on the convex edge of some mechanisms, identity and erasure."""
    edge = hull([*mechanisms, identity(source), erasure(source)], upper=goal.upper)
    if goal.axis == "leakage":
        return at_leakage(source, edge, goal.value)
    return at_utility(source, edge, goal.value)


def _edge_solver(make: Callable[[Source, np.random.Generator], list[Mechanism]]) -> Solver:
    def solver(
        source: Source, goals: Sequence[Goal], rng: np.random.Generator, tell: Progress
    ) -> list[Mechanism]:
        found = make(source, rng)
        return [on_edge(source, found, goal) for goal in goals]

    return solver


def _dc(source: Source, rng: np.random.Generator) -> list[Mechanism]:
    path = merge_path(source, "ratio_greedy")
    return _iterated(source, path, rng, upper=False)


def _iterated(
    source: Source, path: list[Mechanism], rng: np.random.Generator, *, upper: bool
) -> list[Mechanism]:
    """Iterated channels for a range of prices, from random starts and from the best merges."""
    n = len(source.p_x)
    prices = np.array(PRICES)
    repeats = 2 if n > _PRICED else 4
    starts = random_starts(source, repeats * len(prices), rng)
    warm = [min(path, key=lambda m: m.leakage - p * m.utility) for p in prices]
    starts += _shaken([m.channel for m in warm], n + 1, 0.2, rng)
    run = bottleneck_channels if upper else dc_channels
    return [*path, *run(source, starts, np.append(np.repeat(prices, repeats), prices))]


def _shaken(
    channels: list[FloatArray], n_z: int, by: float, rng: np.random.Generator
) -> list[FloatArray]:
    result = []
    for channel in channels:
        padded = np.pad(channel, ((0, 0), (0, n_z - channel.shape[1])))
        result.append((1 - by) * padded + by * rng.dirichlet(np.full(n_z, 0.3), len(channel)))
    return result


def _softmax(
    source: Source, goals: Sequence[Goal], rng: np.random.Generator, tell: Progress
) -> list[Mechanism]:
    path = merge_path(source, "ratio_greedy")
    wanted = np.unique(np.concatenate([_utilities(source, path, goal) for goal in goals]))
    n_z = len(source.p_x) + 1
    starts: list[FloatArray] = []
    for utility in wanted:
        channel = min(path, key=lambda m: abs(m.utility - utility)).channel
        starts.append(np.pad(channel, ((0, 0), (0, n_z - channel.shape[1]))))
    trained = softmax_channels(source, wanted, starts, upper=goals[0].upper, rng=rng, progress=tell)
    return [on_edge(source, [*path, *trained], goal) for goal in goals]


def _utilities(source: Source, path: list[Mechanism], goal: Goal) -> FloatArray:
    # Around the goal: a leakage goal is met at an unknown utility, at least that of the merges.
    if goal.axis == "utility":
        near = goal.value
        return np.clip(np.array([0.5, 0.8, 1.0, 1.1, 1.3]) * near, 0.0, 0.999 * source.h_x)
    near = on_edge(source, path, goal).utility
    return np.linspace(near, min(source.h_x * 0.999, 2.0 * near + 0.3 * source.h_x), 6)


def _columns(
    source: Source, goals: Sequence[Goal], rng: np.random.Generator, tell: Progress
) -> list[Mechanism]:
    pool = silent_posteriors(source, rng)
    return [_priced(source, pool, goal, rng) for goal in goals]


def _priced(source: Source, pool: FloatArray, goal: Goal, rng: np.random.Generator) -> Mechanism:
    """Column generation at one goal, with a proof where X has few values."""
    best, prices, grown = generate(source, pool, goal, rng=rng)
    if len(source.p_x) > MOST_VALUES:
        return best
    best, certificate = proven(source, grown, goal, best, prices, tol=_PROOF)
    return dataclasses.replace(best, gap=certificate.gap)


def _auto(
    source: Source, goals: Sequence[Goal], rng: np.random.Generator, tell: Progress
) -> list[Mechanism]:
    n = len(source.p_x)
    if n <= MOST_VALUES:
        return _columns(source, goals, rng, tell)
    upper = goals[0].upper
    path = merge_path(source, "ratio_greedy")
    tell(0.05, "iterations from merges and random channels")
    found = _iterated(source, path, rng, upper=upper)
    if n <= _PRICED and not upper:
        found += submodular_merges(source, rng)
    pool = np.vstack([posteriors_of(source, found), np.eye(n), source.p_x[None, :]])
    if not upper:
        pool = np.vstack([pool, silent_posteriors(source, rng)])
    mixes, pool = _recombined(source, distinct(pool), goals, rng, tell)
    if n > _PRICED:
        return [mix for mix, _ in mixes]
    rounds = 8 if n <= 10 else 2
    for i, goal in enumerate(goals):
        tell(0.7 + 0.3 * i / len(goals), "pricing")
        best, prices, pool = generate(source, pool, goal, n_rounds=rounds, rng=rng)
        mixes[i] = best, prices
    # What one goal found can serve its neighbours.
    return [finish(source, pool, g, *best_mix(source, pool, g))[0] for g in goals]


def _recombined(
    source: Source,
    pool: FloatArray,
    goals: Sequence[Goal],
    rng: np.random.Generator,
    tell: Progress,
) -> tuple[list[tuple[Mechanism, Prices]], FloatArray]:
    """The programme's channels as starts of the iteration at the programme's own prices, again."""
    run = bottleneck_channels if goals[0].upper else dc_channels
    mixes = [best_mix(source, pool, goal) for goal in goals]
    for i in range(_ROUNDS):
        tell(0.3 + 0.4 * i / _ROUNDS, f"recombining, round {i + 1}")
        n_z = max(m.channel.shape[1] for m, _ in mixes) + 2
        prices = np.array([p.utility / p.leakage if p.leakage else 1.0 for _, p in mixes])
        starts = _shaken([m.channel for m, _ in mixes], n_z, 0.03, rng)
        columns = posteriors_of(source, run(source, starts, np.clip(prices, 0.01, 0.99)))
        pool = distinct(np.vstack([pool, columns]))
        before = [p.value for _, p in mixes]
        mixes = [best_mix(source, pool, goal) for goal in goals]
        if max(b - p.value for b, (_, p) in zip(before, mixes, strict=True)) < 1e-6:
            break
    return mixes, pool


SOLVERS: dict[str, Solver] = {
    "auto": _auto,
    "greedy": _edge_solver(lambda source, rng: merge_path(source, "greedy")),
    "ratio_greedy": _edge_solver(lambda source, rng: merge_path(source, "ratio_greedy")),
    "submodular": _edge_solver(submodular_merges),
    "dc": _edge_solver(_dc),
    "softmax": _softmax,
    "columns": _columns,
}


def solve_all(
    source: Source,
    goals: Sequence[Goal],
    solver: str,
    rng: Any,
    progress: Progress | None = None,
) -> list[Mechanism]:
    """The mechanism of a named solver for each goal; goals of one edge share what is found.

    Corners of the region, and a budget of 0 where all silent releases can be listed, are answered
    at once and exactly.
    """
    if solver not in SOLVERS:
        raise ValueError(f"unknown solver {solver!r}; one of: {', '.join(SOLVERS)}")
    generator = np.random.default_rng(rng)
    found = {goal: at for goal in goals if (at := _corner(source, goal, solver, generator))}
    left = [goal for goal in dict.fromkeys(goals) if goal not in found]
    if left:
        tell = progress or (lambda share, words: None)
        found |= zip(left, SOLVERS[solver](source, left, generator, tell), strict=True)
    return [found[goal] for goal in goals]


def solve(source: Source, goal: Goal, solver: str, rng: Any) -> Mechanism:
    """The mechanism of a named solver for one goal."""
    return solve_all(source, [goal], solver, rng)[0]


def _corner(source: Source, goal: Goal, solver: str, rng: np.random.Generator) -> Mechanism | None:
    top = source.leak if goal.axis == "leakage" else source.h_x
    if goal.value >= top - 1e-12:
        return dataclasses.replace(identity(source), gap=0.0)
    if goal.axis == "utility" and goal.value <= 0.0:
        return dataclasses.replace(erasure(source), gap=0.0)
    if goal.upper or solver not in ("auto", "columns"):
        return None
    if goal.axis == "leakage" and goal.value > _SILENT:
        return None
    silent = quietest_mix(source, silent_posteriors(source, rng))
    if goal.axis == "leakage":
        return dataclasses.replace(silent, gap=0.0 if is_exhaustive(source) else None)
    # Nothing leaks less than nothing.
    return dataclasses.replace(silent, gap=0.0) if silent.utility >= goal.value else None
