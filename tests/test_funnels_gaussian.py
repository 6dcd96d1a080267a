"""GaussianFunnel against its closed forms and against samples of its own releases."""

from __future__ import annotations

import math

import numpy as np
import pytest

from privfunnel.funnels.gaussian import (
    GaussianFunnel,
    distortion_leakage,
    linear_leakage,
    split_utility,
)


def sample(covariance: np.ndarray, n: int = 200_000) -> np.ndarray:
    return np.random.default_rng(5).multivariate_normal(np.zeros(len(covariance)), covariance, n)


def gaussian_mi(a: np.ndarray, b: np.ndarray) -> float:
    """Of samples, from log-determinants [nat]."""
    both = np.linalg.slogdet(np.cov(np.hstack([a, b]), rowvar=False))[1]
    parts = [np.linalg.slogdet(np.atleast_2d(np.cov(v, rowvar=False)))[1] for v in (a, b)]
    return 0.5 * (sum(parts) - both)


@pytest.mark.parametrize("rho", [0.2, 0.8])
@pytest.mark.parametrize("r", [0.1, 1.0, 3.0])
def test_linear_curve_of_scalars(rho: float, r: float) -> None:
    exact = -0.5 * math.log(1 - rho**2 * (1 - math.exp(-2 * r)))
    assert linear_leakage(rho, r) == pytest.approx(exact, abs=1e-9)
    funnel = GaussianFunnel(utility=r, base=math.e).fit_covariance([[1, rho], [rho, 1]])
    assert funnel.leakage.value == pytest.approx(exact, abs=1e-9)
    back = GaussianFunnel(budget=exact, base=math.e).fit_covariance([[1, rho], [rho, 1]])
    assert back.utility.value == pytest.approx(r, abs=1e-6)


def test_water_filling_beats_every_other_split() -> None:
    rho, r = np.array([0.9, 0.6, 0.3]), 1.2
    best = linear_leakage(rho, r)
    assert split_utility(rho, r).sum() == pytest.approx(r)
    for shares in np.random.default_rng(0).dirichlet(np.ones(3), 500) * r:
        leak = -0.5 * np.log(1 - rho**2 * (1 - np.exp(-2 * shares))).sum()
        assert leak <= best + 1e-12


def test_released_vectors_have_the_promised_information() -> None:
    a = np.random.default_rng(1).normal(size=(4, 4))
    covariance = a @ a.T + 0.3 * np.eye(4)
    data = sample(covariance)
    s, x = data[:, :2], data[:, 2:]
    funnel = GaussianFunnel(utility=1.0).fit(x, s)
    z = funnel.transform(x, rng=0)
    assert gaussian_mi(s, z) / math.log(2) == pytest.approx(funnel.leakage.value, abs=0.01)
    assert gaussian_mi(x, z) / math.log(2) == pytest.approx(1.0, abs=0.01)
    assert funnel.leakage.n == len(data)


@pytest.mark.parametrize("rho", [0.8, -0.8, 0.3])
@pytest.mark.parametrize("distortion", [0.05, 0.3, 0.9])
def test_distortion_optimum_seeing_x(rho: float, distortion: float) -> None:
    exact = -0.5 * math.log(1 - rho**2 * (1 - distortion))
    assert distortion_leakage(rho, distortion) == pytest.approx(exact, abs=1e-9)
    data = sample(np.array([[4.0, 2 * rho], [2 * rho, 1.0]]))
    s, x = data[:, :1], data[:, 1:]
    funnel = GaussianFunnel(distortion=distortion, base=math.e).fit(x, s)
    z = funnel.transform(x, rng=0)
    assert float(((x - z) ** 2).mean()) == pytest.approx(distortion, abs=0.01)
    assert gaussian_mi(s, z) == pytest.approx(exact, abs=0.01)
    assert gaussian_mi(x, z) == pytest.approx(funnel.utility.value, abs=0.01)


@pytest.mark.parametrize("rho", [0.8, -0.8])
@pytest.mark.parametrize("distortion", [0.05, 0.3, 0.7])
def test_distortion_optimum_seeing_both(rho: float, distortion: float) -> None:
    r = max(0.0, abs(rho) * math.sqrt(1 - distortion) - math.sqrt((1 - rho**2) * distortion))
    exact = -0.5 * math.log(1 - r**2)
    assert distortion_leakage(rho, distortion, sees="both") == pytest.approx(exact, abs=1e-9)
    data = sample(np.array([[4.0, 2 * rho], [2 * rho, 1.0]]))
    s, x = data[:, :1], data[:, 1:]
    funnel = GaussianFunnel(distortion=distortion, sees="both", base=math.e).fit(x, s)
    z = funnel.transform(x, s)
    assert float(((x - z) ** 2).mean()) <= distortion + 0.01
    assert gaussian_mi(s, z) == pytest.approx(exact, abs=0.01)
    assert distortion_leakage(rho, distortion, sees="both") <= distortion_leakage(rho, distortion)


def test_nothing_leaks_from_a_distortion_of_rho_squared() -> None:
    assert distortion_leakage(0.6, 0.36, sees="both") == pytest.approx(0.0, abs=1e-15)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="exactly one of budget, utility and distortion"):
        GaussianFunnel(budget=0.1, utility=1.0)
    with pytest.raises(ValueError, match=r"distortion is 1\.5"):
        GaussianFunnel(distortion=1.5)
    with pytest.raises(ValueError, match="needs a distortion goal"):
        GaussianFunnel(budget=0.1, sees="both")
    with pytest.raises(ValueError, match="scalar S and X"):
        GaussianFunnel(distortion=0.1).fit_covariance(np.eye(3))
    with pytest.raises(ValueError, match="release it as it is"):
        GaussianFunnel(budget=5.0).fit_covariance([[1, 0.5], [0.5, 1]])
    with pytest.raises(ValueError, match="constant"):
        GaussianFunnel(budget=0.1).fit(np.ones((50, 1)), np.arange(50.0))
    with pytest.raises(ValueError, match="NaN"):
        GaussianFunnel(budget=0.1).fit([1.0, float("nan"), 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="sees S"):
        GaussianFunnel(distortion=0.1, sees="both").fit_covariance([[1, 0.5], [0.5, 1]]).transform(
            [1.0]
        )
