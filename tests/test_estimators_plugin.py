"""Plug-in information from counts: slow twins of the corrections, known truth, coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from privfunnel.counting import count, from_table
from privfunnel.datasets import from_joint, symmetric_channel
from privfunnel.estimate import Estimate, estimate_mi
from privfunnel.estimators.plugin import CORRECTIONS, null_readings, plugin_mi, table_mi
from privfunnel.panel import huang_el_gamal
from privfunnel.variables import as_variable
from tests import reference_mi as slow

METHODS = ("plugin", "corrected", "miller_madow", "grassberger", "shrinkage", "nsb")
corrections = pytest.mark.parametrize("correction", CORRECTIONS)
methods = pytest.mark.parametrize("method", METHODS)


def check(result: Estimate) -> None:
    """What holds for every estimate."""
    numbers = (result.value, result.lower, result.upper, result.details["raw"])
    assert all(math.isfinite(number) for number in numbers), result
    assert 0.0 <= result.lower <= result.value <= result.upper, result
    assert result.value == max(0.0, result.details["raw"])
    assert result.p_value is None or 0.0 < result.p_value <= 1.0


# Slow twins


def drawn_counts(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    joint = slow.random_table(rng.integers(1, 6, 2), seed, empty=0.3)
    return rng.multinomial(int(rng.integers(1, 80)), joint.ravel()).reshape(joint.shape)


def miller_madow(table: np.ndarray) -> float:
    # Each entropy gains (occupied cells - 1) / (2 n).
    def bonus(counts: np.ndarray) -> float:
        return (np.count_nonzero(counts) - 1) / (2 * table.sum())

    rows, columns = table.sum(axis=1), table.sum(axis=0)
    plain = slow.mutual_information(table / table.sum())
    return plain + bonus(rows) + bonus(columns) - bonus(table)


def grassberger(table: np.ndarray) -> float:
    # G by its recursion: G(1) = -gamma - ln 2, G(2) = G(1) + 2, G(2k+1) = G(2k),
    # G(2k+2) = G(2k) + 2 / (2k+1).
    g = [0.0, -np.euler_gamma - math.log(2)]
    for k in range(2, int(table.sum()) + 1):
        g.append(g[-1] if k % 2 else g[-2 if k > 2 else -1] + 2 / (k - 1))

    def h(counts: np.ndarray) -> float:
        n = int(counts.sum())
        return math.log(n) - math.fsum(int(k) * g[int(k)] for k in counts.ravel() if k) / n

    return h(table.sum(axis=1)) + h(table.sum(axis=0)) - h(table)


def shrinkage(table: np.ndarray) -> float:
    n, p = int(table.sum()), table / table.sum()
    target = np.outer(p.sum(axis=1), p.sum(axis=0))
    distance = math.fsum((p[i] - target[i]) ** 2 for i in np.ndindex(p.shape))
    if n < 2 or distance == 0:
        return 0.0
    share = min(1.0, math.fsum(q * (1 - q) for q in p.ravel()) / (n - 1) / distance)
    return slow.mutual_information(share * target + (1 - share) * p)


TWINS = {
    "none": lambda table: slow.mutual_information(table / table.sum()),
    "miller_madow": miller_madow,
    "grassberger": grassberger,
    "shrinkage": shrinkage,
}


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.sampled_from(list(TWINS)))
def test_slow_twins_of_the_corrections(seed: int, correction: str) -> None:
    table = drawn_counts(seed)
    exact = TWINS[correction](table)
    assert CORRECTIONS[correction](from_table(table)) == pytest.approx(exact, abs=1e-10)


def test_the_first_values_of_grassbergers_g() -> None:
    # One person in each of two cells: H = ln 2 - G(1).
    raw = CORRECTIONS["grassberger"](from_table([[1, 0], [0, 1]]))
    assert raw == pytest.approx(math.log(2) + np.euler_gamma + math.log(2), abs=1e-12)


@pytest.mark.parametrize(("rows", "columns"), [([3, 4], [2, 5]), ([2, 2, 3], [4, 3])])
def test_the_null_is_that_of_shuffled_people(rows: list[int], columns: list[int]) -> None:
    table = next(slow.tables_with_margins(rows, columns))
    n = sum(rows)
    readings, chances = [], []
    for other in slow.tables_with_margins(rows, columns):
        readings.append(slow.mutual_information(other / n))
        chances.append(slow.chance_of_table(other))
    assert math.fsum(chances) == pytest.approx(1.0)
    mean = math.fsum(p * r for p, r in zip(chances, readings, strict=True))
    sd = math.sqrt(math.fsum(p * (r - mean) ** 2 for p, r in zip(chances, readings, strict=True)))
    drawn = null_readings(from_table(table), np.random.default_rng(0), 4000)
    assert len(drawn) == 4000
    assert drawn.mean() == pytest.approx(mean, abs=6 * sd / math.sqrt(4000))
    assert drawn.std() == pytest.approx(sd, rel=0.15)
    possible = np.array(sorted(set(readings)))
    nearest = np.abs(drawn[:, None] - possible[None, :]).min(axis=1)
    assert nearest.max() < 1e-12


def test_the_p_value_counts_tables_at_least_as_far() -> None:
    table = np.array([[5, 1], [1, 4]])
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    own = slow.mutual_information(table / table.sum())
    exact = math.fsum(
        slow.chance_of_table(other)
        for other in slow.tables_with_margins(rows, columns)
        if slow.mutual_information(other / table.sum()) >= own - 1e-12
    )
    result = table_mi(table, n_permutations=4000, rng=1)
    assert result.p_value == pytest.approx(exact, abs=6 * math.sqrt(exact / 4000))


def test_the_null_of_tables_too_wide_to_write_out() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 600, 1500), rng.integers(0, 600, 1500)
    null = null_readings(count(x, y), rng, 8)
    assert len(null) == 8
    twin = [slow.sample_information(x.tolist(), rng.permutation(y).tolist()) for _ in range(8)]
    assert null.mean() == pytest.approx(np.mean(twin), abs=0.05)


# Known truth


@methods
@pytest.mark.parametrize(
    "joint",
    [symmetric_channel(0.1), symmetric_channel(0.4, 0.3), huang_el_gamal()],
    ids=["flipped", "noisy", "3x3"],
)
def test_truth_lies_in_the_interval(method: str, joint: np.ndarray) -> None:
    task = from_joint("", joint)
    x, y = task.sample(4000, 3)
    result = estimate_mi(x, y, method=method, confidence=0.999, rng=0)
    check(result)
    assert result.lower <= task.bits <= result.upper
    assert result.value == pytest.approx(task.bits, abs=0.03)
    assert result.method == method
    assert result.bound == "point"
    assert result.p_value is not None
    assert result.p_value < 0.01


@methods
def test_independence(method: str) -> None:
    rng = np.random.default_rng(5)
    result = estimate_mi(rng.integers(0, 6, 2000), rng.integers(0, 6, 2000), method=method, rng=0)
    check(result)
    assert result.value < 0.02
    assert result.lower == 0.0
    assert result.p_value is not None
    assert result.p_value > 0.01


def test_sampling_says_what_counting_people_says() -> None:
    rng = np.random.default_rng(1)
    x = rng.choice(["red", "green", "blue"], 300)
    y = np.where(rng.random(300) < 0.5, x, "red")
    result = estimate_mi(x, y, method="plugin", base=math.e, rng=0)
    assert result.value == pytest.approx(slow.sample_information(list(x), list(y)), abs=1e-12)
    assert result.n == 300


@pytest.mark.parametrize(
    ("joint", "n"),
    [
        (symmetric_channel(0.1), 200),
        (symmetric_channel(0.45), 500),
        (np.outer([0.2, 0.3, 0.5], [0.25] * 4), 300),
        (np.full((10, 10), 0.006) + 0.04 * np.eye(10), 600),
    ],
    ids=["strong", "weak", "none", "many cells"],
)
def test_the_interval_covers(joint: np.ndarray, n: int) -> None:
    repetitions = 100
    truth = slow.mutual_information(joint)
    rng = np.random.default_rng(11)
    covered = 0
    for _ in range(repetitions):
        table = rng.multinomial(n, joint.ravel()).reshape(joint.shape)
        result = table_mi(table, rng=rng, n_permutations=60)
        check(result)
        covered += result.lower <= truth <= result.upper
    # An interval that covers 92 of 100 falls below this once in a million such runs.
    least = int(stats.binom.ppf(1e-6, repetitions, 0.92))
    assert covered >= least, f"{covered} of {repetitions}"


@pytest.mark.parametrize(("levels", "n"), [(2, 100), (5, 1000), (12, 300)])
def test_false_alarms_are_rare(levels: int, n: int) -> None:
    repetitions = 100
    rng = np.random.default_rng(12)
    alarms, certain = 0, 0
    for _ in range(repetitions):
        x, y = rng.integers(0, levels, n), rng.integers(0, levels, n)
        result = table_mi(count(x, y), rng=rng, n_permutations=99)
        assert result.p_value is not None
        alarms += result.p_value <= 0.05
        certain += result.lower > 0
    most = int(stats.binom.isf(1e-6, repetitions, 0.05))
    assert alarms <= most, f"{alarms} of {repetitions}"
    assert certain <= most, f"{certain} of {repetitions}"


def test_permutation_takes_the_bias_off() -> None:
    rng = np.random.default_rng(3)
    plain, corrected = [], []
    for _ in range(30):
        table = count(rng.integers(0, 15, 300), rng.integers(0, 15, 300))
        plain.append(table_mi(table, correction="none", rng=rng).details["raw"])
        corrected.append(table_mi(table, rng=rng).details["raw"])
    assert min(plain) > 0.2  # what 196 degrees of freedom in 300 rows pretend
    assert abs(np.mean(corrected)) < 0.03
    assert min(corrected) < 0.0  # the raw reading is not clipped


def test_the_least_detectable_leak_is_detected_four_times_out_of_five() -> None:
    n, repetitions = 400, 60
    rng = np.random.default_rng(4)
    least = table_mi(np.full((2, 2), n // 4), rng=0).details["least_detectable"]
    # The flipped bit that leaks as much.
    low, high = 0.0, 0.5
    for _ in range(60):
        middle = (low + high) / 2
        leak = slow.mutual_information(symmetric_channel(middle))
        low, high = (middle, high) if leak > least else (low, middle)
    found = 0
    for _ in range(repetitions):
        table = rng.multinomial(n, symmetric_channel(low).ravel()).reshape(2, 2)
        found += table_mi(table, rng=rng).p_value <= 0.05
    assert found >= int(stats.binom.ppf(1e-6, repetitions, 0.75)), f"{found} of {repetitions}"


# Degenerate tables


@corrections
@pytest.mark.parametrize(
    "table",
    [
        [[7]],
        [[3, 4]],
        [[3], [4]],
        [[1]],
        [[1, 0], [0, 1]],
        [[2, 0], [0, 0]],
        [[1, 0, 0], [0, 0, 0], [0, 0, 1]],
        np.eye(40, dtype=int),
        np.full((3, 3), 10**9),
        [[10**12, 0], [0, 10**12]],
        [[0, 5], [5, 0]],
    ],
    ids=lambda t: str(np.shape(t)) + str(np.max(t)) if not isinstance(t, str) else t,
)
def test_degenerate_tables(correction: str, table: list[list[int]]) -> None:
    check(table_mi(table, correction=correction, rng=0))


@methods
def test_a_label_for_every_person(method: str) -> None:
    n = 60
    result = estimate_mi(np.arange(n), np.arange(n), method=method, rng=0, discrete_x=True)
    check(result)
    # Any shuffle of such columns reads the same: this tells nothing.
    if method == "corrected":
        assert result.value == pytest.approx(0.0, abs=1e-9)
    assert result.p_value == 1.0


@methods
def test_a_copy(method: str) -> None:
    x = np.repeat([0, 1, 2, 3], 100)
    result = estimate_mi(x, x, method=method, rng=0)
    check(result)
    assert result.value == pytest.approx(2.0, abs=0.1)
    assert result.p_value is not None
    assert result.p_value < 1e-3


def test_a_hundred_thousand_labels() -> None:
    n = 100_000
    x = np.array([f"person {i}" for i in range(n)])
    y = np.random.default_rng(0).integers(0, 2, n)
    result = estimate_mi(x, y, method="corrected", rng=0)
    check(result)
    assert result.value < 0.01
    assert estimate_mi(x, y, method="plugin", rng=0).value == pytest.approx(1.0, abs=0.01)


def test_many_people_cost_no_more() -> None:
    table = np.array([[3, 1], [1, 3]]) * 10**9
    result = table_mi(table, rng=0)
    check(result)
    assert result.value == pytest.approx(slow.mutual_information(table / table.sum()), abs=1e-6)
    assert result.n == 8 * 10**9


# Options


def test_the_same_seed_gives_the_same_result() -> None:
    table = np.array([[30, 20], [10, 25]])
    assert table_mi(table, rng=7) == table_mi(table, rng=7)
    assert (
        table_mi(table, rng=7).details["null_mean"] != table_mi(table, rng=8).details["null_mean"]
    )


def test_confidence_widens_the_interval() -> None:
    table = np.array([[30, 20], [10, 25]])
    narrow, wide = (table_mi(table, confidence=c, rng=7) for c in (0.5, 0.99))
    assert wide.lower <= narrow.lower
    assert wide.upper > narrow.upper


def test_unknown_corrections() -> None:
    with pytest.raises(ValueError, match=r"one of none, permutation.*'jackknife'"):
        table_mi([[1, 2], [3, 4]], correction="jackknife")


def test_sides_that_are_no_codes() -> None:
    x, y = as_variable(np.linspace(0, 1, 30)), as_variable([0, 1] * 15)
    with pytest.raises(ValueError, match=r"x holds values that are not whole.*'auto' or 'ksg'"):
        plugin_mi(x, y, rng=np.random.default_rng(0))
