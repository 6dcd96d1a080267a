"""What columns say about a target, from people who did not teach it; inputs of an encoder."""

from __future__ import annotations

import json

import numpy as np
import pytest

from privfunnel.funnels.forest import Bins, Forest, loss
from privfunnel.funnels.inputs import Inputs, aligned
from privfunnel.funnels.neural import NeuralFunnel
from privfunnel.funnels.teacher import Teacher
from privfunnel.tables import read_table
from privfunnel.variables import as_variable

FEW = ("logistic",)


def crossed(n: int = 900, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two signs whose product is the target: nothing a linear model could see."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    return x, (x[:, 0] * x[:, 1] > 0).astype(np.int64)


def part(n: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random(n) < 0.25


def test_trees_see_what_a_line_cannot() -> None:
    x, y = crossed()
    side, target = as_variable(x), y[:, None].astype(float)
    base = np.zeros((len(y), 1))
    forest = Forest.fit(
        side, target, base, part(len(y)), discrete=True, rng=np.random.default_rng(0)
    )
    fresh, answer = crossed(500, seed=5)
    said = forest.apply(fresh)
    assert ((said[:, 0] > 0) == answer).mean() > 0.9
    assert loss(said, answer[:, None].astype(float), True) < 0.4


def test_trees_stop_where_there_is_nothing_to_learn() -> None:
    rng = np.random.default_rng(0)
    side = as_variable(rng.normal(size=(400, 4)))
    noise = rng.integers(0, 2, (400, 1)).astype(float)
    forest = Forest.fit(side, noise, np.zeros((400, 1)), part(400), discrete=True, rng=rng)
    assert len(forest.column) <= 15
    assert np.abs(forest.apply(side.values)).mean() < 0.5


def test_several_levels_and_numbers_are_targets_too() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(900, 2))
    side = as_variable(x)
    three = np.eye(3)[np.digitize(x[:, 0], [-0.5, 0.5])]
    forest = Forest.fit(side, three, np.zeros((900, 3)), part(900), discrete=True, rng=rng)
    assert (forest.apply(x).argmax(axis=1) == three.argmax(axis=1)).mean() > 0.95
    square = x[:, :1] ** 2 - 1
    forest = Forest.fit(side, square, np.zeros((900, 1)), part(900), discrete=False, rng=rng)
    assert ((forest.apply(x) - square) ** 2).mean() < 0.2 * square.var()


def test_bins_of_names_and_numbers() -> None:
    frame = np.stack([np.array(["a", "b", "c", "b"] * 30), np.arange(120).astype(str)], axis=1)
    side = as_variable(np.array(frame, dtype=object))
    bins = Bins.fit(side)
    codes = bins.apply(side.values)
    assert np.array_equal(codes[:4, 0], [0, 1, 2, 1])
    # What is rare or unknown is one bin, the last.
    assert bins.apply(np.array([[-1.0, -1.0]]))[0, 0] == 3
    assert codes[:, 1].max() == len(bins.edges[1])


def test_nobody_teaches_the_scores_of_their_own() -> None:
    # Targets are noise: scores that had seen their own answers would tell them.
    rng = np.random.default_rng(0)
    x, y = as_variable(rng.normal(size=(600, 8))), rng.integers(0, 2, 600)
    teacher, own = Teacher.fit(x, (as_variable(y),), np.arange(600), np.random.default_rng(1))
    assert own.shape == (600, 1)
    assert abs(np.corrcoef(own[:, 0], y)[0, 1]) < 0.15
    again = Teacher.from_dict(json.loads(json.dumps(teacher.to_dict())))
    assert np.allclose(again.apply(x.values), teacher.apply(x.values), atol=1e-4)


def mixed(n: int = 400, seed: int = 0) -> tuple[object, np.ndarray, np.ndarray]:
    import pandas as pd

    rng = np.random.default_rng(seed)
    s, u = rng.integers(0, 2, (2, n))
    frame = pd.DataFrame(
        {
            "club": np.array(["red", "blue", "green"])[np.where(rng.random(n) < 0.8, s, 2)],
            "town": np.array(["north", "south", "west"])[np.where(rng.random(n) < 0.9, u, 2)],
            "age": rng.integers(18, 90, n),
        }
    )
    return frame, np.array(["f", "m"])[s], np.array(["low", "high"])[u]


@pytest.fixture(scope="module")
def funnel() -> NeuralFunnel:
    x, s, u = mixed()
    return NeuralFunnel(0.1, attackers=FEW, n_steps=100, rng=0).fit(x, s, task=u)


def test_a_frame_of_names_and_numbers_keeps_its_task(funnel: NeuralFunnel) -> None:
    assert funnel.leakage.value <= 0.1
    assert funnel.utility.value > 0.4


def test_people_who_lack_some_names_are_coded_alike(funnel: NeuralFunnel) -> None:
    frame, _, _ = mixed(60, seed=3)
    law = funnel.law(frame)
    rows = np.flatnonzero((frame["town"] == "south") & (frame["club"] == "red"))  # type: ignore[index]
    alone = funnel.law(frame.iloc[rows])  # type: ignore[attr-defined]
    assert len(rows) > 3
    assert np.allclose(alone, law[rows], atol=1e-6)
    assert np.allclose(funnel.law(read_table(frame)), law, atol=1e-6)


def test_unknown_names_are_nobodys_and_other_types_are_refused(funnel: NeuralFunnel) -> None:
    frame, _, _ = mixed(60, seed=3)
    strange = frame.assign(club="black")  # type: ignore[attr-defined]
    assert np.isfinite(funnel.transform(strange, rng=0)).all()
    with pytest.raises(ValueError, match="column 0 of X held text in training, holds numbers"):
        funnel.transform(frame.assign(club=1))  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="has 2 columns, need 3"):
        funnel.transform(frame.drop(columns="age"))  # type: ignore[attr-defined]


def test_a_saved_task_funnel_releases_the_same(funnel: NeuralFunnel, tmp_path: object) -> None:
    from pathlib import Path

    from privfunnel.funnels.neural import load_funnel

    path = Path(str(tmp_path)) / "task.safetensors"
    funnel.save(path)
    frame, _, _ = mixed(60, seed=3)
    loaded = load_funnel(path)
    assert np.allclose(loaded.transform(frame, rng=1), funnel.transform(frame, rng=1), atol=1e-3)


def test_seeing_the_secret_takes_its_texts() -> None:
    x, s, u = mixed(200)
    made = NeuralFunnel(0.3, attackers=FEW, n_steps=20, use_sensitive=True, rng=0)
    made.fit(x, s, task=u)
    some = x.iloc[s == "m"]  # type: ignore[attr-defined]
    assert np.allclose(made.law(some, S=s[s == "m"]), made.law(x, S=s)[s == "m"], atol=1e-6)


def test_codes_are_those_of_training() -> None:
    before = as_variable(np.array(["a", "b", "c"]))
    after = aligned(as_variable(np.array(["c", "x"])), before.levels)
    assert np.array_equal(after.values[:, 0], [2.0, -1.0])
    numbers = as_variable(np.array([1.0, 2.0]))
    assert aligned(numbers, numbers.levels) is not None
    assert Inputs(None, None, None).width == 0
