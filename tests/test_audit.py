"""audit() on tables with known leakage, and on input that cannot be audited."""

from __future__ import annotations

import json

import numpy as np
import pytest

from privfunnel.audit.audit import audit
from privfunnel.audit.findings import EXIT_CODES
from privfunnel.audit.grouping import OTHER, top_levels
from privfunnel.audit.measure import countable, read_secret
from privfunnel.tables import read_table


def h2(p: float) -> float:
    return float(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)))


def people(n: int = 1500, flip: float = 0.2, seed: int = 0) -> dict[str, np.ndarray]:
    """A secret bit, a column that shows it with errors, and one that has nothing to do with it."""
    rng = np.random.default_rng(seed)
    i = np.arange(n)
    s = i % 2
    # Exactly this share of each half: the table has the leakage, not only its population.
    shown = np.where(i // 2 < flip * n / 2, 1 - s, s)
    return {
        "secret": np.array(["no", "yes"])[s],
        "shown": np.array(["left", "right"])[shown],
        "number": rng.normal(size=n),
    }


def test_known_leakage_is_inside_the_interval() -> None:
    report = audit(people(), sensitive="secret", rng=0)
    found = report.findings
    truth = 1 - h2(0.2)
    by_name = {f.name: f.leakage for f in found.columns}
    assert by_name["shown"].lower < truth < by_name["shown"].upper
    assert by_name["number"].lower == 0.0
    assert found.together.leakage.value == pytest.approx(truth, abs=0.06)
    assert found.columns[0].name == "shown"
    assert found.columns[0].adjusted_p is not None
    assert found.columns[0].adjusted_p < 1e-6


def test_attackers_against_the_majority() -> None:
    found = audit(people(), sensitive="secret", rng=0).findings
    for attacker in found.attackers:
        assert attacker.accuracy == pytest.approx(0.8, abs=0.02)
        assert attacker.min_entropy_leakage == pytest.approx(np.log2(1.6), abs=0.05)
    assert found.secret.majority == pytest.approx(0.5, abs=0.05)
    # The leakage shown is never below that of any attacker of the run.
    assert found.together.leakage.value >= max(a.leakage.value for a in found.attackers)


def test_nothing_is_found_where_there_is_nothing() -> None:
    lower_ends = []
    for seed in range(8):
        data = people(300, seed=seed)
        data["shown"] = np.random.default_rng(seed).permutation(data["shown"])
        found = audit(data, sensitive="secret", rng=seed).findings
        lower_ends.append(found.together.leakage.lower)
        assert found.together.leakage.value < 0.06
    assert sum(end > 0 for end in lower_ends) <= 1


@pytest.mark.parametrize(
    ("budget", "verdict"), [(0.05, "over"), (0.9, "within"), (0.28, "inconclusive")]
)
def test_verdicts(budget: float, verdict: str) -> None:
    report = audit(people(), sensitive="secret", budget=budget, rng=0)
    assert report.findings.verdict == verdict
    assert report.exit_code == EXIT_CODES[verdict]
    assert report.passed == (verdict == "within")
    if verdict == "inconclusive":
        assert report.findings.n_to_decide is not None
        assert report.findings.n_to_decide > 1500
        assert "would decide" in report.to_markdown()


def test_xor_is_found_by_attackers_only() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 2, (2, 2000))
    found = audit({"s": a ^ b, "a": a, "b": b}, sensitive="s", rng=0).findings
    assert all(f.leakage.lower == 0 for f in found.columns)
    assert found.together.leakage.value > 0.9


def test_same_seed_same_report() -> None:
    first, second = (audit(people(400), sensitive="secret", rng=3).to_json() for _ in range(2))
    assert first == second
    assert json.loads(first)["provenance"]["options"]["seed"] == 3


def test_release_chooses_columns() -> None:
    found = audit(people(400), sensitive="secret", release=["number"], rng=0).findings
    assert [f.name for f in found.columns] == ["number"]


def test_secret_shown_as_it_is_is_given_away() -> None:
    data = people(400)
    data["copy"] = data["secret"]
    report = audit(data, sensitive="secret", rng=0)
    assert report.findings.together.share > 0.9
    assert "give “secret” away" in report.headline


