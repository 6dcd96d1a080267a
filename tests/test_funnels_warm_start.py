"""A table's frontier goes from loose budgets to tight ones, and starts afresh where that fails."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pytest

from privfunnel.estimate import Estimate
from privfunnel.funnels import tabular
from privfunnel.funnels.frontier import frontier
from privfunnel.tables import read_table


def recorded(calls: list[tuple[float, Any]], fails: bool) -> type:
    """A funnel that leaks half of its budget, or twice as much from a warm start that fails."""

    class Recorded:
        def __init__(self, budget: float, **options: Any) -> None:
            self.budget = budget

        def fit(self, table: Any, *, sensitive: str, start: Any = None) -> Self:
            calls.append((self.budget, start))
            over = fails and start is not None
            value = self.budget * (2.0 if over else 0.5)
            self.leakage = Estimate(value, value, value, "lower", None, "none", 10, 2)
            self.utility = self.leakage
            self.status = "over" if over else "within"
            return self

    return Recorded


@pytest.mark.parametrize("fails", [False, True])
def test_a_warm_start_over_budget_is_given_up(monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    rng = np.random.default_rng(0)
    table = read_table({"s": rng.integers(0, 2, 150), "a": rng.integers(0, 3, 150)})
    calls: list[tuple[float, Any]] = []
    monkeypatch.setattr(tabular, "TableFunnel", recorded(calls, fails))
    found = frontier(table, "s", [0.1, 0.3, 0.2])
    assert [row.status for row in found.rows] == ["within"] * 3
    warm = [(budget, None if start is None else start.budget) for budget, start in calls]
    if fails:
        assert warm == [(0.3, None), (0.2, 0.3), (0.2, None), (0.1, 0.2), (0.1, None)]
    else:
        assert warm == [(0.3, None), (0.2, 0.3), (0.1, 0.2)]
