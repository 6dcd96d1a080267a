"""Critics, objectives, the training loop and the readings on people nobody saw."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import ndtri
from scipy.stats import multivariate_normal, multivariate_t, norm
from scipy.stats import t as student_t

from privfunnel import estimate_mi
from privfunnel.datasets import (
    bivariate_normal,
    half_cube,
    mapped,
    sparse_normal,
    spiral,
    student,
)
from privfunnel.estimators.bounds import (
    Scores,
    donsker_varadhan,
    held_out,
    log_mean_exp,
    nwj_terms,
    read_fold,
    score,
)
from privfunnel.estimators.critics import CRITICS, Build, Separable
from privfunnel.estimators.elliptical import _critic, canonical, fit_elliptical, ranks
from privfunnel.estimators.folds import splits
from privfunnel.estimators.objectives import OBJECTIVES, Batch, make_objective
from privfunnel.estimators.training import Sample, Schedule, one_thread, only, pair_scores, train


@pytest.mark.parametrize(("n", "folds"), [(12, 4), (41, 4), (100, 3), (1003, 5)])
def test_splits_hold_everybody_out_once(n: int, folds: int) -> None:
    parts = list(splits(n, folds, np.random.default_rng(0)))
    assert sorted(np.concatenate([test for _, _, test in parts])) == list(range(n))
    for train_rows, aside, test in parts:
        assert not set(train_rows) & set(aside)
        assert not set(test) & (set(train_rows) | set(aside))
    assert len({(len(a), len(b)) for a, b, _ in parts}) == 1


def test_too_many_folds() -> None:
    with pytest.raises(ValueError, match="folds must lie between 2 and a third of the 9 rows"):
        list(splits(9, 4, np.random.default_rng(0)))


@pytest.mark.parametrize("dof", [1.0, 4.0, 1e4])
def test_the_closed_form_is_the_ratio_of_densities(dof: float) -> None:
    # Canonical variates, so the dispersion is the identity with correlations across.
    correlations, d_x, d_y = np.array([0.8, 0.3]), 2, 3
    sigma = np.eye(5)
    for i, r in enumerate(correlations):
        sigma[i, d_x + i] = sigma[d_x + i, i] = r
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, d_x)), rng.normal(size=(6, d_y))
    rows = np.arange(6)
    found = _critic(x, y, correlations, dof).pairs(rows, rows)
    if dof == 1e4:
        log_p = multivariate_normal(np.zeros(5), sigma).logpdf(np.hstack([x, y]))
        margins = norm.logpdf(x).sum(1) + norm.logpdf(y).sum(1)
    else:
        log_p = multivariate_t(np.zeros(5), sigma, df=dof).logpdf(np.hstack([x, y]))
        margins = sum(multivariate_t(np.zeros(z.shape[1]), df=dof).logpdf(z) for z in (x, y))
    np.testing.assert_allclose(found, log_p - margins, atol=5e-3 if dof == 1e4 else 1e-9)


def test_canonical_variates_are_white_and_paired() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 4)) @ rng.normal(size=(4, 4))
    y = x[:, :2] @ rng.normal(size=(2, 3)) + rng.normal(size=(400, 3))
    a, b, r = canonical(x, y)
    u, v = x @ a, y @ b
    np.testing.assert_allclose(np.cov(u.T), np.eye(4), atol=1e-8)
    np.testing.assert_allclose(np.cov(v.T), np.eye(3), atol=1e-8)
    cross = np.cov(np.hstack([u, v]).T)[:4, 4:]
    np.testing.assert_allclose(np.diag(cross), r, atol=1e-8)
    assert (np.diff(r) <= 1e-12).all()


def test_a_column_given_twice_changes_little() -> None:
    x, y = bivariate_normal(0.8).sample(800, 0)
    once = estimate_mi(x, y, method="elliptical", rng=0).value
    twice = estimate_mi(np.hstack([x, x]), y, method="elliptical", rng=0).value
    assert twice == pytest.approx(once, abs=0.05)


def test_ranks_stay_inside_and_follow_the_training_rows() -> None:
    train_rows = np.array([[1.0], [2.0], [2.0], [5.0]])
    got = ranks(train_rows, np.array([[-9.0], [1.0], [2.0], [3.0], [99.0]]))[:, 0]
    np.testing.assert_allclose(got, [0.1, 0.2, 0.5, 0.7, 0.9])
    assert np.isfinite(ndtri(got)).all()


def test_scores_pair_everyone_with_themselves_and_with_others() -> None:
    rows = np.array([7, 3, 5, 11])
    got = score(lambda i, j: 100.0 * i + j, rows)
    np.testing.assert_array_equal(got.joint, [707, 303, 505, 1111])
    assert got.product.shape == (3, 4)
    i, j = np.divmod(got.product.astype(int), 100)
    np.testing.assert_array_equal(i, np.tile(rows, (3, 1)))
    assert not (i == j).any()
    np.testing.assert_array_equal(np.sort(j, axis=0)[:, 0], [3, 5, 11])


def test_terms_average_to_the_bound() -> None:
    rng = np.random.default_rng(0)
    scores = score(lambda i, j: rng.normal(size=np.shape(i)), np.arange(40))
    expected = scores.joint.mean() - 0.3 - np.exp(scores.product - 0.3).mean() + 1
    assert nwj_terms(scores, 0.3).mean() == pytest.approx(expected)
    assert log_mean_exp(np.array([1e4, 1e4])) == pytest.approx(1e4)


def test_no_constant_reads_more_than_the_best_one() -> None:
    rng = np.random.default_rng(0)
    scores = Scores(rng.normal(size=30), rng.normal(size=(5, 30)), np.arange(1, 6))
    best = donsker_varadhan(scores)
    readings = [nwj_terms(scores, c).mean() for c in np.linspace(-1, 2, 31)]
    assert max(readings) <= best + 1e-12
    assert nwj_terms(scores, log_mean_exp(scores.product)).mean() == pytest.approx(best)


def test_the_true_critic_is_unbiased_with_honest_errors() -> None:
    # Read the exact log ratio of a bivariate normal many times over.
    task, rho = bivariate_normal(0.7), 0.7

    def ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        left = 1 - rho**2
        return -0.5 * math.log(left) + (2 * rho * a * b - rho**2 * (a**2 + b**2)) / (2 * left)

    readings, errors = [], []
    for seed in range(300):
        x, y = (z[:, 0] for z in task.sample(120, seed))
        terms = nwj_terms(score(lambda i, j, x=x, y=y: ratio(x[i], y[j]), np.arange(120)), 0.0)
        readings.append(terms.mean())
        errors.append(terms.std(ddof=1) / math.sqrt(120))
    spread = np.std(readings)
    assert np.mean(readings) == pytest.approx(task.nats, abs=4 * spread / math.sqrt(300))
    assert np.mean(errors) == pytest.approx(spread, rel=0.2)


def test_critics_that_learnt_nothing_are_not_read() -> None:
    parts = next(splits(60, 3, np.random.default_rng(0)))
    reading = read_fold({"contrary": lambda i, j: np.where(i == j, -1.0, 1.0)}, parts)
    assert reading.critic == "none"
    assert not reading.terms.any()
    e = held_out([reading] * 3, method="test", confidence=0.95)
    assert (e.value, e.lower) == (0, 0)
    assert e.upper == e.details["least_detectable"] > 0


def batch_of(shape: str) -> tuple[Batch, np.ndarray]:
    square = np.random.default_rng(0).normal(size=(2, 5, 5))
    if shape == "square":
        full = torch.tensor(square)
        return Batch(full.diagonal(dim1=1, dim2=2), square=full), square
    # The same scores by shifts: row k of the table is x_i with y_(i + steps[k]).
    steps = (0, 3, 1, 4, 2)
    i = np.arange(5)
    table = torch.tensor(np.stack([square[:, i, (i + k) % 5] for k in steps], 1))
    return Batch(table[:, 0], table=table, steps=steps), square


@pytest.mark.parametrize("shape", ["square", "table"])
def test_objectives_by_definition(shape: str) -> None:
    batch, t = batch_of(shape)
    joint, apart = np.diagonal(t, axis1=1, axis2=2), ~np.eye(5, dtype=bool)
    others = t[:, apart]
    expected = {
        "nwj": np.exp(others).mean(1) - joint.mean(1),
        "dv": np.log(np.exp(others).mean(1)) - joint.mean(1),
        "js": np.log1p(np.exp(-joint)).mean(1) + np.log1p(np.exp(others)).mean(1),
        "infonce": (0.5 * np.log(np.exp(t).sum(2)) + 0.5 * np.log(np.exp(t).sum(1)) - joint).mean(
            1
        ),
        "mine": 1 - joint.mean(1),
    }
    expected["smile"] = expected["js"]
    for name in OBJECTIVES:
        np.testing.assert_allclose(make_objective(name)(batch), expected[name], err_msg=name)


def test_the_gradient_of_mine_is_divided_by_the_average() -> None:
    batch, t = batch_of("square")
    mine = make_objective("mine")
    mine(batch)
    louder = torch.tensor(t + 1.0, requires_grad=True)
    torch.autograd.backward(mine(Batch(louder.diagonal(dim1=1, dim2=2), square=louder)).sum())
    mean = np.exp(t)[:, ~np.eye(5, dtype=bool)].mean(1)
    average = 0.95 * mean + 0.05 * math.e * mean
    assert louder.grad is not None
    expected = np.exp(t[:, 0, 1] + 1) / 20 / average
    np.testing.assert_allclose(louder.grad[:, 0, 1], expected, rtol=1e-6)


def small_sample(n: int = 160, seed: int = 0) -> tuple[Sample, list[tuple[np.ndarray, ...]]]:
    x, y = sparse_normal(2, 2, 1, 0.7).sample(n, seed)
    parts = list(splits(n, 3, np.random.default_rng(0)))
    shares = [(ranks(x[p[0]], x), ranks(y[p[0]], y)) for p in parts]
    starts = [fit_elliptical(*share, part)[0] for share, part in zip(shares, parts, strict=True)]
    return Sample.of([ndtri(s[0]) for s in shares], [ndtri(s[1]) for s in shares], starts), parts


def build(sample: Sample) -> Build:
    d_x, d_y = sample.x.shape[2], sample.y.shape[2]
    generator = torch.Generator().manual_seed(0)
    return Build(3, d_x, d_y, axes=1, width=8, embedding=4, generator=generator)


@pytest.mark.parametrize("name", CRITICS)
def test_a_new_critic_is_silent_and_a_fold_stands_alone(name: str) -> None:
    sample, _ = small_sample()
    network = CRITICS[name](build(sample))
    i, j = torch.arange(20).repeat(3, 1), torch.arange(20, 40).repeat(3, 1)
    u, v = network.encode(sample.x[:, :20], sample.y[:, 20:40])
    assert not network.score(u, v).any()
    for weight in network.parameters():
        torch.nn.init.normal_(weight, generator=torch.Generator().manual_seed(1))
    every = pair_scores(network, sample, i, j)
    alone = pair_scores(only(network, 1), sample.only(1), i[:1], j[:1])
    torch.testing.assert_close(every[1:2], alone, rtol=1e-4, atol=1e-4)


def test_all_pairs_at_once_are_the_pairs_one_by_one() -> None:
    sample, _ = small_sample()
    network = Separable(build(sample))
    for weight in network.parameters():
        torch.nn.init.normal_(weight, generator=torch.Generator().manual_seed(1))
    i = torch.arange(6).repeat(3, 1)
    u, v = network.encode(sample.x[:, :6], sample.y[:, :6])
    square = sample.start_matrix(i) + network.matrix(u, v)
    for k in range(6):
        j = torch.full((3, 6), k)
        row = sample.start(i, j) + network.score(u, v[:, k : k + 1].expand_as(u))
        torch.testing.assert_close(square[:, :, k], row, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_training_keeps_the_best_weights_and_leaves_threads_alone(objective: str) -> None:
    sample, parts = small_sample()
    network = CRITICS["hybrid"](build(sample))
    schedule = Schedule(steps=40, batch=64, check_every=10, give_up=1)
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
        records = list(
            train(
                network, sample, objective, parts, schedule=schedule, rng=np.random.default_rng(0)
            )
        )
    assert torch.get_num_threads() == before
    assert [r.step for r in records] == [10, 20, 30, 40]
    assert all(math.isfinite(r.loss) and math.isfinite(r.validation) for r in records)
    assert all(torch.isfinite(w).all() for w in network.parameters())


def test_the_global_generator_is_not_touched() -> None:
    x, y = bivariate_normal(0.5).sample(120, 0)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    estimate_mi(x, y, method="neural", rng=0, steps=20)
    assert torch.rand(1) == expected


def test_networks_see_what_the_closed_form_misses() -> None:
    task = mapped(sparse_normal(2, 2, 2, 0.8), "spiral", spiral(0, 0.4))
    x, y = task.sample(1200, 1)
    closed = estimate_mi(x, y, method="elliptical", rng=0, base=math.e)
    learnt = estimate_mi(x, y, method="infonce", rng=0, base=math.e, steps=150)
    assert closed.upper < learnt.lower < task.nats


def test_a_heavy_tail_is_read_in_closed_form() -> None:
    task = student(3, 3, 2, pairs=2)
    for one in (task, mapped(task, "asinh", np.arcsinh), mapped(task, "half-cube", half_cube)):
        e = estimate_mi(*one.sample(3000, 0), method="elliptical", rng=0, base=math.e)
        assert e.value == pytest.approx(task.nats, abs=0.12)
        assert any("Student" in critic for critic in e.details["critics"])


def test_many_columns_of_noise_do_not_drown_two_pairs() -> None:
    e = estimate_mi(*sparse_normal(25, 25).sample(1000, 1), method="elliptical", rng=0, base=math.e)
    assert 0.8 < e.value < 1.1


@pytest.mark.parametrize("d", [1, 5])
def test_no_dependence_is_not_found_at_small_n(d: int) -> None:
    # On its training people MINE reads 0.35 (d = 1) and 3.3 nats (d = 5) at n = 100.
    found = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(2, 100, d))
        found += estimate_mi(x, y, method="elliptical", rng=seed).lower > 0
    assert found <= 5
    e = estimate_mi(x, y, method="mine", rng=0, steps=100)
    assert e.value < 0.1


def test_student_ratio_in_one_dimension_by_scipy() -> None:
    x, y = np.array([[0.3], [-2.0]]), np.array([[1.1], [4.0]])
    got = _critic(x, y, np.array([]), 3.0).pairs(np.arange(2), np.arange(2))
    joint = multivariate_t(np.zeros(2), df=3).logpdf(np.hstack([x, y]))
    np.testing.assert_allclose(
        got, joint - student_t(3).logpdf(x[:, 0]) - student_t(3).logpdf(y[:, 0])
    )


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"critics": ("separable",)}, "critics are named 'critic:objective'"),
        ({"critics": ("deep:nwj",)}, "separable, joint, hybrid, quadratic"),
        ({"start": "zero"}, "start must be one of elliptical, gaussian, nothing"),
    ],
)
def test_bad_options(option: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimate_mi(*bivariate_normal(0.5).sample(60, 0), method="neural", **option)


def test_long_samples_are_cut_and_say_so() -> None:
    x, y = bivariate_normal(0.5).sample(300, 0)
    e = estimate_mi(x, y, method="neural", rng=0, steps=20, max_rows=200)
    assert e.n == 200
    assert e.details["note"] == "200 of 300 rows used"