def test_comparison_with_the_original() -> None:
    original = people()
    rng = np.random.default_rng(5)
    noisy = np.where(rng.random(1500) < 0.5, original["shown"], rng.permutation(original["shown"]))
    release = {"shown": noisy, "number": original["number"]}
    found = audit(release, sensitive="secret", original=original, rng=0).findings
    assert found.comparison is not None
    assert found.comparison.leakage_before.value > found.together.leakage.value + 0.1
    kept = {k.name: k.share for k in found.comparison.kept}
    assert kept["shown"] == pytest.approx(1 - h2(0.25), abs=0.06)
    assert kept["number"] > 0.95
    with pytest.raises(ValueError, match="10 rows, the original 1500"):
        audit({k: v[:10] for k, v in release.items()}, sensitive="secret", original=original)


def test_continuous_secret_is_grouped() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=800)
    data = {"wage": 1000 + 100 * x, "hint": x + rng.normal(size=800)}
    found = audit(data, sensitive="wage", rng=0).findings
    assert found.secret.n_levels == 4
    assert "groups of about equal size" in found.secret.note
    assert 0.2 < found.together.leakage.value < 0.6


def test_many_levels_are_put_together_without_looking_at_the_secret() -> None:
    codes, kept = top_levels(np.array([0, 1, 1, 2, 2, 2, 3, 4]), 3)
    assert kept == [2, 1, -1]
    assert codes.tolist() == [2, 1, 1, 0, 0, 0, 2, 2]
    towns = np.array([f"town {i % 180}" for i in range(900)])
    table = read_table({"town": towns, "s": np.arange(900) % 3})
    codes, words = countable(table["town"], 3)
    assert codes.max() + 1 == 60
    assert words == "59 most frequent of 180 levels, and the rest"


def test_a_secret_with_many_levels() -> None:
    rng = np.random.default_rng(0)
    town = np.array([f"town {k}" for k in rng.zipf(1.5, 2000) % 90])
    data = {"town": town, "x": rng.normal(size=2000)}
    secret, codes, names = read_secret(read_table(data)["town"])
    assert secret.n_levels == 20 == codes.max() + 1 == len(names)
    assert names[-1] == OTHER
    assert audit(data, sensitive="town", rng=0).findings.together.leakage.lower == 0.0


@pytest.mark.parametrize("n", [2, 7, 30])
def test_few_people_are_answered(n: int) -> None:
    data = {"s": np.array(["a", "b"])[np.arange(n) % 2], "x": np.arange(n) % 3}
    found = audit(data, sensitive="s", budget=0.1, rng=0).findings
    assert 0 <= found.together.leakage.value <= 1.5
    assert any("people: intervals are wide" in note for note in found.notes)


@pytest.mark.parametrize(
    ("data", "sensitive", "message"),
    [
        ({"s": [None] * 3, "x": [2, 2, 2]}, "s", "'s' holds nothing but missing values"),
        ({"s": [1, 0, 1], "x": [2, 1, 2]}, "z", "no column 'z'"),
        ({"s": [1, 0, 1]}, "s", "holds nothing but 's'"),
        ({"s": [1], "x": [2]}, "s", "1 row, need at least 2"),
        ({"s": list("abcdefg"), "x": range(7)}, "s", "7 different values in 7 rows"),
        ({"s": [1, 0, 1], "x": [2.0, float("nan"), 2.5]}, "s", "missing values in 1 of 3 rows"),
    ],
)
def test_bad_tables(data: dict[str, object], sensitive: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        audit(data, sensitive=sensitive)


def test_bad_options() -> None:
    with pytest.raises(ValueError, match=r"budget is 1\.5 bits; need between 0 and 1"):
        audit(people(100), sensitive="secret", budget=1.5)
    with pytest.raises(ValueError, match="among the released"):
        audit(people(100), sensitive="secret", release=["secret", "shown"])
    with pytest.raises(ValueError, match="confidence"):
        audit(people(100), sensitive="secret", confidence=95)
