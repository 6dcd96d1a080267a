"""Known noise: mixtures read what integrals say, and fresh readings stay near exact leakage."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import ndtr

from privfunnel.funnels.beliefs import Beliefs
from privfunnel.funnels.fresh import even_groups, fresh_leakage
from privfunnel.funnels.known import believed_leakage, known_channel
from privfunnel.funnels.mixture import (
    information_on_grid,
    leakage_of_draws,
    leakage_on_grid,
)
from privfunnel.funnels.neural import NeuralFunnel, load_funnel
from privfunnel.funnels.opponents import opponent
from privfunnel.funnels.training import seeded
from privfunnel.variables import as_variable


def exact(centres: np.ndarray, noise: float) -> float:
    """I(S;Z) [nat] of Z = centre of S (uniform) + noise, by a fine sum."""
    z = np.linspace(centres.min() - 8 * noise, centres.max() + 8 * noise, 20_001)
    dense = np.exp(-0.5 * ((z[None] - centres[:, None]) / noise) ** 2)
    dense /= noise * math.sqrt(2 * math.pi)
    both = dense.mean(axis=0)
    terms = dense * np.log((dense + 1e-300) / (both + 1e-300))
    return float(terms.mean(axis=0).sum() * (z[1] - z[0]))


@pytest.mark.parametrize(("gap", "noise"), [(0.2, 0.3), (1.0, 0.5), (3.0, 0.3)])
def test_grid_reads_the_integral(gap: float, noise: float) -> None:
    codes = torch.arange(600) % 3
    centres = np.array([0.0, gap, 2.5 * gap])
    mean = torch.from_numpy(centres).float()[codes][:, None]
    law = torch.cat([mean, torch.full_like(mean, math.log(noise))], dim=1)
    truth = exact(centres, noise)
    chances = torch.eye(3)[codes]
    assert float(leakage_on_grid(law, chances)) == pytest.approx(truth, abs=2e-3)
    assert float(information_on_grid(law)) == pytest.approx(truth, abs=2e-3)
    torch.manual_seed(0)
    z = mean + noise * torch.randn_like(mean)
    assert float(leakage_of_draws(z, law, chances)) == pytest.approx(truth, abs=0.06)


def folded(seed: int, gap: float, n: int = 3000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes, laws and releases of a channel whose classes interleave: centres 0, gap, 2 gap, ..."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 2, n)
    mean = gap * (2.0 * rng.integers(0, 2, n) + codes)[:, None]
    law = np.hstack([mean, np.full((n, 1), math.log(0.3))])
    return codes, law, mean + 0.3 * rng.normal(size=(n, 1))


@pytest.mark.parametrize("gap", [0.3, 0.5, 1.0])
def test_fresh_reading_is_not_far_below_the_exact_leakage(gap: float) -> None:
    codes, _, z = folded(0, gap)
    others = folded(1, gap)
    known = known_channel(z, codes, others[1], np.eye(2)[others[0]])
    found = fresh_leakage(
        z,
        codes,
        confidence=0.95,
        rng=np.random.default_rng(0),
        attackers=("logistic",),
        known=(known,),
    )
    whole, within = np.arange(4) * gap, np.arange(2) * 2 * gap
    # I(S;Z) = I(centre;Z) - I(centre;Z|S), centre uniform on four places.
    truth = exact(whole, 0.3) - exact(within, 0.3)
    assert found.value >= truth - max(0.15 * truth, 0.01)
    assert found.value <= truth + 0.03
    assert "known channel" in found.details["attackers"]


def test_halves_take_off_what_few_people_add() -> None:
    rng = np.random.default_rng(0)
    codes = torch.from_numpy(rng.integers(0, 8, 400))
    law = torch.from_numpy(rng.normal(size=(400, 1))).float()
    law = torch.cat([law, torch.full_like(law, math.log(0.3))], dim=1)
    # Nothing is told; counting 8 groups of 50 people reads about 0.05 nats.
    assert abs(float(leakage_on_grid(law, torch.eye(8)[codes]))) < 0.02


@pytest.mark.parametrize("kind", ["gaussian", "names", "bent"])
def test_beliefs_are_near_the_truth_on_others(kind: str) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=4000)
    mean = np.sin(3.0 * x) if kind == "bent" else 0.8 * x
    s = mean + 0.5 * rng.normal(size=4000)
    codes = even_groups(s, 20) if kind != "names" else (s > 0.0).astype(np.int64)
    n = int(codes.max()) + 1
    inputs = torch.from_numpy(x[:, None]).float()
    with seeded(0):
        made = Beliefs.fit(inputs[:3000], codes[:3000], ordered=kind != "names", n_groups=n)
    said = made.chances(inputs[3000:]).numpy()
    assert np.allclose(said.sum(axis=1), 1.0, atol=1e-5)
    # A straight line is all there is to a Gaussian, and knows nothing of a sine.
    assert (made.net is None) == (kind == "gaussian")
    edges = np.array([-np.inf, *(s[codes <= k].max() for k in range(n - 1)), np.inf])
    truth = np.diff(ndtr((edges[None] - mean[:, None]) / 0.5), axis=1)[3000:]
    rows = np.arange(1000), codes[3000:]
    extra = (np.log(truth[rows]) - np.log(said[rows])).mean()
    assert extra < (0.12 if kind == "bent" else 0.01)


def test_many_columns_are_no_certainty() -> None:
    rng = np.random.default_rng(0)
    codes = even_groups(rng.normal(size=120), 6)
    inputs = torch.from_numpy(rng.normal(size=(120, 400))).float()
    with seeded(0):
        made = Beliefs.fit(inputs, codes, ordered=True, n_groups=6)
    said = made.chances(inputs).numpy()
    shares = np.bincount(codes) / len(codes)
    told = (said * np.log(said / shares)).sum(axis=1).mean()
    assert told < 0.15


@pytest.mark.parametrize("k", [1, 2])
def test_believed_leakage_is_that_of_the_integral(k: int) -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2, 3000)
    law = np.zeros((3000, 2 * k))
    law[:, 0], law[:, k:] = codes, math.log(0.5)
    draws = law[:, :k] + 0.5 * rng.normal(size=(4, 3000, k))
    sure = np.eye(2)[codes]
    found = believed_leakage(draws, sure, law, sure, 0.95)
    truth = exact(np.array([0.0, 1.0]), 0.5)
    assert found.value == pytest.approx(truth, abs=0.015)
    none = believed_leakage(draws, np.full((3000, 2), 0.5), law, sure, 0.95)
    assert none.value < 0.0 + 1e-9
    again = known_channel(draws, codes, law, sure).reading()
    assert again.value == pytest.approx(truth, abs=0.015)


def test_groups_are_finer_at_the_ends() -> None:
    values = np.random.default_rng(0).normal(size=20_000)
    counts = np.bincount(even_groups(values, 24))
    assert len(counts) == 24
    assert counts[0] < 0.2 * counts[12]


def test_engines_by_name() -> None:
    rng = np.random.default_rng(0)
    people = np.arange(80)
    numbers = as_variable(rng.normal(size=80), name="S")
    names = as_variable(rng.integers(0, 3, 80), name="S")
    few = torch.full((80, 3), 1 / 3)
    for engine in ("auto", "mixture", "mine", "cross_entropy"):
        against, secrets = opponent(names, people, engine, 1, few)  # type: ignore[arg-type]
        assert len(secrets) == 80
        assert bool(list(against.parameters())) == (engine in ("mine", "cross_entropy"))
    assert opponent(numbers, people, "mine", 1, few)[1].shape == (80, 1)
    assert opponent(numbers, people, "auto", 1, few)[1] is few


def test_a_release_in_the_units_of_x_that_sees_both(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    s = rng.normal(size=600)
    x = 50.0 + 10.0 * (0.8 * s + 0.6 * rng.normal(size=600))
    funnel = NeuralFunnel(
        0.25,
        utility="distortion",
        use_sensitive=True,
        n_steps=150,
        attackers=("logistic",),
        rng=0,
    ).fit(x, s)
    z = funnel.transform(x, S=s, rng=1)
    assert z.shape == (600, 1)
    assert abs(z.mean() - 50.0) < 5.0
    assert funnel.distortion == pytest.approx(((z[:, 0] - x) ** 2).mean() / x.var(), abs=0.1)
    assert funnel.capacity == math.inf
    funnel.save(tmp_path / "f.safetensors")
    loaded = load_funnel(tmp_path / "f.safetensors")
    assert np.array_equal(loaded.transform(x, S=s, rng=1), z)
    with pytest.raises(ValueError, match="needs S too"):
        funnel.transform(x)
    with pytest.raises(ValueError, match="X has 600 rows, S has 2"):
        funnel.transform(x, S=s[:2])


def test_restarts_take_the_best_start_and_s_stays_out() -> None:
    rng = np.random.default_rng(0)
    s = rng.integers(0, 2, 500)
    x = rng.normal(size=500) + 2.0 * s
    funnel = NeuralFunnel(
        0.1, n_outputs=1, restarts=2, n_steps=60, attackers=("logistic",), rng=0
    ).fit(x, s)
    assert set(funnel.leakage.details["attackers"]) == {
        "logistic",
        "known channel",
        "known channel, smooth",
        "known channel, believed",
    }
    with pytest.raises(ValueError, match="does not take S"):
        funnel.transform(x, S=s)
    with pytest.raises(ValueError, match="restarts >= 1"):
        NeuralFunnel(0.1, restarts=0)
    with pytest.raises(ValueError, match="names have no distance"):
        NeuralFunnel(0.1, utility="distortion").fit(np.array(["a", "b"] * 50), s[:100])
