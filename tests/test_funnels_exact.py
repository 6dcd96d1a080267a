"""The exact side of DiscreteFunnel: proofs, silent releases, iterations, subsets, bug reports."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from privfunnel.entropy import entropy, mutual_information
from privfunnel.funnels.certificate import certify
from privfunnel.funnels.discrete import DiscreteFunnel
from privfunnel.funnels.iterations import bottleneck_channels, dc_channels, random_starts
from privfunnel.funnels.mechanisms import Source, merged
from privfunnel.funnels.perfect import is_exhaustive, silent_posteriors
from privfunnel.funnels.posteriors import Goal, Prices, best_mix
from privfunnel.funnels.solvers import solve, solve_all
from privfunnel.funnels.submodular import merge_value, submodular_merges
from privfunnel.tables import read_table

ROOT = Path(__file__).resolve().parent.parent


def table(n_s: int, n_x: int, seed: int, alpha: float = 0.5) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(n_s * n_x, alpha)).reshape(n_s, n_x)


def grid_posteriors(n: int, steps: int) -> np.ndarray:
    cells = itertools.product(range(steps + 1), repeat=n - 1)
    rest = np.array([c for c in cells if sum(c) <= steps])
    return np.column_stack([rest, steps - rest.sum(axis=1)]) / steps


def grid_optimum(source: Source, utility: float, steps: int) -> float:
    """The programme over all posteriors of a grid: above the optimum, close to it."""
    q = np.vstack([grid_posteriors(len(source.p_x), steps), source.p_x])
    solved = linprog(
        source.leaked(q),
        A_eq=q.T,
        b_eq=source.p_x,
        A_ub=-source.kept(q)[None, :],
        b_ub=[-utility],
    )
    return float(solved.fun)


@pytest.mark.parametrize(("n_s", "n_x", "steps"), [(2, 2, 4000), (3, 3, 90), (2, 4, 24)])
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_proofs_lie_below_the_grid(n_s: int, n_x: int, steps: int, share: float) -> None:
    source = Source(table(n_s, n_x, seed=n_x))
    utility = share * source.h_x
    found = solve(source, Goal("utility", utility), "auto", 0)
    on_grid = grid_optimum(source, utility, steps)
    assert found.gap is not None
    assert found.gap <= 1e-6
    assert found.leakage <= on_grid + 1e-9
    assert found.leakage - found.gap >= on_grid - 30.0 / steps**2


@settings(deadline=None, max_examples=8)
@given(st.integers(2, 4), st.integers(2, 4), st.integers(0, 10_000), st.floats(0.05, 0.95))
def test_every_edge_of_a_small_table_is_proven(n_s: int, n_x: int, seed: int, share: float) -> None:
    source = Source(table(n_s, n_x, seed))
    lower = solve(source, Goal("utility", share * source.h_x), "auto", 0)
    budget = solve(source, Goal("leakage", share * source.leak), "auto", 0)
    for found in (lower, budget):
        assert found.gap is not None
        assert found.gap <= 1e-4
    assert budget.leakage <= share * source.leak + 1e-9
    assert lower.utility >= share * source.h_x - 1e-9


def test_a_bad_price_is_found_out() -> None:
    source = Source(table(3, 3, 1))
    prices = Prices(np.zeros(3), 1.0, 0.9, 0.0)
    corners = source.leaked(np.eye(3)) - 0.9 * source.kept(np.eye(3))
    worst, _, columns = certify(source, prices, tol=1e-6)
    assert worst >= -corners.min()
    assert len(columns)
    assert (prices.reduced_cost(source, columns) < -1e-6).all()


def test_certificate_reaches_the_caller() -> None:
    joint = table(3, 3, 5)
    kept = DiscreteFunnel(utility=0.5, rng=0).fit(joint)
    assert kept.gap is not None
    assert kept.leakage.details == {"certificate": kept.gap}
    assert kept.utility.details == {}
    held = DiscreteFunnel(budget=0.05, rng=0).fit(joint)
    assert held.utility.details == {"certificate": held.gap}
    assert DiscreteFunnel(budget=0.05, solver="greedy").fit(joint).gap is None
    assert DiscreteFunnel(budget=0.05, rng=0).fit(table(3, 6, 0)).gap is None


@pytest.mark.parametrize("n_x", [3, 5, 9])
def test_silent_posteriors_tell_nothing_and_mix_to_x(n_x: int) -> None:
    source = Source(table(2, n_x, n_x))
    q = silent_posteriors(source, np.random.default_rng(0))
    assert is_exhaustive(source)
    assert np.abs(source.leaked(q)).max() < 1e-12
    funnel = DiscreteFunnel(budget=0.0).fit(source.joint)
    assert funnel.leakage.value < 1e-12
    assert funnel.gap == 0.0
    assert funnel.utility.value > 0.1


def test_silent_utility_of_a_pair_is_the_largest_there_is() -> None:
    # Two values of X for each value of S: the second bit of X is free of S.
    p_s, p_u = np.array([0.3, 0.7]), np.array([0.5, 0.5])
    joint = np.zeros((2, 4))
    joint[0, :2], joint[1, 2:] = p_s[0] * p_u, p_s[1] * p_u
    assert DiscreteFunnel(budget=0.0).fit(joint).utility.value == pytest.approx(1.0, abs=1e-9)


def test_all_silent_sets_or_a_sample() -> None:
    source = Source(table(12, 40, 0, alpha=2.0))
    assert not is_exhaustive(source)
    q = silent_posteriors(source, np.random.default_rng(0))
    assert np.allclose(q[0], source.p_x)
    assert DiscreteFunnel(budget=0.0, rng=0).fit(source.joint).gap is None


def objective(source: Source, channel: np.ndarray, price: float) -> float:
    joint = source.joint @ channel
    kept = source.p_x[:, None] * channel
    return mutual_information(joint, math.e) - price * mutual_information(kept, math.e)


@pytest.mark.parametrize("upper", [False, True])
def test_iterations_never_make_their_objective_worse(upper: bool) -> None:
    source = Source(table(4, 5, 2))
    starts = random_starts(source, 6, np.random.default_rng(0))
    prices = np.array([0.1, 0.3, 0.5, 0.7, 0.8, 0.9])
    run = bottleneck_channels if upper else dc_channels
    sign = -1.0 if upper else 1.0
    before = None
    for n_iter in (1, 3, 10, 100):
        channels = [m.channel for m in run(source, starts, prices, n_iter=n_iter)]
        after = np.array(
            [sign * objective(source, c, p) for c, p in zip(channels, prices, strict=True)]
        )
        if before is not None:
            assert (after <= before + 1e-6).all()
        before = after


def test_subsets_change_the_objective_as_promised() -> None:
    source = Source(table(3, 6, 1))
    members = np.array([True, False, True, True, False, False])
    together = merged(source, np.array([0, 1, 0, 0, 2, 3]), "merged")
    promised = merge_value(source.joint, members, 0.6)
    exact = (together.leakage - source.leak) - 0.6 * (together.utility - source.h_x)
    assert promised == pytest.approx(exact, abs=1e-12)


def test_submodular_merging_finds_equal_values_at_once() -> None:
    # Values 0 to 3 say the same about S, values 4 to 7 as well: merging them costs no leakage.
    rows = np.repeat([[0.9, 0.1], [0.2, 0.8]], 4, axis=0)
    source = Source((rows / 8).T)
    found = submodular_merges(source, np.random.default_rng(0), prices=(0.05,))
    assert min(m.leakage for m in found) == pytest.approx(0.0, abs=1e-12)
    joint = table(6, 8, 3)
    every = submodular_merges(Source(joint), np.random.default_rng(0))
    assert all(m.channel.max(axis=1).min() == 1.0 for m in every)


def test_goals_solved_together_are_no_worse_than_alone() -> None:
    source = Source(table(5, 7, 0))
    goals = [Goal("utility", share * source.h_x) for share in (0.3, 0.6)]
    together = solve_all(source, goals, "auto", 0)
    for goal, found in zip(goals, together, strict=True):
        assert found.leakage <= solve(source, goal, "auto", 0).leakage + 1e-4
    leaks = [m.leakage for m in solve_all(source, goals, "ratio_greedy", 0)]
    assert all(m.leakage <= leak for m, leak in zip(together, leaks, strict=True))


def anes(secret: str, shown: str) -> tuple[np.ndarray, np.ndarray]:
    people = read_table(ROOT / "data" / "anes96.csv")
    return people[secret].values, people[shown].values


def test_the_upper_edge_of_a_real_table_is_concave() -> None:
    s, x = anes("vote", "party")
    h_x = entropy(np.bincount(np.unique(x, return_inverse=True)[1]) / len(x))
    codes = np.unique(s, return_inverse=True)[1], np.unique(x, return_inverse=True)[1]
    joint = np.zeros((2, 7))
    np.add.at(joint, codes, 1.0 / len(x))
    source = Source(joint)
    goals = [Goal("utility", u * math.log(2), True) for u in np.linspace(0, h_x, 6)]
    upper = [m.leakage for m in solve_all(source, goals, "auto", 0)]
    assert (np.diff(upper) >= -1e-9).all()
    assert (np.diff(upper, 2) <= 1e-6).all()


def test_budget_zero_on_a_degenerate_table() -> None:
    funnel = DiscreteFunnel(budget=0.0, rng=0).fit(*anes("vote", "income"))
    assert funnel.leakage.value < 1e-12
    assert funnel.utility.value > 3.0
    nearly = DiscreteFunnel(budget=1e-6, solver="columns", rng=0).fit(*anes("vote", "education"))
    assert nearly.leakage.value <= 1e-6 + 1e-9


def test_the_programme_has_a_second_way(monkeypatch: pytest.MonkeyPatch) -> None:
    from privfunnel.funnels import posteriors

    source = Source(table(3, 4, 8))
    pool = np.vstack([grid_posteriors(4, 6), source.p_x])
    goals = [Goal("utility", 0.5), Goal("leakage", 0.05), Goal("utility", 0.5, upper=True)]
    straight = [best_mix(source, pool, goal) for goal in goals]
    whole = posteriors._programme

    def refuse_limits(objective, a_eq, b_eq, a_ub, b_ub):  # type: ignore[no-untyped-def]
        return None if a_ub is not None else whole(objective, a_eq, b_eq, None, 0.0)

    monkeypatch.setattr(posteriors, "_programme", refuse_limits)
    for goal, (made, prices) in zip(goals, straight, strict=True):
        other, theirs = best_mix(source, pool, goal)
        assert other.leakage == pytest.approx(made.leakage, abs=1e-7)
        assert other.utility == pytest.approx(made.utility, abs=1e-7)
        assert theirs.value == pytest.approx(prices.value, abs=1e-6)


@pytest.mark.parametrize("joint", [np.ones((1, 4)) / 4, np.ones((3, 1)) / 3, np.ones((1, 1))])
def test_one_class_and_one_value(joint: np.ndarray) -> None:
    funnel = DiscreteFunnel(budget=0.0, rng=0).fit(joint)
    assert funnel.leakage.value == 0.0
    assert funnel.utility.value == pytest.approx(entropy(joint.sum(axis=0)), abs=1e-9)


def test_twenty_rows_and_missing_values() -> None:
    rng = np.random.default_rng(0)
    funnel = DiscreteFunnel(budget=0.1, rng=0).fit(rng.integers(0, 2, 20), rng.integers(0, 4, 20))
    assert funnel.leakage.value <= 0.1 + 1e-9
    with pytest.raises(ValueError, match="x holds NaN: give missing values a level"):
        DiscreteFunnel(budget=0.1).fit([0, 1], [0.5, float("nan")])
