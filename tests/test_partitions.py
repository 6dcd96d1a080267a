"""Hierarchical information against its recursive definition on trees."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privfunnel.partitions import (
    hierarchical_mutual_information as shared,
)
from privfunnel.partitions import (
    normalised_hierarchical_mutual_information as share,
)
from tests import reference_mi as slow

Tree = list[Any]


def tree(labels: np.ndarray) -> Tree:
    """Groups within groups as lists of lists; the innermost hold the things themselves."""

    def grow(things: list[int], level: int) -> Tree:
        if level == labels.shape[1]:
            return things
        groups: dict[int, list[int]] = {}
        for i in things:
            groups.setdefault(int(labels[i, level]), []).append(i)
        return [grow(members, level + 1) for members in groups.values()]

    return grow(list(range(len(labels))), 0)


def things(node: Tree) -> set[int]:
    return {i for part in node for i in (things(part) if isinstance(part, list) else [part])}


def recursive(first: Tree, second: Tree) -> float:
    """Perotti et al. (2015): the information of the children in what both nodes hold, and theirs.

    Nodes that hold things instead of groups have none.
    """
    if not (isinstance(first[0], list) and isinstance(second[0], list)):
        return 0.0
    overlap = np.array([[len(things(a) & things(b)) for b in second] for a in first], dtype=float)
    if overlap.sum() == 0:
        return 0.0
    chance = overlap / overlap.sum()
    total = slow.mutual_information(chance)
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            if chance[i, j] > 0:
                common = things(a) & things(b)
                total += float(chance[i, j]) * recursive(_kept(a, common), _kept(b, common))
    return total


def _kept(node: Tree, common: set[int]) -> Tree:
    if not isinstance(node[0], list):
        return [i for i in node if i in common]
    return [_kept(part, common) for part in node if things(part) & common]


labels = st.tuples(st.integers(2, 14), st.integers(1, 3), st.integers(0, 10**6))


@settings(deadline=None, max_examples=80)
@given(labels, st.integers(1, 3))
def test_levels_sum_to_the_recursive_definition(drawn: tuple[int, int, int], other: int) -> None:
    n, levels, seed = drawn
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 3, (n, levels)), rng.integers(0, 3, (n, other))
    value = shared(first, second, base=math.e)
    assert value == pytest.approx(recursive(tree(first), tree(second)), abs=1e-10)
    assert shared(second, first, base=math.e) == pytest.approx(value, abs=1e-10)
    assert shared(first, second) == pytest.approx(value / math.log(2), abs=1e-10)
    assert 0.0 <= share(first, second) <= 1.0


def test_one_level_is_the_information_of_two_partitions() -> None:
    x, y = ["a", "a", "b", "b", "c", "c"], [0, 0, 1, 1, 1, 0]
    assert shared(x, y, base=math.e) == pytest.approx(slow.sample_information(x, y), abs=1e-12)


def test_with_itself_it_is_the_entropy_of_the_finest_groups() -> None:
    first = [[0, 0], [0, 0], [0, 1], [1, 0], [1, 1], [1, 1]]
    masses = np.array([2, 1, 1, 2]) / 6
    assert shared(first, first, base=math.e) == pytest.approx(slow.entropy(masses))
    assert share(first, first) == pytest.approx(1.0)


def test_a_level_that_one_side_lacks_adds_nothing() -> None:
    deep = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    assert shared(deep, deep[:, 0]) == pytest.approx(1.0)
    assert shared(deep, deep) == pytest.approx(2.0)


def test_the_same_leaves_under_other_groups_share_less() -> None:
    # The finest groups are the same four things, but the upper level is crossed.
    first = [[0, 0], [0, 1], [1, 0], [1, 1]]
    crossed = [[0, 0], [1, 0], [0, 1], [1, 1]]
    assert shared(first, crossed) == pytest.approx(0.0, abs=1e-12)


def test_partitions_that_divide_nothing() -> None:
    nothing, something = [[0, 0]] * 4, [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert shared(nothing, something) == 0.0
    assert share(nothing, nothing) == 1.0
    assert share(nothing, something) == 0.0
    assert share([5], [7]) == 1.0


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([0, 1], [0, 1, 2], "first has 2 rows, second has 3"),
        ([], [0], "first must have shape"),
        ([0], np.zeros((1, 1, 1)), "second must have shape"),
        ([0.0, math.nan], [0, 1], "first holds missing labels"),
        ([0, 1], np.array(["a", None], dtype=object), "second (holds missing|must hold)"),
        ([0, 1], np.array(["a", 3], dtype=object), "second must hold labels of one kind"),
    ],
)
def test_bad_input(first: Any, second: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shared(first, second)
