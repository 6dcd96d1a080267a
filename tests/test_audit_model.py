"""Upper bounds from a model that `privfunnel release` saved."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from privfunnel.audit.audit import audit
from privfunnel.audit.model_bound import information, known_leakage, max_leakage_bits
from privfunnel.cli import main
from privfunnel.columns import Table
from privfunnel.entropy import mutual_information
from privfunnel.funnels.neural import NeuralFunnel
from privfunnel.funnels.tabular import TableFunnel
from privfunnel.leakage import max_leakage
from privfunnel.tables import read_table
from tests.test_audit_parts import h2


def people(n: int = 600) -> Table:
    rng = np.random.default_rng(0)
    s = rng.integers(0, 2, n)
    return read_table(
        {
            "s": np.array(["no", "yes"])[s],
            "a": [f"v{v}" for v in 2 * rng.integers(0, 2, n) + (s ^ (rng.random(n) < 0.2))],
            "b": rng.normal(size=n) + s,
        }
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[TableFunnel, Path]:
    funnel = TableFunnel(0.1, n_steps=60, attackers=("logistic",), rng=0)
    funnel.fit(people(), sensitive="s")
    path = tmp_path_factory.mktemp("models") / "funnel.safetensors"
    funnel.save(path)
    return funnel, path


# The parts on channels with closed forms


def binary(error: float) -> np.ndarray:
    return np.array([[1 - error, error], [error, 1 - error]])


def test_bounds_of_a_binary_symmetric_channel() -> None:
    codes = np.arange(4000) % 2
    chances = binary(0.1)[codes]
    truth = 1 - h2(0.1)
    assert information(chances) == pytest.approx(truth)
    assert max_leakage_bits(chances) == pytest.approx(math.log2(1.8))
    found = known_leakage([chances], codes, np.random.default_rng(0))
    assert truth < found < truth + 0.06
    # Two looks at the same bit: more than one of them, less than both added up.
    joint = np.stack([np.outer(row, row).ravel() for row in binary(0.1)]) / 2
    twice = mutual_information(joint)
    found = known_leakage([chances, chances], codes, np.random.default_rng(0))
    assert twice < found < min(2 * truth, twice + 0.05)
    # A secret that has nothing to do with the rows.
    other = np.arange(4000) // 2 % 2
    assert known_leakage([chances], other, np.random.default_rng(0)) < 0.01


def test_the_bound_is_not_below_the_population() -> None:
    # 300 rows of 2,000 different ones, released with much noise: the table knows less than all.
    rng = np.random.default_rng(0)
    pull = rng.normal(size=(2000, 6))
    chances = np.exp(pull) / np.exp(pull).sum(axis=1, keepdims=True)
    s = (pull[:, 0] + rng.normal(size=2000) > 0).astype(np.int64)
    joint = np.stack([chances[s == k].sum(axis=0) for k in (0, 1)]) / 2000
    truth = mutual_information(joint)
    found = []
    for seed in range(20):
        rows = np.random.default_rng(seed).choice(2000, 300, replace=False)
        found.append(known_leakage([chances[rows]], s[rows], np.random.default_rng(seed)))
    assert np.mean(found) > truth
    assert max_leakage_bits(chances) == pytest.approx(max_leakage(chances / 2000))


# Models


def test_a_model_bounds_its_release(model: tuple[TableFunnel, Path]) -> None:
    funnel, path = model
    original = people()
    chances = funnel.chances(original)
    assert set(chances) == {"a", "b"}
    assert all(np.allclose(p.sum(axis=1), 1.0, atol=1e-5) for p in chances.values())
    release = funnel.transform(original, rng=1)
    report = audit(release, sensitive="s", original=original, mechanism=str(path), rng=0)
    found = report.findings
    assert found.upper is not None
    assert found.together.leakage.value < found.upper.bits < found.secret.entropy
    assert found.upper.max_leakage is not None
    assert found.upper.max_leakage >= found.upper.bits
    assert {name for name, _ in found.upper.columns} == {"a", "b"}
    assert "funnel.safetensors" in report.to_html()
    budget = found.upper.bits + 0.01
    again = audit(
        release, sensitive="s", original=original, mechanism=str(path), budget=budget, rng=0
    )
    assert again.findings.verdict == "within"
    # Fewer columns tell no more.
    less = audit(
        release, sensitive="s", release=["b"], original=original, mechanism=str(path), rng=0
    ).findings.upper
    assert less is not None
    assert less.bits < found.upper.bits + 0.02


def test_without_the_original_there_is_no_bound(model: tuple[TableFunnel, Path]) -> None:
    funnel, path = model
    release = funnel.transform(people(), rng=1)
    data = Table({**release.columns, "s": people()["s"]})
    report = audit(data, sensitive="s", mechanism=str(path), rng=0)
    assert report.findings.upper is None
    assert any(note.startswith("No upper bound from") for note in report.findings.notes)
    assert "Give them as the original" in report.to_markdown()


def test_models_that_do_not_fit(
    model: tuple[TableFunnel, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    funnel, path = model
    original = people()
    release = funnel.transform(original, rng=1)
    renamed = read_table({"c": np.arange(600) % 2})["c"]
    more = Table({**release.columns, "c": renamed})
    with pytest.raises(ValueError, match=r"column 'c' was not released by .*, which releases a, b"):
        audit(more, sensitive="s", original=original, mechanism=str(path), rng=0)
    with pytest.raises(ValueError, match="no such file"):
        audit(release, sensitive="s", original=original, mechanism="gone.safetensors", rng=0)
    (tmp_path / "m.bin").write_bytes(b"not a model")
    with pytest.raises(ValueError, match="not a model file"):
        audit(release, sensitive="s", original=original, mechanism=str(tmp_path / "m.bin"), rng=0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    neural = NeuralFunnel(0.5, n_steps=5, attackers=("logistic",), rng=0).fit(x, x > 0)
    neural.save(tmp_path / "neural.safetensors")
    with pytest.raises(ValueError, match="not a model of privfunnel release"):
        audit(
            release, sensitive="s", original=original,
            mechanism=str(tmp_path / "neural.safetensors"), rng=0,
        )  # fmt: skip
    table = tmp_path / "t.csv"
    table.write_text("s,x\n" + "0,1\n1,2\n" * 30)
    code = main(["audit", str(table), "--sensitive", "s", "--mechanism", "gone.safetensors",
                 "--original", str(table), "--quiet"])  # fmt: skip
    assert code == 2
    assert capsys.readouterr().err.count("\n") == 1
