"""Another budget for the same findings gives the report that a new audit would give."""

from __future__ import annotations

import dataclasses

import pytest

from privfunnel.audit.audit import audit
from privfunnel.audit.judging import with_budget
from privfunnel.datasets import load_table


@pytest.fixture(scope="module")
def table():
    return load_table("anes96").select(["vote", "clinton_left_right", "income", "age"])


def test_a_moved_budget_is_a_new_audit(table) -> None:
    read = audit(table, sensitive="vote", rng=0)
    seen = set()
    for budget in (None, 0.05, 0.3, 0.9):
        anew = audit(table, sensitive="vote", budget=budget, rng=0)
        assert with_budget(read, budget).to_dict() == anew.to_dict()
        seen.add(anew.findings.verdict)
    assert {"measured", "over", "within"} <= seen
    edge = read.findings.together.leakage
    between = with_budget(read, 0.5 * (edge.value + edge.upper))
    assert between.findings.verdict == "inconclusive"
    assert between.findings.n_to_decide


def test_bad_input(table) -> None:
    read = audit(table, sensitive="vote", rng=0, largest_set=1)
    for budget in (-0.1, 5.0):
        with pytest.raises(ValueError, match="need between 0 and"):
            with_budget(read, budget)
    asked = dataclasses.replace(read.findings, suggestions=("something",))
    with pytest.raises(ValueError, match="audit again"):
        with_budget(dataclasses.replace(read, findings=asked), 0.1)
