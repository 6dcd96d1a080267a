"""DiscreteFunnel against closed forms and the exact linear programme of small tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privfunnel.entropy import mutual_information
from privfunnel.funnels.discrete import DiscreteFunnel
from privfunnel.funnels.mechanisms import Source
from privfunnel.funnels.merging import merge_path
from privfunnel.funnels.solvers import SOLVERS

LITERATURE = np.array([[0.9, 0.08, 0.4], [0.025, 0.82, 0.05], [0.075, 0.1, 0.55]]) / 3


def h(p: float | np.ndarray) -> np.ndarray:
    p = np.clip(p, 1e-300, 1.0)
    q = np.clip(1.0 - p, 1e-300, 1.0)
    return -(p * np.log(p) + q * np.log(q))


def bsc(delta: float, p: float = 0.5) -> np.ndarray:
    """joint[s, x] of X ~ Bern(p) seen through a binary symmetric channel."""
    channel = np.array([[1 - delta, delta], [delta, 1 - delta]])
    return channel * np.array([1 - p, p])


def nats(joint: np.ndarray, utility: float, solver: str = "auto") -> float:
    funnel = DiscreteFunnel(utility=utility, solver=solver, base=math.e, rng=0).fit(joint)
    return funnel.leakage.value


@pytest.mark.parametrize(
    ("share", "best"),
    [(0.2, 0.03984), (0.4, 0.08061), (0.6, 0.17532), (0.8, 0.31381), (0.95, 0.41903)],
)
def test_literature_table(share: float, best: float) -> None:
    assert nats(LITERATURE, share * math.log(3)) == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize("delta", [0.05, 0.2, 0.4])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_uniform_bsc(delta: float, share: float) -> None:
    r = share * math.log(2)
    exact = r * (math.log(2) - h(delta)) / math.log(2)
    assert nats(bsc(delta), r) == pytest.approx(float(exact), abs=1e-9)


@pytest.mark.parametrize("p", [0.1, 0.3, 0.45])
@pytest.mark.parametrize("a", [0.15, 0.4, 0.8, 0.97])
def test_bernoulli_bsc(p: float, a: float) -> None:
    delta = 0.15

    def star(x: float) -> float:
        return x * (1 - delta) + delta * (1 - x)

    zeta = max(a, 2 * p)
    r = float(h(p) - a * h(p / zeta))
    exact = float(h(star(p)) - a * h(star(p / zeta)) - (1 - a) * h(delta))
    assert nats(bsc(delta, p), r) == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
def test_erasure_channel_is_exact_for_every_mechanism(solver: str) -> None:
    e, p_x = 0.3, np.array([0.2, 0.3, 0.5])
    joint = np.vstack([np.diag((1 - e) * p_x), e * p_x])
    funnel = DiscreteFunnel(utility=0.6, solver=solver, rng=0).fit(joint)
    assert funnel.leakage.value == pytest.approx((1 - e) * funnel.utility.value, abs=1e-9)


@pytest.mark.parametrize("r", [0.4, 0.9, 1.4])
def test_independent_part_is_released_first(r: float) -> None:
    p_s, p_u = np.array([0.4, 0.6]), np.array([0.5, 0.3, 0.2])
    joint = np.zeros((2, 6))
    for s in range(2):
        joint[s, 3 * s : 3 * s + 3] = p_s[s] * p_u
    exact = max(0.0, r - float(-(p_u * np.log(p_u)).sum()))
    assert nats(joint, r) == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_keeps_its_goal_and_beats_erasure(solver: str) -> None:
    joint = np.random.default_rng(4).dirichlet(np.full(30, 0.4)).reshape(5, 6)
    h_x = -(joint.sum(0) * np.log2(joint.sum(0))).sum()
    kept = DiscreteFunnel(utility=0.5 * h_x, solver=solver, rng=0).fit(joint)
    assert kept.utility.value == pytest.approx(0.5 * h_x, abs=1e-6)
    assert kept.leakage.value <= 0.5 * mutual_information(joint) + 1e-9
    held = DiscreteFunnel(budget=0.2, solver=solver, rng=0).fit(joint)
    assert held.leakage.value <= 0.2 + 1e-9
    assert held.utility.value >= 0.2 / mutual_information(joint) * h_x - 1e-9


@pytest.mark.parametrize("solver", SOLVERS)
def test_reported_numbers_are_those_of_the_channel(solver: str) -> None:
    funnel = DiscreteFunnel(budget=0.1, solver=solver, rng=1).fit(LITERATURE)
    p_x = LITERATURE.sum(axis=0)
    assert np.allclose(funnel.channel.sum(axis=1), 1.0)
    assert len(funnel.letters) == funnel.channel.shape[1]
    released = LITERATURE @ funnel.channel
    assert funnel.leakage.value == pytest.approx(mutual_information(released), abs=1e-9)
    kept = p_x[:, None] * funnel.channel
    assert funnel.utility.value == pytest.approx(mutual_information(kept), abs=1e-9)


def test_funnel_lies_below_the_bottleneck() -> None:
    funnel = DiscreteFunnel(utility=0.6, rng=0).fit(LITERATURE)
    upper = funnel.bottleneck().value
    assert funnel.leakage.value < upper <= mutual_information(LITERATURE)


@settings(deadline=None, max_examples=15)
@given(st.integers(2, 4), st.integers(2, 4), st.integers(0, 10_000), st.floats(0.05, 0.95))
def test_between_the_known_bounds(n_s: int, n_x: int, seed: int, share: float) -> None:
    joint = np.random.default_rng(seed).dirichlet(np.full(n_s * n_x, 0.7)).reshape(n_s, n_x)
    p_x = joint.sum(axis=0)
    h_x = float(-(p_x * np.log(p_x)).sum())
    leak = mutual_information(joint, math.e)
    r = share * h_x
    found = nats(joint, r, "columns")
    assert max(0.0, r - (h_x - leak)) - 1e-7 <= found <= share * leak + 1e-7


def test_published_greedy_respects_its_floor() -> None:
    source = Source(np.random.default_rng(0).dirichlet(np.full(64, 0.3)).reshape(8, 8))
    for share in (0.25, 0.5, 0.75):
        last = merge_path(source, "greedy", floor=share * source.h_x)[-1]
        assert last.utility >= share * source.h_x - 1e-9
        assert last.channel.max() == 1.0


def test_ratio_greedy_beats_greedy_on_a_sparse_table() -> None:
    rng = np.random.default_rng(3)
    joint = rng.dirichlet(np.full(60, 0.1), 60).T * rng.dirichlet(np.full(60, 2.0))
    r = 0.5 * float(-(joint.sum(0) * np.log(joint.sum(0))).sum())
    assert nats(joint, r, "ratio_greedy") < 0.6 * nats(joint, r, "greedy")


def test_samples_and_transform() -> None:
    rng = np.random.default_rng(0)
    s = rng.integers(0, 2, 20_000)
    u = rng.integers(0, 2, 20_000)
    x = np.array(["a", "b", "c", "d"])[2 * s + u]
    funnel = DiscreteFunnel(budget=0.05, rng=0).fit(s, x)
    assert funnel.leakage.n == 20_000
    assert list(funnel.levels) == ["a", "b", "c", "d"]
    z = funnel.transform(x, rng=1)
    counts = np.zeros((2, z.max() + 1))
    np.add.at(counts, (s, z), 1.0)
    assert mutual_information(counts / counts.sum()) == pytest.approx(0.05, abs=0.01)
    assert np.array_equal(z, funnel.transform(x, rng=1))
    assert not np.array_equal(z, funnel.transform(x, rng=2))
    assert np.array_equal(DiscreteFunnel(budget=0.05, rng=0).fit((s, x)).channel, funnel.channel)
    with pytest.raises(ValueError, match="'z', a value the funnel was not fitted on"):
        funnel.transform(["a", "z"])


@pytest.mark.parametrize("joint", [np.ones((2, 1)) / 2, np.diag([0.5, 0.5])])
def test_constant_x_and_s_equal_to_x(joint: np.ndarray) -> None:
    funnel = DiscreteFunnel(budget=0.0, rng=0).fit(joint)
    assert funnel.leakage.value == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("joint", "message"),
    [
        ([[0.5, 0.4]], "sums to 0.9"),
        ([[0.5, 0.6, -0.1]], "negative"),
        ([[0.5, 0.5], [0.0, 0.0]], "empty row"),
        ([[0.5, 0.0], [0.5, 0.0]], "empty column"),
        ([[float("nan"), 1.0]], "NaN"),
    ],
)
def test_bad_tables(joint: list[list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DiscreteFunnel(budget=0.0).fit(joint)


def test_bad_goals() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        DiscreteFunnel()
    with pytest.raises(ValueError, match=r"all there is to know about the sensitive"):
        DiscreteFunnel(budget=1.7).fit(LITERATURE)
    with pytest.raises(ValueError, match=r"budget is -0.1"):
        DiscreteFunnel(budget=-0.1).fit(LITERATURE)
    with pytest.raises(ValueError, match=r"utility is 2"):
        DiscreteFunnel(utility=2.0).fit(LITERATURE)
    with pytest.raises(ValueError, match="unknown solver 'magic'"):
        DiscreteFunnel(budget=0.1, solver="magic").fit(LITERATURE)
    with pytest.raises(RuntimeError, match="not fitted yet"):
        DiscreteFunnel(budget=0.1).transform([0])


@pytest.mark.parametrize(("share", "best"), [(0.25, 0.01646), (0.5, 0.20646), (0.75, 0.52711)])
def test_a_sparse_table_of_eight_values_comes_within_one_per_cent_of_the_best_known(
    share: float, best: float
) -> None:
    """`best`: column generation from 400 random posteriors, priced for 130 s, for this table."""
    rng = np.random.default_rng(8000)
    rows = rng.dirichlet(np.full(8, 0.1), 8).T * rng.dirichlet(np.full(8, 2.0))
    joint = rows / rows.sum()
    p = joint.sum(axis=0)
    assert nats(joint, -share * float(p @ np.log(p))) <= 1.01 * best
