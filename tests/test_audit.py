"""audit() on tables with known leakage, and on input that cannot be audited."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privfunnel.audit.audit import audit
from privfunnel.audit.findings import EXIT_CODES
from privfunnel.audit.grouping import OTHER, top_levels
from privfunnel.audit.measure import countable, describe_secret, secret_grouping
from privfunnel.funnels.training import Settings
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


def test_rows_that_no_longer_match_are_not_compared() -> None:
    original = people(60)
    gaps = dict(original, number=np.where(np.arange(60) == 3, np.nan, original["number"]))
    with pytest.raises(ValueError, match="no longer match row by row"):
        audit(gaps, sensitive="secret", original=original, missing="drop", rng=0)


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
    town = np.array([f"town {k}" for k in rng.zipf(1.5, 800) % 90])
    data = {"town": town, "x": rng.normal(size=800)}
    column = read_table(data)["town"]
    grouping, note = secret_grouping(column)
    codes = grouping.codes(column)
    secret = describe_secret(grouping, note, np.bincount(codes))
    assert secret.n_levels == 20 == codes.max() + 1
    assert grouping.labels[-1] == OTHER
    assert audit(data, sensitive="town", rng=0).findings.together.leakage.lower == 0.0


@pytest.mark.parametrize("n", [2, 7, 30])
def test_few_people_are_answered(n: int) -> None:
    data = {"s": np.array(["a", "b"])[np.arange(n) % 2], "x": np.arange(n) % 3}
    found = audit(data, sensitive="s", budget=0.1, rng=0).findings
    assert 0 <= found.together.leakage.value <= 1.5
    assert any("people: intervals are wide" in note for note in found.notes)


def test_a_constant_column_leaks_nothing() -> None:
    data = people(200) | {"same": np.full(200, 3.5), "gone": np.full(200, None)}
    report = audit(data, sensitive="secret", rng=0)
    by_name = {f.name: f for f in report.findings.columns}
    for name in ("same", "gone"):
        assert by_name[name].leakage.upper == 0.0
        assert by_name[name].seen_as == "the same for everyone"
        assert by_name[name].adjusted_p is None
    assert any(n.startswith("same, gone are the same for everyone") for n in report.findings.notes)
    # It changes nothing about the others.
    plain = audit(people(200), sensitive="secret", rng=0).findings
    assert report.findings.together.leakage == plain.together.leakage
    assert "same for everyone" in report.to_html()


def test_only_constant_columns() -> None:
    data = {"s": np.arange(60) % 2, "x": np.ones(60)}
    report = audit(data, sensitive="s", budget=0.0, gains={"g": {"0": 1, "1": 0}}, rng=0)
    assert report.findings.together.leakage.upper == 0.0
    assert report.findings.verdict == "within"
    assert report.findings.best_attacker.accuracy == 0.5
    assert report.findings.gains is not None
    assert report.findings.gains.leakage == 0.0
    assert report.to_markdown()


def test_a_secret_of_one_class() -> None:
    data = {"s": ["a"] * 40, "x": np.arange(40) % 3, "y": np.arange(40) / 7}
    report = audit(data, sensitive="s", budget=0.1, subgroup="x", suggestions=True, rng=0)
    found = report.findings
    assert found.secret.entropy == 0.0
    assert (found.verdict, report.exit_code, report.passed) == ("measured", 0, True)
    assert report.headline.startswith("Nothing to find out")
    assert found.together.leakage.upper == 0.0
    assert "H(S) is 0" in report.to_markdown()
    assert report.to_html()
    assert report.to_json()


def test_budget_in_percent() -> None:
    report = audit(people(400), sensitive="secret", budget_percent=10.0, rng=0)
    assert report.findings.budget == pytest.approx(0.1)
    assert report.findings.verdict == "over"


def test_values_too_rare_to_read_are_not_within() -> None:
    # Every value gives the secret away, and nobody can see it from 200 people.
    rng = np.random.default_rng(0)
    value = rng.integers(0, 3000, 200)
    data = {"s": (value * 7919 % 3001) % 2, "x": [f"v{v}" for v in value]}
    report = audit(data, sensitive="s", budget=0.3, rng=0)
    assert report.findings.columns[0].unread > 0.5
    assert report.findings.verdict == "inconclusive"
    assert "too rare to be read" in report.headline
    assert "could hide up to" in report.to_markdown()
    assert any("too rare to be counted" in note for note in report.findings.notes)


@settings(deadline=None, max_examples=8)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(20, 250),
    levels=st.integers(2, 5),
    noise=st.sampled_from([0.0, 0.3, 1.0]),
    columns=st.lists(st.sampled_from(["part", "town", "number", "alone"]), min_size=1, unique=True),
)
def test_the_reading_is_never_below_the_best_held_out_attacker(
    seed: int, n: int, levels: int, noise: float, columns: list[str]
) -> None:
    # Interaction, many levels, numbers, nobody alike: counting and attacking each win some.
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, levels, (2, n))
    s = np.where(rng.random(n) < noise, rng.integers(0, levels, n), (a + b) % levels)
    made = {
        "part": a,
        "town": [f"t{v}" for v in rng.integers(0, 80, n) * levels + b],
        "number": a + rng.normal(size=n),
        "alone": [f"id{v}" for v in range(n)],
    }
    report = audit({"s": s, **{name: made[name] for name in columns}}, sensitive="s", rng=seed)
    found = report.findings
    shown = found.together.leakage
    assert shown.value >= max(a.leakage.value for a in found.attackers)
    ends = [a.leakage.lower for a in found.attackers] + [f.leakage.lower for f in found.sets]
    assert shown.lower >= max(ends)
    assert shown.lower <= shown.value <= shown.upper
    assert report.to_dict()["together"]["leakage"]["value"] == shown.value
    if shown.lower > 0:
        assert shown.details["lower_by"]


def test_suggestions_are_audited_on_other_people() -> None:
    rng = np.random.default_rng(0)
    s, u = rng.integers(0, 2, (2, 1200))
    data = {
        "s": s,
        "code": [f"{'ny'[a]}{'lr'[b]}" for a, b in zip(s, u, strict=True)],
        "other": u,
        "noise": rng.normal(size=1200),
    }
    found = audit(data, sensitive="s", budget=0.1, suggestions=True, rng=0).findings
    by_kind = {one.kind: one for one in found.suggestions}
    assert set(by_kind) == {"drop", "merge"}
    assert by_kind["drop"].steps == ("code",)
    for one in found.suggestions:
        assert one.before.value > 0.9
        assert one.within is True
        assert one.leakage.upper <= 0.1
        assert (one.n_chosen, one.n_audited) == (600, 600)
    # Merging keeps the half of the column that does not tell.
    assert by_kind["merge"].kept > by_kind["drop"].kept


def test_a_trained_release_is_suggested_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    # Few steps: the release may tell too much, and the report must then say so.
    monkeypatch.setattr("privfunnel.funnels.tabular.Settings", lambda n_steps: Settings(n_steps=20))
    monkeypatch.setattr("privfunnel.funnels.tabular.ROUNDS", 1)
    data = people(240)
    found = audit(data, sensitive="secret", budget=0.05, train=True, rng=0).findings
    trained = next(one for one in found.suggestions if one.kind == "train")
    assert "privfunnel release --budget 0.05" in trained.title
    assert trained.n_audited == 120
    assert trained.within == (trained.leakage.upper <= 0.05)
    assert len(trained.steps) == 2
    assert 0.0 <= trained.kept <= 1.0


def test_no_suggestions_where_none_are_needed() -> None:
    data = people(300)
    del data["shown"]
    found = audit(data, sensitive="secret", suggestions=True, rng=0).findings
    assert found.suggestions == ()
    assert any("shows no leak" in note for note in found.notes)
    few = audit(people(100), sensitive="secret", suggestions=True, rng=0).findings
    assert any("Suggestions need at least 200 people" in note for note in few.notes)


def test_a_secret_with_100_000_levels() -> None:
    n = 200_000
    codes = np.arange(n) % 100_000
    codes[: n // 4] = 0
    column = read_table({"s": np.char.mod("id%d", codes), "x": np.arange(n) % 2})["s"]
    grouping, note = secret_grouping(column)
    assert grouping.size == 20
    assert "100000 levels" in note
    assert grouping.codes(column).max() == 19


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
    for options, message in [
        ({"confidence": 95}, "confidence must lie between 0 and 1"),
        ({"budget": 0.1, "budget_percent": 10}, "not both"),
        ({"budget_percent": 110}, "between 0 and 100"),
        ({"largest_set": 9}, "largest_set must be 1 to 5"),
        ({"suppress": 0}, "suppress must be"),
        ({"subgroup": "show"}, "did you mean 'shown'"),
        ({"release": ["numbre"]}, "did you mean 'number'"),
        ({"mechanism": "laplace:1"}, "mechanism must be one of"),
        ({"kinds": {"shown": "continuous"}}, "holds text and cannot be continuous"),
    ]:
        with pytest.raises(ValueError, match=message):
            audit(people(100), sensitive="secret", **options)
