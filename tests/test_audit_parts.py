"""The parts of an audit on tables where the answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from privfunnel.audit.attacks import attack_together, describe
from privfunnel.audit.audit import audit
from privfunnel.audit.counted import Rows
from privfunnel.audit.gains import gain_matrix, gains_of
from privfunnel.audit.grouping import OTHER, fit_grouping
from privfunnel.audit.hidden import could_tell, hidden_pair
from privfunnel.audit.measure import channel_of, quick_bits, read_secret, unread_bits
from privfunnel.audit.merges import find_merge
from privfunnel.audit.people import level_parts, people_of, wilson_lower, worst_groups
from privfunnel.audit.place import place_of
from privfunnel.audit.sets import best_sets
from privfunnel.audit.subgroups import subgroups_of
from privfunnel.audit.upper import krr_capacity, krr_max_leakage, parse_mechanism, upper_bound
from privfunnel.columns import Table
from privfunnel.counting import count
from privfunnel.entropy import mutual_information
from privfunnel.estimators.attackers import FAMILIES, Attack, attack
from privfunnel.tables import read_table
from privfunnel.variables import Codes


def exact(n: int, flip: float) -> tuple[np.ndarray, np.ndarray]:
    """A balanced bit and a copy with exactly this share of errors among each value."""
    i = np.arange(n)
    s = i % 2
    return s, np.where(i // 2 < flip * n / 2, 1 - s, s)


def opened(data: dict[str, object]) -> tuple[Table, Codes, Rows]:
    """A table, the codes of its column s, and its counts."""
    table = read_table(data)
    _, codes, _ = read_secret(table["s"])
    return table, codes, Rows(table, codes, int(codes.max()) + 1)


def h2(p: float) -> float:
    return -(p * math.log2(p) + (1 - p) * math.log2(1 - p))


# Groups and counts


def test_counts_of_a_pair_are_row_major() -> None:
    table, _codes, rows = opened({"s": [0, 1, 0, 1], "a": list("xxyy"), "b": [1, 2, 2, 3]})
    a, b = (fit_grouping(table[name], 10) for name in "ab")
    dense = rows.counts((a, b)).dense()
    assert dense.shape == (6, 2)
    assert dense[0 * 3 + 0].tolist() == [1, 0]
    assert dense[1 * 3 + 2].tolist() == [0, 1]
    assert rows.counts(()).dense().tolist() == [[2, 2]]


def test_bins_are_named_by_their_edges() -> None:
    table, _, _ = opened({"s": np.arange(300) % 2, "x": np.linspace(0, 1, 300)})
    grouping = fit_grouping(table["x"], 3)
    assert grouping.labels == ("up to 0.333", "0.333 to 0.667", "above 0.667")
    assert np.bincount(grouping.codes(table["x"])).tolist() == [100, 100, 100]


def test_a_number_that_most_share_stands_against_the_others() -> None:
    x = np.concatenate([np.full(95, 7.0), np.linspace(8, 9, 5)])
    x[:3] = [1.5, 2.5, 3.5]
    column = read_table({"x": x}, kinds={"x": "continuous"})["x"]
    codes = fit_grouping(column, 2).codes(column)
    assert set(codes.tolist()) == {0, 1}


def test_codes_of_seven_digits_stay_apart() -> None:
    # As "%g" all of them would be 1e+06, and tell nothing.
    s = np.arange(900) % 3
    table, _, rows = opened({"s": s, "office": 1_000_001 + s, "shift": 0.1 * s - 0.0})
    grouping = fit_grouping(table["office"], 10)
    assert grouping.labels == ("1000001", "1000002", "1000003")
    assert quick_bits(rows.counts((grouping,))) == pytest.approx(math.log2(3), abs=0.01)
    assert fit_grouping(table["shift"], 10).labels == ("0", "0.1", "0.2")


def test_a_grouping_applies_to_other_rows() -> None:
    first, second = (read_table({"x": list(text)})["x"] for text in ("aaabbcd", "dcab"))
    grouping = fit_grouping(first, 3)
    assert grouping.labels == ("a", "b", OTHER)
    assert grouping.codes(second).tolist() == [2, 2, 0, 1]


def test_unread_bits_bound_what_grouping_loses() -> None:
    rng = np.random.default_rng(0)
    level = rng.integers(0, 400, 2000)
    table, _codes, rows = opened({"s": level % 2, "x": [f"v{v}" for v in level]})
    grouping = fit_grouping(table["x"], 40)
    counts = rows.counts((grouping,))
    # Every level gives the bit away: what is read and what is hidden make one bit.
    assert quick_bits(counts) + unread_bits(table["x"], grouping, counts) >= 0.99
    full = fit_grouping(table["x"], 1000)
    assert unread_bits(table["x"], full, rows.counts((full,))) == 0.0


def test_channel_of_a_binary_symmetric_channel() -> None:
    s, z = exact(1000, 0.1)
    table, _, rows = opened({"s": s, "z": z})
    channel = channel_of(rows.counts((fit_grouping(table["z"], 10),)))
    assert channel.vulnerability == pytest.approx(0.9)
    assert channel.min_entropy_leakage == pytest.approx(math.log2(1.8))
    assert channel.max_leakage == pytest.approx(math.log2(1.8))


# Sets


def test_the_pair_that_tells_only_together_is_found() -> None:
    rng = np.random.default_rng(1)
    a, b, c, d = rng.integers(0, 2, (4, 1500))
    found = audit({"s": a ^ b, "c": c, "a": a, "d": d, "b": b}, sensitive="s", rng=0).findings
    best = max(found.sets, key=lambda f: f.leakage.value)
    assert {"a", "b"} <= set(best.names)
    pair = next(f for f in found.sets if len(f.names) == 2)
    assert set(pair.names) == {"a", "b"}
    assert pair.interaction == pytest.approx(1.0, abs=0.02)
    assert pair.adjusted_p < 1e-6
    assert found.together.leakage.lower > 0.9


def test_sets_of_independent_columns_prove_nothing() -> None:
    rng = np.random.default_rng(2)
    data = {f"c{j}": rng.integers(0, 4, 800) for j in range(6)}
    table, _, rows = opened({"s": rng.integers(0, 2, 800), **data})
    columns = audit(table, sensitive="s", largest_set=1, rng=0).findings.columns
    secret, _, _ = read_secret(table["s"])
    found = best_sets(
        table, rows, rows, columns, secret, size=3, confidence=0.95, rng=np.random.default_rng(0)
    )
    assert {len(f.names) for f in found} == {2, 3}
    assert all(f.adjusted_p > 0.01 for f in found)
    assert all(f.leakage.lower < 0.02 for f in found)
    assert found[0].looked_at == 15 + 4


def test_agreement_of_people_who_share_a_cell_is_chi_squared() -> None:
    # 400 cells, each with its own share of the secret: read from few people a cell, no bias.
    rng = np.random.default_rng(0)
    shares = rng.choice([0.1, 0.5, 0.9], 400)
    cell = rng.integers(0, 400, 1600)
    s = (rng.random(1600) < shares[cell]).astype(np.int64)
    p = shares.mean()
    chi2 = float(((shares - p) ** 2).mean() / (p * (1 - p)))
    read, shared = could_tell(count(cell, s), 0.0)
    assert read == pytest.approx(math.log2(1 + chi2), abs=0.06)
    assert 1500 < shared < 1600
    truth = mutual_information(np.stack([1 - shares, shares]) / 400)
    assert could_tell(count(cell, s), 1.645)[0] > truth
    # Twice as many errors, a higher end; nobody beside anybody, no end at all.
    assert could_tell(count(cell, s), 2.0)[0] > could_tell(count(cell, s), 1.0)[0]
    assert could_tell(count(np.arange(1600), s), 2.0) == (math.inf, 0)


def test_a_pair_too_sparse_to_be_read_is_not_within() -> None:
    # A lookup table of 40 x 40 cells gives the bit away; nobody can learn it from 1,200 people.
    rng = np.random.default_rng(0)
    secret = rng.integers(0, 2, (40, 40))
    a, b = rng.integers(0, 40, (2, 1200))
    data = {"s": secret[a, b], "a": [f"a{v}" for v in a], "b": [f"b{v}" for v in b]}
    report = audit(data, sensitive="s", budget=0.5, rng=0)
    found = report.findings
    assert found.together.leakage.upper < 0.5
    assert found.verdict == "inconclusive"
    assert found.hidden is not None
    assert set(found.hidden.names) == {"a", "b"}
    assert found.hidden.bits > 0.9
    assert "too rare to be read" in report.headline
    assert "few people share their combination of" in report.to_markdown()
    # The same columns with a secret of their own: nobody agrees more often than by chance.
    data["s"] = rng.integers(0, 2, 1200)
    free = audit(data, sensitive="s", budget=0.5, rng=0).findings
    assert free.hidden is not None
    assert free.hidden.bits < 0.4
    assert free.verdict == "within"


def test_dense_pairs_hide_nothing() -> None:
    rng = np.random.default_rng(0)
    data = {"s": rng.integers(0, 2, 900), "a": rng.integers(0, 3, 900), "b": rng.normal(size=900)}
    table, codes, _ = opened(data)
    secret, _, _ = read_secret(table["s"])
    found = [
        hidden_pair(table, names, codes, secret, confidence=0.95, rng=np.random.default_rng(0))
        for names in (("a", "b"), ("a",))
    ]
    assert found == [None, None]


# Person by person


def test_people_are_counted_by_hand() -> None:
    data = {"s": [0, 0, 1, 0, 1, 1], "a": list("xxyyzz"), "b": [1, 1, 1, 1, 1, 2]}
    table, codes, _ = opened(data)
    people = people_of(table.select(["a", "b"]), codes, None)
    assert (people.cells, people.k, people.l, people.alone, people.pure) == (4, 1, 1, 2, 2)
    assert people.small == 6
    # Two groups of two: all alike by chance with 1/4 + 1/4.
    assert people.pure_by_chance == pytest.approx(2 * 2 * 0.5)


def test_a_rare_value_is_found_among_the_suspects() -> None:
    # One in fifty has it, half of them show a sign that nobody else shows: accuracy hardly moves.
    n = 4000
    s = (np.arange(n) % 50 == 0).astype(np.int64)
    sign = (np.arange(n) % 100 == 0).astype(float)
    crowd = attack_together(sign[:, None], s, confidence=0.95, rng=np.random.default_rng(0))
    table = read_table({"sign": sign})
    surest = people_of(table, s, crowd.best, ("healthy", "ill")).surest
    assert surest is not None
    assert (surest.level, surest.n, surest.share) == ("ill", 40, 1.0)
    assert surest.base == pytest.approx(0.02)
    assert crowd.attackers[0].accuracy < 0.995


def test_parts_of_levels_add_up_to_the_leakage() -> None:
    s, z = exact(1000, 0.1)
    table, _codes, rows = opened({"s": s, "z": z})
    grouping = fit_grouping(table["z"], 10)
    parts = level_parts(rows.counts((grouping,)), grouping, ("no", "yes"), 10)
    assert sum(p.part for p in parts) == pytest.approx(1 - h2(0.1))
    assert {(p.level, p.points_to, p.share) for p in parts} == {("0", "no", 0.9), ("1", "yes", 0.9)}


def test_small_groups_are_suppressed() -> None:
    rng = np.random.default_rng(0)
    s = np.concatenate([rng.integers(0, 2, 400), np.ones(9, dtype=int)])
    z = np.array(["common"] * 400 + ["rare"] * 9)
    table, _codes, rows = opened({"s": s, "z": z})
    grouping = fit_grouping(table["z"], 10)
    counts = rows.counts((grouping,))
    assert "rare" not in {p.level for p in level_parts(counts, grouping, ("a", "b"), 10)}
    assert "rare" in {p.level for p in level_parts(counts, grouping, ("a", "b"), 9)}
    shown = worst_groups(rows, table, ("z",), ("a", "b"), confidence=0.95, suppress=10)
    assert all(g.where != (("z", "rare"),) for g in shown)


def test_wilson_against_a_textbook_value() -> None:
    # 15 of 20 at 95 %: (0.5313, 0.8881).
    assert wilson_lower(np.array([15.0]), np.array([20.0]), 1.959964)[0] == pytest.approx(
        0.5313, abs=1e-4
    )


def test_the_worst_group_is_the_one_built_in() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.integers(0, 3, (2, 3000))
    s = np.where((a == 2) & (b == 1), 1, rng.integers(0, 2, 3000))
    table, _, rows = opened({"s": s, "a": a, "b": b})
    worst = worst_groups(rows, table, ("a", "b"), ("no", "yes"), confidence=0.95, suppress=10)[0]
    assert worst.where == (("a", "2"), ("b", "1"))
    assert (worst.points_to, worst.share) == ("yes", 1.0)
    assert 0.9 < worst.lower < 1.0


def test_subgroups_read_only_what_goes_beyond_the_group() -> None:
    # The column tells the secret of women only; men and women have different shares of it.
    rng = np.random.default_rng(4)
    n = 4000
    woman = rng.random(n) < 0.5
    s = rng.random(n) < np.where(woman, 0.5, 0.8)
    z = np.where(woman, s, rng.random(n) < 0.5)
    crowd = attack_together(
        np.stack([z, woman], axis=1).astype(float),
        s.astype(np.int64),
        confidence=0.95,
        rng=np.random.default_rng(0),
    )
    assert crowd.best is not None
    sex = read_table({"sex": np.where(woman, "w", "m")})["sex"]
    groups, notes = subgroups_of(sex, crowd.best, confidence=0.95, suppress=10)
    found = {g.name: g for g in groups}
    assert notes == ()
    assert found["w"].leakage.value > 0.9
    assert found["m"].leakage.value < 0.01
    assert found["m"].majority == pytest.approx(0.8, abs=0.03)


def test_small_subgroups_are_not_shown() -> None:
    best = Attack("x", np.zeros(60, dtype=np.int64), np.full((60, 2), 0.5), np.array([0.5, 0.5]))
    column = read_table({"g": ["big"] * 40 + ["small"] * 20})["g"]
    groups, notes = subgroups_of(column, best, confidence=0.95, suppress=10)
    assert [g.name for g in groups] == ["big"]
    assert "fewer than 30 people, not shown: 1" in notes[0]


# Baselines of the attackers


@pytest.mark.parametrize("name", FAMILIES)
def test_majority_and_random_baselines(name: str) -> None:
    codes = np.repeat([0, 1, 2], [300, 150, 50])
    noise = np.random.default_rng(0).normal(size=(500, 2))
    result = attack(noise, codes, name, rng=np.random.default_rng(0))
    # Majority = max p, whatever the order of the rows.
    assert result.majority == pytest.approx(0.6)
    assert np.array_equal(result.prior, [0.6, 0.3, 0.1])
    # Blind attackers guess the most frequent value; a random guesser would be right for sum p^2.
    assert result.accuracy == pytest.approx(0.6, abs=0.06)
    drawn = result.probabilities[np.arange(500), codes].mean()
    assert drawn == pytest.approx(0.6**2 + 0.3**2 + 0.1**2, abs=0.06)
    assert describe(result, 0.95).leakage.lower == 0.0


# Gains and upper bounds


def test_gains_of_the_identity_are_the_accuracy() -> None:
    s, z = exact(1000, 0.1)
    crowd = attack_together(
        z[:, None].astype(float), s.astype(np.int64), confidence=0.95, rng=np.random.default_rng(0)
    )
    table = {"a": {"no": 1.0, "yes": 0.0}, "b": {"no": 0.0, "yes": 1.0}}
    gains = gains_of(crowd.best, gain_matrix(table, ("no", "yes")), np.array([0.5, 0.5]))
    assert gains.blind == pytest.approx(0.5)
    assert gains.seeing == pytest.approx(0.9)
    assert gains.leakage == pytest.approx(math.log2(1.8))
    # A guess that is always worth most tells nothing.
    always = {"a": {"no": 1.0, "yes": 1.0}, "b": {"no": 0.5, "yes": 0.2}}
    matrix = gain_matrix(always, ("no", "yes"))
    assert gains_of(crowd.best, matrix, np.array([0.5, 0.5])).leakage == 0.0
    assert gains_of(None, matrix, np.array([0.5, 0.5])).blind == 1.0


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "no rows"),
        ({"a": {"no": 1.0}}, "no entry for level 'yes'"),
        ({"a": {"no": 1.0, "yess": 1.0}}, "did you mean 'yes'"),
        ({"a": {"no": -1.0, "yes": 1.0}}, ">= 0"),
        ({"a": {"no": 0.0, "yes": 0.0}}, "above 0"),
    ],
)
def test_bad_gains(table: dict[str, dict[str, float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gain_matrix(table, ("no", "yes"))


def test_randomised_response_closed_forms() -> None:
    # Two values with epsilon ln 3 are a binary symmetric channel with error 1/4.
    assert krr_capacity(2, math.log(3)) == pytest.approx(1 - h2(0.25))
    assert krr_max_leakage(2, math.log(3)) == pytest.approx(math.log2(1.5))
    assert krr_capacity(5, 60.0) == pytest.approx(math.log2(5))
    assert krr_capacity(1, 1.0) == 0.0
    # Maximal leakage of an epsilon-locally-private channel is at most epsilon.
    for k in (2, 3, 10, 1000):
        assert krr_capacity(k, 0.7) <= krr_max_leakage(k, 0.7) <= 0.7 / math.log(2)


def test_stated_randomised_response_bounds_the_reading() -> None:
    rng = np.random.default_rng(0)
    s, _ = exact(3000, 0.1)
    kept = rng.random(3000) < 0.75
    report = audit(
        {"s": s, "z": np.where(kept, s, 1 - s)},
        sensitive="s",
        budget=0.25,
        mechanism=f"krr:{math.log(3)}",
        rng=0,
    )
    upper = report.findings.upper
    assert upper is not None
    assert upper.bits == pytest.approx(1 - h2(0.25))
    assert report.findings.verdict == "within"
    assert "nobody can learn more than" in report.to_markdown()


def test_stated_noise() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=20_000)
    table = read_table({"s": (x > 0).astype(int), "x": x + rng.normal(0, 2, 20_000)})
    secret, _, _ = read_secret(table["s"])
    chosen = table.select(["x"])
    bits = 0.5 * math.log2(1 + 1 / 4)
    found = upper_bound("gaussian:2", chosen, None, secret)
    assert bits < found.bits < bits + 0.05
    assert found.max_leakage is None
    original = read_table({"x": x})
    known = upper_bound("gaussian:2", chosen, original, secret)
    assert known.bits == pytest.approx(0.5 * math.log2(1 + np.var(x) / 4))
    with pytest.raises(ValueError, match="noise of 9 cannot have been added"):
        upper_bound("gaussian:9", chosen, None, secret)
    text = read_table({"x": list("abab")})
    with pytest.raises(ValueError, match="holds text"):
        upper_bound("gaussian:9", text, None, secret)


@pytest.mark.parametrize("text", ["krr", "krr:0", "krr:x", "laplace:1", "gaussian:-1", "krr:inf"])
def test_bad_mechanisms(text: str) -> None:
    with pytest.raises(ValueError, match="mechanism must be one of krr:EPS, gaussian:SIGMA"):
        parse_mechanism(text)


# Place and merges


def test_place_between_funnel_and_bottleneck() -> None:
    # X holds the secret and a second bit that has nothing to do with it.
    rng = np.random.default_rng(0)
    s, u = rng.integers(0, 2, (2, 4000))

    def counts(x: np.ndarray, z: np.ndarray) -> np.ndarray:
        table = np.zeros((x.max() + 1, z.max() + 1, 2), dtype=np.int64)
        np.add.at(table, (x, z, s), 1)
        return table

    x = s * 2 + u
    good, bad = (place_of(name, counts(x, z)) for name, z in (("good", u), ("bad", s)))
    assert good is not None
    assert bad is not None
    assert good.utility == pytest.approx(1.0, abs=0.01)
    assert good.share < 0.02
    assert bad.share > 0.98
    assert bad.leakage == pytest.approx(1.0, abs=0.01)
    # Groups that nobody is in change nothing.
    wide = np.pad(counts(x, u), ((1, 1), (0, 2), (0, 1)))
    assert place_of("good", wide) == good
    assert place_of("same", counts(np.zeros_like(x), u)) is None


def test_merge_hides_what_is_asked() -> None:
    rng = np.random.default_rng(0)
    s, u = rng.integers(0, 2, (2, 4000))
    column = read_table({"x": [f"{'ny'[a]}{'lr'[b]}" for a, b in zip(s, u, strict=True)]})["x"]
    merge = find_merge(column, s.astype(np.int64), 0.05)
    assert merge is not None
    assert {frozenset(m) for m in merge.members} == {
        frozenset({"nl", "yl"}),
        frozenset({"nr", "yr"}),
    }
    assert len(merge.lines()) == 2
    merged = merge.apply(column)
    assert np.array_equal(np.unique(merged.coded[0][u == 0]).shape, (1,))
    # Nothing to hide, and nothing that could be kept.
    assert find_merge(column, rng.integers(0, 2, 4000), 0.5) is None
    plain = read_table({"x": list("ab") * 100})["x"]
    assert find_merge(plain, (np.arange(200) % 2).astype(np.int64), 0.1) is None
