"""NeuralFunnel: fresh readings that are honest, budgets that are held, files that are safe."""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from privfunnel.funnels.critics import Adversary, PairCritic
from privfunnel.funnels.encoding import Encoding, normal_scores
from privfunnel.funnels.fresh import ATTACKERS, fresh_leakage, status_of
from privfunnel.funnels.known import known_noise_information
from privfunnel.funnels.neural import NeuralFunnel, load_funnel
from privfunnel.funnels.training import seeded
from privfunnel.variables import as_variable

FEW = ("boosted trees", "logistic")


def shifted(n: int = 700, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A secret bit that shifts X by two standard deviations: I(S;X) is 0.48 bits."""
    rng = np.random.default_rng(seed)
    s = rng.integers(0, 2, n)
    return rng.normal(size=(n, 1)) + 2.0 * s[:, None] - 1.0, s


@pytest.fixture(scope="module")
def funnel() -> NeuralFunnel:
    x, s = shifted()
    return NeuralFunnel(0.1, attackers=FEW, utility="channel", n_outputs=1, n_steps=150, rng=0).fit(
        x, s
    )


def exact_leakage(funnel: NeuralFunnel) -> float:
    """I(S;Z) [bit] of the known channel, from many draws of the known source."""
    x, s = shifted(3000, seed=9)
    inputs = torch.from_numpy(funnel._get().inputs.of_x.apply(x)).float()
    with torch.no_grad():
        mean = funnel._get().channel.law(inputs).numpy()[:, 0]
    z = mean + 0.3 * np.random.default_rng(1).normal(size=len(mean))
    square = -0.5 * ((z[:, None] - mean[None, :]) / 0.3) ** 2
    dense = [np.exp(square[:, s == k]).mean(axis=1) for k in (0, 1)]
    both = (s == 0).mean() * dense[0] + (s == 1).mean() * dense[1]
    return float(np.log2(np.where(s == 0, dense[0], dense[1]) / both).mean())


def test_budget_is_held_and_utility_is_left(funnel: NeuralFunnel) -> None:
    assert funnel.leakage.value <= 0.1
    assert funnel.status in ("within", "undecided")
    assert funnel.utility.value > 0.7
    assert funnel.utility.lower < funnel.capacity == pytest.approx(0.5 * math.log2(1 + 1 / 0.09))


def test_fresh_reading_is_near_the_exact_leakage(funnel: NeuralFunnel) -> None:
    exact = exact_leakage(funnel)
    assert funnel.leakage.upper > exact
    assert funnel.leakage.value < exact + 0.05


def test_transform_draws_new_noise(funnel: NeuralFunnel) -> None:
    x, _ = shifted(50)
    assert np.array_equal(funnel.transform(x, rng=1), funnel.transform(x, rng=1))
    assert not np.array_equal(funnel.transform(x), funnel.transform(x))
    assert funnel.transform(x).shape == (50, 1)


def test_same_seed_same_funnel() -> None:
    x, s = shifted(200)
    first, second = (
        NeuralFunnel(0.2, attackers=FEW, n_steps=20, rng=5).fit(x, s) for _ in range(2)
    )
    assert first.leakage == second.leakage
    assert np.array_equal(first.transform(x, rng=0), second.transform(x, rng=0))


def test_threads_do_not_share_a_seed() -> None:
    x, s = shifted(120)

    def leak(seed: int) -> float:
        funnel = NeuralFunnel(0.3, attackers=("logistic",), n_outputs=1, n_steps=15, rng=seed)
        return funnel.fit(x, s).in_loop

    alone = [leak(seed) for seed in range(3)]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(leak, range(3))) == alone


def test_continuous_secret_and_mine() -> None:
    rng = np.random.default_rng(0)
    s = rng.normal(size=500)
    x = 0.8 * s + 0.6 * rng.normal(size=500)
    funnel = NeuralFunnel(0.15, attackers=FEW, n_outputs=1, n_steps=120, rng=0).fit(x, s)
    assert funnel.leakage.value <= 0.15
    # The linear release of the same utility, the worst there is, leaks much more.
    kept = 2.0 ** (-2.0 * funnel.utility.value)
    assert funnel.leakage.value < 0.6 * -0.5 * math.log2(1 - 0.64 * (1 - kept))


def test_task_utility_keeps_the_task_and_not_the_secret() -> None:
    rng = np.random.default_rng(0)
    s, u = rng.integers(0, 2, (2, 800))
    x = np.stack([s + 0.3 * rng.normal(size=800), u + 0.3 * rng.normal(size=800)], axis=1)
    funnel = NeuralFunnel(0.1, attackers=FEW, n_outputs=1, n_steps=200, rng=0).fit(x, s, task=u)
    assert funnel.leakage.value <= 0.1
    assert funnel.utility.value > 0.4
    assert funnel.utility.bound == "lower"


def test_a_release_that_cannot_be_trained_is_marked_as_over() -> None:
    x, s = shifted(300)
    funnel = NeuralFunnel(0.001, attackers=FEW, utility="distortion", n_steps=1, rng=0).fit(x, s)
    assert funnel.status == "over"
    assert "over" in repr(funnel)


def test_save_and_load(funnel: NeuralFunnel, tmp_path: Path) -> None:
    x, _ = shifted(40)
    path = tmp_path / "funnel.safetensors"
    funnel.save(path)
    loaded = load_funnel(path)
    assert np.array_equal(loaded.transform(x, rng=3), funnel.transform(x, rng=3))
    assert loaded.leakage == funnel.leakage
    assert repr(loaded) == repr(funnel)


def test_tampered_and_foreign_files_are_refused(funnel: NeuralFunnel, tmp_path: Path) -> None:
    path = tmp_path / "funnel.safetensors"
    funnel.save(path)
    content = path.read_bytes()
    changed = bytearray(content)
    changed[-3] ^= 1
    path.write_bytes(bytes(changed))
    with pytest.raises(ValueError, match="changed after it was written"):
        load_funnel(path)
    path.write_bytes(content.replace(b'"version":"3"', b'"version":"7"'))
    with pytest.raises(ValueError, match="version 7"):
        load_funnel(path)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="not a model file"):
        load_funnel(path)
    save_file({"a": np.zeros(3)}, path)
    assert "a" in load_file(path)
    with pytest.raises(ValueError, match="not a model file of privfunnel"):
        load_funnel(path)
    with pytest.raises(ValueError, match="no such file"):
        load_funnel(tmp_path / "none")


def test_model_file_holds_no_code(funnel: NeuralFunnel, tmp_path: Path) -> None:
    path = tmp_path / "funnel.safetensors"
    funnel.save(path)
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    assert json.loads(header["__metadata__"]["meta"])["budget"] == 0.1


@pytest.mark.parametrize("engine", ["mine", "cross_entropy"])
def test_adversary_of_a_perfect_release_reads_the_entropy(engine: str) -> None:
    with seeded(0):
        s = torch.arange(400).remainder(2)
        z = (2.0 * s[:, None] - 1.0).view(2, 200, 1)
        adversary = Adversary(1, engine, prior=torch.tensor([0.5, 0.5]))  # type: ignore[arg-type]
        optimiser = torch.optim.Adam(adversary.parameters(), lr=1e-2)
        for _ in range(150):
            loss = -adversary.reading(z, s.view(2, 200)).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        assert float(adversary.crossed(z, s.view(2, 200)).detach()) == pytest.approx(
            math.log(2), abs=0.05
        )


def test_pair_critic_reads_zero_untrained_and_more_trained() -> None:
    with seeded(0):
        x = torch.randn(300, 1)
        z = x + 0.5 * torch.randn(300, 1)
        critic = PairCritic(1, 1)
        before = float(critic.reading(x, z).detach())
        optimiser = torch.optim.Adam(critic.parameters(), lr=3e-3)
        for _ in range(120):
            loss = -critic.reading(x, z)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    assert abs(before) < 0.1
    assert float(critic.reading(x, z).detach()) == pytest.approx(0.5 * math.log(5), abs=0.25)


def test_known_noise_information_brackets_the_truth() -> None:
    rng = np.random.default_rng(0)
    mean = rng.normal(size=(800, 1))
    z = mean + 0.5 * rng.normal(size=(800, 1))
    found = known_noise_information(mean, z, 0.5)
    assert found.lower < 0.5 * math.log(1 + 4) < found.upper
    assert found.value <= found.details["upper_bound_nats"]


def test_fresh_leakage_takes_the_worst_attacker() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, (2, 400))
    found = fresh_leakage(np.stack([a, b], axis=1) * 1.0, a ^ b, confidence=0.95, rng=rng)
    readings = found.details["attackers"]
    assert set(readings) == set(ATTACKERS)
    assert found.value == pytest.approx(max(readings.values()) * math.log(2))
    assert readings["logistic"] < 0.05 < 0.9 < found.value / math.log(2)
    assert status_of(found, 0.1) == "over"


def test_encoding_of_names_and_numbers() -> None:
    names = np.array(["a", "b", "c"] * 30)
    side = as_variable(np.stack([names, np.linspace(0, 5, 90).astype(str)], axis=1))
    assert Encoding.fit(side).width == 4
    column = np.random.default_rng(0).exponential(size=500)
    at, score = normal_scores(column)
    said = np.interp(column, at, score)
    assert said.mean() == pytest.approx(0.0, abs=1e-9)
    assert said.std() == pytest.approx(1.0, abs=1e-9)
    assert (np.diff(score) > 0).all()
    encoding = Encoding.fit(as_variable(column))
    again = Encoding.from_dict(json.loads(json.dumps(encoding.to_dict())))
    assert np.array_equal(again.apply(column[:, None]), encoding.apply(column[:, None]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"budget": -0.1}, "budget is -0.1"),
        ({"budget": 1.5}, "S holds 0.98"),
        ({"engine": "magic"}, "engine must be"),
        ({"utility": "task"}, r"needs fit\(X, S, task"),
        ({"noise": 0.0}, "noise above 0"),
        ({"held_out": 0.99}, "held_out"),
        ({"attackers": ("magic",)}, "attackers must be"),
    ],
)
def test_bad_options(change: dict[str, object], message: str) -> None:
    x, s = shifted(100)
    options: dict[str, object] = {"budget": 0.1, "n_steps": 1, **change}
    with pytest.raises(ValueError, match=message):
        NeuralFunnel(**options).fit(x, s)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("x", "s", "message"),
    [
        (np.ones((60, 1)), np.arange(60) % 2, "X is the same for everyone"),
        (np.arange(60.0), np.zeros(60), "S is the same for everyone"),
        (np.arange(20.0), np.arange(20) % 2, "20 people are too few"),
        (np.arange(60.0), np.arange(59) % 2, "X has 60 rows, S has 59"),
        (np.full(60, np.nan), np.arange(60) % 2, "NaN"),
    ],
)
def test_bad_samples(x: np.ndarray, s: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NeuralFunnel(0.1).fit(x, s)


def test_cross_entropy_refuses_a_continuous_secret() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="discrete S"):
        NeuralFunnel(0.1, engine="cross_entropy").fit(rng.normal(size=90), rng.normal(size=90))
