"""Bad samples, tables and budgets: every funnel, the frontier and both commands say what is wrong.

Constant X, S equal to X, S of one class, 20 rows, 5,000 columns, missing values, budgets below 0
or above H(S).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from privfunnel.cli import main
from privfunnel.funnels.discrete import DiscreteFunnel
from privfunnel.funnels.frontier import frontier
from privfunnel.funnels.gaussian import GaussianFunnel
from privfunnel.funnels.neural import NeuralFunnel
from privfunnel.funnels.tabular import TableFunnel
from privfunnel.tables import read_table

RNG = np.random.default_rng(0)
S = RNG.integers(0, 2, 120)
X = S + RNG.normal(size=120)
FEW = ("logistic",)


def discrete(x: Any, s: Any, budget: float = 0.1) -> Any:
    return DiscreteFunnel(budget=budget, rng=0).fit(s, x)


def gaussian(x: Any, s: Any, budget: float = 0.1) -> Any:
    return GaussianFunnel(budget=budget).fit(x, s)


def neural(x: Any, s: Any, budget: float = 0.1) -> Any:
    return NeuralFunnel(budget, n_steps=3, attackers=FEW, rng=0).fit(x, s)


def table(x: Any, s: Any, budget: float = 0.1) -> Any:
    x = np.asarray(x)
    columns = {f"x{j}": c for j, c in enumerate(x.reshape(len(x), -1).T)}
    made = TableFunnel(budget, n_steps=3, attackers=FEW, rng=0)
    return made.fit(read_table({"s": s, **columns}), sensitive="s")


def edge(x: Any, s: Any, budget: float = 0.1) -> Any:
    options: dict[str, Any] = {"n_steps": 3, "attackers": FEW}
    return frontier(x, s, [budget], solver="neural", rng=0, **options)


def exact_edge(x: Any, s: Any, budget: float = 0.1) -> Any:
    return frontier(x, s, [budget], solver="discrete", rng=0)


def command(name: str, folder: Path, x: Any, s: Any, budget: float = 0.1) -> int:
    x = np.asarray(x)
    rows = x.reshape(len(x), -1)
    path = folder / "t.csv"
    names = ",".join(["s", *(f"x{j}" for j in range(rows.shape[1]))])
    lines = [
        ",".join([str(a), *("" if v != v else f"{v:g}" for v in r)])
        for a, r in zip(np.asarray(s).tolist(), rows.astype(float).tolist(), strict=True)
    ]
    path.write_text("\n".join([names, *lines]) + "\n")
    line = [name, str(path), "--sensitive", "s", "-o"]
    if name == "release":
        return main([*line, str(folder / "out.csv"), "--budget", str(budget)])
    return main([*line, str(folder / "out.png"), "--budgets", str(budget)])


LEARNED = (neural, table, edge)
MISSING = np.where(np.arange(120) == 7, np.nan, X)
WIDE = RNG.normal(size=(120, 5000))


@pytest.mark.parametrize("fit", LEARNED)
@pytest.mark.parametrize(
    ("x", "s", "budget", "message"),
    [
        (np.ones(120), S, 0.1, "same for everyone"),
        (X, np.zeros(120), 0.1, "same for everyone"),
        (X[:20], S[:20], 0.1, "20 people are too few"),
        (MISSING, S, 0.1, "missing values|NaN"),
        (X, S, -0.5, r"-0\.5"),
        (X, S, 1.5, r"every release is within it|all there is to know"),
    ],
)
def test_learned_funnels_refuse(
    fit: Callable[..., Any], x: Any, s: Any, budget: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fit(x, s, budget)


@pytest.mark.parametrize("fit", LEARNED)
def test_a_secret_that_is_the_release_is_answered(fit: Callable[..., Any]) -> None:
    found = fit(S, S, 0.3)
    row = found.rows[0] if fit is edge else found
    assert row.status in ("over", "within", "undecided")
    assert 0.0 <= row.leakage.value <= 1.0 + 1e-9


@pytest.mark.parametrize("fit", [discrete, exact_edge])
def test_discrete_funnels_answer_what_has_an_answer(fit: Callable[..., Any]) -> None:
    def leak(found: Any) -> float:
        return float((found.rows[0] if fit is exact_edge else found).leakage.value)

    assert leak(fit(np.ones(120), S, 0.0)) == pytest.approx(0.0, abs=1e-9)
    assert leak(fit(S, np.zeros(120), 0.0)) == pytest.approx(0.0, abs=1e-9)
    assert leak(fit(S, S, 0.3)) == pytest.approx(0.3, abs=1e-6)
    assert leak(fit(S[:20], S[:20], 0.3)) == pytest.approx(0.3, abs=1e-6)


@pytest.mark.parametrize("fit", [discrete, exact_edge])
def test_discrete_funnels_refuse(fit: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match=r"-0\.5"):
        fit(S, S, -0.5)
    with pytest.raises(ValueError, match="all there is to know about the sensitive"):
        fit(S, S, 1.5)
    with pytest.raises(ValueError, match="NaN"):
        fit(MISSING, S)


def test_gaussian_funnel_refuses() -> None:
    with pytest.raises(ValueError, match="S or X is constant"):
        gaussian(np.ones(120), X)
    with pytest.raises(ValueError, match="S or X is constant"):
        gaussian(X, np.ones(120))
    with pytest.raises(ValueError, match="NaN"):
        gaussian(MISSING, S)
    with pytest.raises(ValueError, match=r"budget is -0\.5"):
        gaussian(X, S, -0.5)
    with pytest.raises(ValueError, match="release it as it is"):
        gaussian(X, S, 9.0)
    with pytest.raises(ValueError, match="120 rows are too few for 5001 columns"):
        gaussian(WIDE, S)


def test_gaussian_funnel_answers() -> None:
    assert gaussian(X[:20], S[:20], 0.01).leakage.value == pytest.approx(0.01, abs=1e-6)
    assert gaussian(X, X, 0.5).leakage.value == pytest.approx(0.5, abs=1e-6)


def test_five_thousand_columns() -> None:
    task = NeuralFunnel(0.5, n_steps=3, attackers=FEW, rng=0).fit(WIDE, S, task=X > 0)
    assert task.transform(WIDE[:3]).shape == (3, 1)
    with pytest.raises(ValueError, match=r"5,000 columns are more than .* \(200\): name those"):
        table(WIDE, S)
    wide = read_table({"s": S, **{f"x{j}": WIDE[:, j] for j in range(5000)}})
    with pytest.raises(ValueError, match="5,000 columns are more"):
        frontier(wide, "s", [0.1])
    some = TableFunnel(0.3, n_steps=3, attackers=FEW, rng=0)
    assert some.fit(wide, sensitive="s", keep=["x1", "x7"]).transform(wide).names == ("x1", "x7")


@pytest.mark.parametrize("name", ["release", "frontier"])
def test_commands_refuse_in_one_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = [
        ((np.ones(120), S), "'x0' is the same for everyone"),
        ((X, np.zeros(120, dtype=int)), "'s' is the same for everyone"),
        ((X[:20], S[:20]), "20 people are too few"),
        ((MISSING, S), "missing values in 1 of 120 rows"),
        ((X, S, -0.5), "-0.5"),
        ((X, S, 1.5), "every release is within it"),
    ]
    if name == "release":
        cases.append(((np.round(WIDE, 1), S), "5,000 columns are more than"))
    for case, message in cases:
        assert command(name, tmp_path, *case) == 2, message
        errors = capsys.readouterr().err
        assert message in errors
        assert errors.count("\n") == 1
        assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]
