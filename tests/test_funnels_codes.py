"""Releases of a few drawn codes: their information is a sum, and so are its tests."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from privfunnel.entropy import mutual_information
from privfunnel.funnels.discrete import DiscreteFunnel
from privfunnel.funnels.known import known_channel
from privfunnel.funnels.mixture import information_of_codes, shared_with_codes
from privfunnel.funnels.neural import NeuralFunnel, load_funnel

FEW = ("logistic",)
SOURCE = np.array([[0.9, 0.08, 0.4], [0.025, 0.82, 0.05], [0.075, 0.1, 0.55]]) / 3


def sample(joint: np.ndarray, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    drawn = np.random.default_rng(seed).choice(joint.size, n, p=joint.ravel())
    return np.unravel_index(drawn, joint.shape)[1], np.unravel_index(drawn, joint.shape)[0]


def exact(funnel: NeuralFunnel, joint: np.ndarray, names: np.ndarray) -> tuple[float, float]:
    """I(S;Z) and I(X;Z) [bit] of the channel for the true joint[s, x]."""
    z_given_x = np.exp(funnel.law(names))
    p_x = joint.sum(axis=0)
    return mutual_information(joint @ z_given_x), mutual_information(p_x[:, None] * z_given_x)


@pytest.fixture(scope="module")
def funnel() -> NeuralFunnel:
    x, s = sample(SOURCE, 4000, 0)
    names = np.array(["a", "b", "c"])
    return NeuralFunnel(0.25, code="categorical", n_codes=4, n_steps=300, attackers=FEW, rng=0).fit(
        names[x], s
    )


def test_close_to_the_best_release_of_a_small_table(funnel: NeuralFunnel) -> None:
    leak, utility = exact(funnel, SOURCE, np.array(["a", "b", "c"]))
    best = DiscreteFunnel(budget=leak).fit(SOURCE)
    assert best.utility.value >= utility - 1e-6
    assert utility > 0.9 * best.utility.value
    assert leak <= 0.25
    assert funnel.status in ("within", "undecided")
    assert funnel.utility.value == pytest.approx(utility, abs=0.05)
    assert funnel.leakage.value >= leak - max(0.15 * leak, 0.01 / math.log(2))
    assert funnel.capacity == 2.0


def test_codes_are_drawn_anew_and_survive_a_file(funnel: NeuralFunnel, tmp_path: Path) -> None:
    x = np.array(["a", "b", "c"] * 50)
    z = funnel.transform(x, rng=1)
    assert z.shape == (150,)
    assert set(z) <= set(range(4))
    path = tmp_path / "codes.safetensors"
    funnel.save(path)
    loaded = load_funnel(path)
    assert np.array_equal(loaded.transform(x, rng=1), z)
    assert loaded.capacity == funnel.capacity
    assert repr(loaded) == repr(funnel)


def test_two_releases_differ() -> None:
    x, s = sample(SOURCE, 300, 0)
    made = NeuralFunnel(0.1, code="categorical", n_steps=1, attackers=FEW, rng=0).fit(x, s)
    assert not np.array_equal(made.transform(x), made.transform(x))


def test_an_erased_x_tells_its_share() -> None:
    # S is X, erased with probability 0.4: I(S;Z) = 0.6 I(X;Z) whatever the release.
    rng = np.random.default_rng(0)
    joint = np.array([[0.3, 0.0], [0.0, 0.3], [0.2, 0.2]])
    x, s = sample(joint, 6000, 1)
    law = torch.log_softmax(torch.randn(2, 5, generator=torch.Generator().manual_seed(0)), dim=1)
    kept = float(information_of_codes(law[x]))
    leak = float(shared_with_codes(law[x], torch.eye(3)[s]))
    assert leak == pytest.approx(0.6 * kept, abs=0.01)
    z = np.eye(5)[(law[x].numpy() + rng.gumbel(size=(6000, 5))).argmax(axis=1)]
    attack = known_channel(z[:3000], s[:3000], law[x[3000:]].numpy(), np.eye(3)[s[3000:]])
    assert attack.gains().mean() == pytest.approx(0.6 * kept, abs=0.03)


@pytest.mark.parametrize("utility", ["mine", "task"])
def test_critics_see_through_the_draw(utility: str) -> None:
    rng = np.random.default_rng(0)
    s, u = rng.integers(0, 2, (2, 1200))
    x = np.stack([s + 0.3 * rng.normal(size=1200), u + 0.3 * rng.normal(size=1200)], axis=1)
    made = NeuralFunnel(
        0.1,
        code="categorical",
        n_codes=4,
        utility=utility,  # type: ignore[arg-type]
        engine="cross_entropy",
        n_steps=200,
        attackers=FEW,
        rng=0,
    ).fit(x, s, task=u if utility == "task" else None)
    assert made.leakage.value <= 0.1
    assert made.utility.value > 0.4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"code": "magic"}, "code must be one of"),
        ({"code": "categorical", "n_codes": 1}, "n_codes is 1"),
        ({"code": "categorical", "utility": "distortion"}, "codes have no distance"),
    ],
)
def test_bad_options(change: dict[str, object], message: str) -> None:
    x, s = np.arange(60.0), np.arange(60) % 2
    with pytest.raises(ValueError, match=message):
        NeuralFunnel(0.1, **change).fit(x, s)  # type: ignore[arg-type]
