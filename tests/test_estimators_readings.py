"""Readings beyond the lower bound: SMILE, CLUB, strong and weak dependence, orders."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import ndtri

from privfunnel import estimate_mi
from privfunnel.datasets import bivariate_normal, mapped, sparse_normal, spiral
from privfunnel.estimators.bounds import Scores, donsker_varadhan, nwj_terms, score, smile_terms
from privfunnel.estimators.club import CONDITION
from privfunnel.estimators.critics import Build, Quadratic
from privfunnel.estimators.elliptical import GAUSSIAN, fit_elliptical, outwards, ranks
from privfunnel.estimators.folds import splits
from privfunnel.estimators.training import Schedule


def some_scores(spread: float = 1.0) -> Scores:
    rng = np.random.default_rng(0)
    return score(lambda i, j: rng.normal(scale=spread, size=np.shape(i)), np.arange(50))


def test_smile_is_donsker_varadhan_with_clipped_product_pairs() -> None:
    scores = some_scores(3.0)
    clipped = np.exp(np.clip(scores.product, -1.5, 1.5))
    expected = scores.joint.mean() - math.log(clipped.mean())
    assert smile_terms(scores, 1.5).mean() == pytest.approx(expected)
    # Without clipping it is the bound, and each term that of the bound at its best constant.
    constant = math.log(np.exp(scores.product).mean())
    assert smile_terms(scores, 50.0).mean() == pytest.approx(donsker_varadhan(scores))
    np.testing.assert_allclose(smile_terms(scores, 50.0), nwj_terms(scores, constant))


def test_scores_are_cut_off_from_above() -> None:
    scores = some_scores()
    cut = scores.below(0.5)
    assert cut.joint.max() <= 0.5
    np.testing.assert_array_equal(cut.product, np.minimum(scores.product, 0.5))


def test_smile_aims_at_the_value_and_says_so() -> None:
    task = bivariate_normal(0.8)
    e = estimate_mi(*task.sample(700, 0), method="smile", rng=0, base=math.e, steps=60)
    assert (e.method, e.bound) == ("smile", "point")
    assert e.details["critics"] == ["hybrid:smile"] * 4
    assert e.value == pytest.approx(task.nats, abs=0.15)
    with pytest.raises(ValueError, match="reading must be 'bound' or 'smile', not 'sum'"):
        estimate_mi(*task.sample(100, 0), method="neural", reading="sum")


def test_club_is_close_for_normal_laws_and_claims_nothing() -> None:
    task = bivariate_normal(0.7)
    e = estimate_mi(*task.sample(1000, 0), method="club", rng=0, base=math.e, steps=150)
    assert (e.method, e.bound) == ("club", "upper")
    assert e.details["condition"] == CONDITION
    # For a normal law CLUB is E_joint - E_product of the log density: rho^2 / (1 - rho^2).
    assert e.value == pytest.approx(0.49 / 0.51, rel=0.25)
    assert e.value > task.nats
    assert estimate_mi(np.arange(9.0), np.arange(9.0) ** 2, method="club").upper == math.inf


def test_a_network_named_twice_is_trained_twice() -> None:
    x, y = sparse_normal(2, 2, 1, 0.7).sample(200, 0)
    seen: list[str] = []
    estimate_mi(
        x,
        y,
        method="neural",
        rng=0,
        steps=10,
        start="gaussian",
        critics=("joint:js", "joint:js"),
        watch=lambda name, record: seen.append(name),
    )
    assert seen == ["joint:js", "joint:js"]


def test_a_quadratic_critic_is_the_form_it_names() -> None:
    build = Build(2, 3, 2, axes=1, width=4, embedding=2, generator=torch.Generator())
    network = Quadratic(build)
    rng = torch.Generator().manual_seed(0)
    for weight in network.parameters():
        torch.nn.init.normal_(weight, generator=rng)
    x, y = torch.randn(2, 5, 3, generator=rng), torch.randn(2, 5, 2, generator=rng)
    u, v = network.encode(x, y)
    expected = (
        torch.einsum("fmi,fij,fmj->fm", x, network.a, x)
        + torch.einsum("fmi,fij,fmj->fm", y, network.b, y)
        + torch.einsum("fmi,fij,fmj->fm", x, network.c, y)
    )
    torch.testing.assert_close(network.score(u, v), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        network.matrix(u, v).diagonal(dim1=1, dim2=2), expected, rtol=1e-4, atol=1e-5
    )


def test_a_quadratic_critic_learns_a_gaussian_copula() -> None:
    task = bivariate_normal(0.8)
    e = estimate_mi(
        *task.sample(1000, 0),
        method="neural",
        critics=("quadratic:nwj",),
        start="nothing",
        steps=150,
        rng=0,
        base=math.e,
    )
    assert e.lower < task.nats
    assert e.value == pytest.approx(task.nats, abs=0.12)


def test_training_that_gains_nothing_ends_by_half() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 300, 2))
    steps: list[int] = []
    estimate_mi(
        x,
        y,
        method="neural",
        critics=("hybrid:nwj",),
        rng=0,
        steps=100,
        watch=lambda name, record: steps.append(record.step),
    )
    assert steps == [50]
    assert Schedule().give_up == 0.5


def test_columns_times_powers_of_the_distance() -> None:
    shares = np.random.default_rng(0).random((60, 2))
    rows = np.arange(40)
    assert outwards(shares, rows, 0) is shares
    wide = outwards(shares, rows, 2)
    scores = ndtri(shares)
    distance = ((scores**2).sum(1, keepdims=True) - 2) / 2
    raw = np.hstack([scores * distance, scores * (distance**2 - 1)])
    np.testing.assert_array_equal(wide[:, :2], shares)
    np.testing.assert_allclose(wide[:, 2:], ranks(raw[rows], raw))


def test_a_dependence_that_turns_outwards_is_read_in_closed_form() -> None:
    task = mapped(sparse_normal(5, 5), "spiral", spiral(0, 0.2), spiral(1, 0.2))
    x, y = task.sample(2000, 1)
    parts = next(splits(2000, 4, np.random.default_rng(0)))
    shares = [ranks(side[parts[0]], side) for side in (x, y)]
    forms = fit_elliptical(*shares, parts)
    assert [form.order for form in forms] == list(range(len(forms)))
    assert len(forms) > 1
    assert f"order {forms[-1].order}" in forms[-1].name
    plain = fit_elliptical(*shares, parts, degrees=(GAUSSIAN,), max_order=0)
    assert [(form.order, form.dof) for form in plain] == [(0, GAUSSIAN)]
    e = estimate_mi(x, y, method="elliptical", rng=0, base=math.e)
    assert 0.65 < e.value < task.nats


def test_no_lower_bound_beyond_what_pairs_can_prove() -> None:
    task = sparse_normal(6, 6, 6, 0.99)
    x, y = task.sample(800, 0)
    e = estimate_mi(x, y, method="elliptical", rng=0, base=math.e)
    # 24 pairs for each of 120 validation rows.
    assert e.value < math.log(24 * 120) + 1.5 < task.nats
    assert e.details["fitted"] == pytest.approx(task.nats, rel=0.1)
    point = estimate_mi(x[:250], y[:250], rng=0, base=math.e)
    assert point.lower < task.nats
    assert point.value > e.value
    assert "at its word" in point.details["why"]


def test_weak_dependence_is_read_with_more_neighbours() -> None:
    errors = []
    for seed in range(4):
        x, y = np.random.default_rng(seed).normal(size=(2, 1000))
        e = estimate_mi(x, y, rng=0, base=math.e)
        assert "as it is weak" in e.details["why"]
        errors.append(abs(e.details["raw"]))
    assert np.mean(errors) < 0.02
    strong = estimate_mi(*bivariate_normal(0.8).sample(1000, 0), rng=0)
    assert "weak" not in strong.details["why"]


def test_a_zero_inflated_column_goes_to_the_estimator_for_mixtures() -> None:
    rng = np.random.default_rng(0)
    s = rng.integers(0, 2, 3000)
    zero = rng.random(3000) < np.where(s == 1, 0.8, 0.2)
    z = np.where(zero, 0.0, rng.exponential(size=3000))
    e = estimate_mi(s, z, rng=0, base=math.e)
    # Only whether z is 0 depends on s: ln 2 - h(0.2).
    truth = math.log(2) + 0.2 * math.log(0.2) + 0.8 * math.log(0.8)
    assert e.method == "mixed_ksg"
    assert e.value == pytest.approx(truth, abs=0.03)
