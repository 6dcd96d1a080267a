"""Samplers: what they promise about information holds for what they draw."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, stats

from privfunnel.datasets import (
    additive_noise,
    bimodal,
    bivariate_normal,
    dense_normal,
    erasure_channel,
    from_joint,
    gap_gaussian,
    half_cube,
    mapped,
    randomised_response,
    sparse_normal,
    spiral,
    student,
    swiss_roll,
    symmetric_channel,
    uniform_mixture,
    wiggle,
)
from privfunnel.entropy import mutual_information
from privfunnel.estimate import estimate_mi
from privfunnel.panel import (
    continuous_tasks,
    discrete_tasks,
    independent_tasks,
)

EVERYTHING = [*continuous_tasks(), *discrete_tasks(), *independent_tasks()]


def test_the_panel_is_large_and_its_names_are_unique() -> None:
    assert len(continuous_tasks()) >= 40
    assert len({task.name for task in EVERYTHING}) == len(EVERYTHING)


@pytest.mark.parametrize("task", EVERYTHING, ids=lambda t: t.name)
def test_samples_have_shape_and_repeat(task: object) -> None:
    x, y = task.sample(30, 5)  # type: ignore[attr-defined]
    again = task.sample(30, 5)  # type: ignore[attr-defined]
    assert len(x) == len(y) == 30
    assert x.ndim == y.ndim == 2
    assert np.isfinite(x).all()
    assert np.isfinite(y).all()
    np.testing.assert_array_equal(x, again[0])
    np.testing.assert_array_equal(y, again[1])
    assert task.nats >= 0  # type: ignore[attr-defined]


def test_gaussian_closed_forms() -> None:
    assert bivariate_normal(0.8).nats == pytest.approx(-0.5 * math.log(1 - 0.64))
    assert sparse_normal(25, 25).nats == pytest.approx(-math.log(1 - 0.64))
    # Equal correlations: two canonical factors, one pair; its correlation in closed form.
    d, rho = 5, 0.5
    canonical = d * rho / (1 + (d - 1) * rho)
    assert dense_normal(d, d, rho).nats == pytest.approx(-0.5 * math.log(1 - canonical**2))
    assert sparse_normal(3, 3, 0).nats == 0


@pytest.mark.parametrize("dof", [2, 5])
def test_student_by_numerical_integration(dof: int) -> None:
    joint, single = stats.multivariate_t(np.zeros(2), df=dof), stats.t(dof)

    def integrand(u: float, v: float) -> float:
        # Both coordinates as quantiles, so that the square is the whole plane.
        x, y = single.ppf([u, v])
        log_ratio = joint.logpdf([x, y]) - single.logpdf(x) - single.logpdf(y)
        return float(np.exp(log_ratio) * log_ratio)

    nodes, weights = np.polynomial.legendre.leggauss(40)
    u, w = 0.5 * (nodes + 1), 0.5 * weights
    value = sum(w[i] * w[j] * integrand(u[i], u[j]) for i in range(40) for j in range(40))
    assert student(1, 1, dof).nats == pytest.approx(value, abs=4e-3)


@pytest.mark.parametrize("width", [0.1, 0.5, 0.75, 2.0])
def test_additive_noise_by_numerical_integration(width: float) -> None:
    def density(y: float) -> float:
        return max(0.0, min(1, y + width) - max(0, y - width)) / (2 * width)

    points = sorted({-width, width, 1 - width, 1 + width})
    h_y = -sum(
        integrate.quad(lambda y: density(y) * math.log(max(density(y), 1e-300)), a, b)[0]
        for a, b in pairwise(points)
    )
    assert additive_noise(width).nats == pytest.approx(h_y - math.log(2 * width), abs=1e-6)


@pytest.mark.parametrize("mu", [0.1, 1.0, 3.0])
def test_sign_in_noise_by_numerical_integration(mu: float) -> None:
    def mixture(x: float) -> float:
        return 0.5 * (stats.norm.pdf(x - mu) + stats.norm.pdf(x + mu))

    h, _ = integrate.quad(lambda x: -mixture(x) * math.log(mixture(x)), -mu - 9, mu + 9)
    expected = h - 0.5 * math.log(2 * math.pi * math.e)
    assert gap_gaussian(mu).nats == pytest.approx(expected, abs=1e-7)


def test_the_mixture_of_uniforms_by_its_density() -> None:
    m = 5
    # Y has density 1/(2m) on the first and last unit, 1/m between.
    h_y = 2 * (1 / (2 * m)) * math.log(2 * m) + (m - 1) / m * math.log(m)
    assert uniform_mixture(m).nats == pytest.approx(h_y - math.log(2))


def test_channels() -> None:
    def h(p: float) -> float:
        return float(stats.entropy([p, 1 - p]))

    assert mutual_information(symmetric_channel(0.1), math.e) == pytest.approx(math.log(2) - h(0.1))
    assert mutual_information(erasure_channel(0.3, 0.2), math.e) == pytest.approx(0.7 * h(0.2))
    table = randomised_response(4, 1.0)
    assert table.sum() == pytest.approx(1)
    assert table[0, 0] / table[0, 1] == pytest.approx(math.e)


def test_tables_are_drawn_in_proportion() -> None:
    joint = np.array([[0.1, 0.2], [0.3, 0.4]])
    x, y = from_joint("t", joint).sample(20_000, 0)
    counts = np.zeros((2, 2))
    np.add.at(counts, (x[:, 0], y[:, 0]), 1)
    np.testing.assert_allclose(counts / 20_000, joint, atol=0.015)


@pytest.mark.parametrize("function", [half_cube, wiggle, bimodal, np.arcsinh])
def test_monotone_maps_keep_the_order(function: object) -> None:
    x = np.linspace(-5, 5, 2001)
    assert (np.diff(function(x)) > 0).all()  # type: ignore[operator]


def test_the_bimodal_map_gives_two_modes() -> None:
    x = bimodal(np.random.default_rng(0).normal(size=20_000))
    near = [(np.abs(x - c) < 0.3).mean() for c in (-2, 0, 2)]
    assert near[0] > 10 * near[1]
    assert near[2] > 10 * near[1]


def test_the_spiral_keeps_distances_from_the_origin() -> None:
    x = np.random.default_rng(0).normal(size=(50, 4))
    turned = spiral(1, 0.7)(x)
    np.testing.assert_allclose((turned**2).sum(1), (x**2).sum(1))
    np.testing.assert_array_equal(turned[:, [0, 3]], x[:, [0, 3]])
    back = spiral(1, -0.7)(turned)
    np.testing.assert_allclose(back, x, atol=1e-12)


def test_the_swiss_roll_can_be_unrolled() -> None:
    x = np.random.default_rng(0).normal(size=(50, 1))
    roll = 21 * swiss_roll(x)
    t = np.hypot(roll[:, 0], roll[:, 1])
    np.testing.assert_allclose((t / (1.5 * np.pi) - 1) / 2, stats.norm.cdf(x[:, 0]), atol=1e-12)


def test_maps_of_single_columns_leave_rank_estimates_alone() -> None:
    task = bivariate_normal(0.6)
    plain = estimate_mi(*task.sample(500, 0), method="ksg", rng=0).value
    for function in (half_cube, wiggle, bimodal):
        bent = estimate_mi(*mapped(task, "bent", function).sample(500, 0), method="ksg", rng=0)
        assert bent.value == pytest.approx(plain, abs=1e-9)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="pairs must be at most 2, not 3"):
        sparse_normal(2, 4, 3)
