"""frontier(): how much leakage each bit of utility costs, over a range of budgets."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal, final

import numpy as np

from privfunnel.columns import Table
from privfunnel.entropy import entropy
from privfunnel.estimate import Estimate, Progress, Rng
from privfunnel.funnels.discrete import DiscreteFunnel
from privfunnel.funnels.fresh import Status, status_of
from privfunnel.variables import as_variable

Solver = Literal["auto", "discrete", "neural", "table"]
# Above this many values a discrete X is given to a net.
MOST_LEVELS = 200
# Points of the two edges of a known table, ends left out.
N_EDGE = 11


@final
@dataclass(frozen=True)
class Row:
    """One release on the frontier: what it was allowed, what it leaks and what it keeps [bit]."""

    budget: float
    leakage: Estimate
    utility: Estimate
    status: Status


@final
@dataclass(frozen=True)
class Reference:
    """A release to compare with: its name and its place [bit]."""

    name: str
    leakage: float
    utility: float


@final
@dataclass(frozen=True)
class Frontier:
    """Releases by rising budget, and other ways to release for comparison.

    Attributes
    ----------
    rows : one for each budget.
    references : simpler releases, such as dropping columns.
    edges : curves (utility, leakage) of a known table: "funnel" and "bottleneck".
    solver : what made the rows.
    utility_name : what the utility axis shows.
    """

    rows: tuple[Row, ...]
    references: tuple[Reference, ...]
    edges: dict[str, tuple[tuple[float, float], ...]]
    solver: str
    utility_name: str

    def to_dict(self) -> dict[str, Any]:
        """Plain types that JSON can hold."""
        return {
            "solver": self.solver,
            "unit": "bit",
            "utility_name": self.utility_name,
            "rows": [
                {
                    "budget": row.budget,
                    "status": row.status,
                    "leakage": row.leakage.to_dict(),
                    "utility": row.utility.to_dict(),
                }
                for row in self.rows
            ],
            "references": [vars(r) for r in self.references],
            "edges": {name: [list(point) for point in edge] for name, edge in self.edges.items()},
        }

    def to_frame(self) -> Any:
        """One line a budget, as a pandas, polars or pyarrow table: the first that is installed."""
        columns: dict[str, list[Any]] = {
            "budget": [row.budget for row in self.rows],
            "status": [row.status for row in self.rows],
        }
        for side in ("leakage", "utility"):
            for end in ("value", "lower", "upper"):
                name = side if end == "value" else f"{side}_{end}"
                columns[name] = [getattr(getattr(row, side), end) for row in self.rows]
        if find_spec("pandas"):
            import pandas as pd

            return pd.DataFrame(columns)
        if find_spec("polars"):
            import polars as pl

            return pl.DataFrame(columns)
        import pyarrow

        return pyarrow.table(columns)

    def plot(self, ax: Any = None) -> Any:
        """Draw leakage against utility on matplotlib axes, new ones if none are given."""
        from privfunnel.funnels.picture import draw

        return draw(self, ax)

    def __repr__(self) -> str:
        return f"Frontier({len(self.rows)} budgets, {self.solver})"


def frontier(
    X: Any,
    S: Any,
    budgets: Iterable[float] | None = None,
    *,
    solver: Solver = "auto",
    rng: Rng = 0,
    progress: Progress | None = None,
    **options: Any,
) -> Frontier:
    """The best releases of X found for each budget of leakage about S [bit].

    Parameters
    ----------
    X : a Table of the columns to release, or an array (n,) or (n, d).
    S : (n,) the sensitive column; for a Table X, the name of its sensitive column.
    budgets : in bits; by default from 5 to 75 per cent of what X leaks.
    solver : "discrete" (exact, X of few values), "neural" (vectors) or "table" (columns of their
        own); "auto" chooses by X.
    rng : seed; all budgets are read on the same people, whom no training saw.
    **options : passed to the funnel.
    """
    if isinstance(X, Table):
        chosen: str = "table"
    elif solver != "auto":
        chosen = solver
    else:
        side = as_variable(X, name="X")
        few = side.kind == "discrete" and side.n_levels <= MOST_LEVELS
        chosen = "discrete" if few else "neural"
    makers: dict[str, Callable[..., Frontier]] = {
        "discrete": _discrete,
        "neural": _neural,
        "table": _table,
    }
    if chosen not in makers or (chosen == "table") != isinstance(X, Table):
        raise ValueError(
            f"solver {solver!r} does not fit X: 'table' needs a Table, 'discrete' and 'neural' "
            "arrays"
        )
    wanted = None if budgets is None else _checked(budgets)
    return makers[chosen](X, S, wanted, rng, progress or (lambda share, words: None), options)


def _checked(budgets: Iterable[float]) -> list[float]:
    values = sorted({float(b) for b in budgets})
    if not values or not all(math.isfinite(b) and b >= 0 for b in values):
        raise ValueError(f"budgets must be numbers of bits of at least 0, not {values}")
    return values


def _shares(top: float) -> list[float]:
    return [round(share * top, 4) for share in (0.05, 0.1, 0.2, 0.35, 0.55, 0.75)]


def _discrete(
    X: Any, S: Any, budgets: list[float] | None, rng: Rng, tell: Progress, options: dict[str, Any]
) -> Frontier:
    x, s = as_variable(X, name="X").codes, as_variable(S, name="S").codes
    h_x = entropy(np.bincount(x) / len(x))
    whole = DiscreteFunnel(utility=h_x).fit(s, x)
    leak = whole.leakage.value
    wanted = budgets or _shares(leak)
    steps = len(wanted) + N_EDGE
    rows = []
    for i, budget in enumerate(wanted):
        tell(i / steps, f"budget {budget:.3f} bits")
        funnel = DiscreteFunnel(budget=budget, rng=rng, **options).fit(s, x)
        rows.append(Row(budget, funnel.leakage, funnel.utility, "within"))
    edges = {name: [(0.0, 0.0), (h_x, leak)] for name in ("funnel", "bottleneck")}
    for i, utility in enumerate(np.linspace(0.0, h_x, N_EDGE + 2)[1:-1]):
        tell((len(wanted) + i) / steps, f"edges at {utility:.2f} bits")
        funnel = DiscreteFunnel(utility=float(utility), rng=rng, **options).fit(s, x)
        edges["funnel"].append((funnel.utility.value, funnel.leakage.value))
        edges["bottleneck"].append((funnel.utility.value, funnel.bottleneck().value))
    edges["funnel"] += [(row.utility.value, row.leakage.value) for row in rows]
    everything = Reference("X as it is", leak, h_x)
    tell(1.0, "done")
    sorted_edges = {name: tuple(sorted(points)) for name, points in edges.items()}
    return Frontier(tuple(rows), (everything,), sorted_edges, "discrete", "I(X;Z)")


def _neural(
    X: Any, S: Any, budgets: list[float] | None, rng: Rng, tell: Progress, options: dict[str, Any]
) -> Frontier:
    from privfunnel.funnels.fresh import fresh_leakage, secret_codes
    from privfunnel.funnels.neural import NeuralFunnel

    x, s = as_variable(X, name="X"), as_variable(S, name="S")
    codes = secret_codes(s.values[:, 0], s.kind == "discrete")
    raw = fresh_leakage(x.matrix, codes, confidence=0.95, rng=np.random.default_rng(rng))
    wanted = budgets or _shares(raw.to_base(2).value)
    rows = []
    for i, budget in enumerate(wanted):
        funnel = NeuralFunnel(budget, rng=rng, **options).fit(
            x, s, progress=_part(tell, i, len(wanted))
        )
        rows.append(Row(budget, funnel.leakage, funnel.utility, funnel.status))
    tell(1.0, "done")
    return Frontier(tuple(rows), (), {}, "neural", "I(X;Z)")


def _table(
    X: Table, S: str, budgets: list[float] | None, rng: Rng, tell: Progress, options: dict[str, Any]
) -> Frontier:
    from privfunnel.funnels.dropping import drop_columns
    from privfunnel.funnels.tabular import TableFunnel

    dropped = drop_columns(X, S, rng=rng, progress=_part(tell, 0, 8))
    wanted = budgets or _shares(dropped[0].leakage)
    rows: list[Row] = []
    before: TableFunnel | None = None
    # From loose to tight: each budget starts where the one before ended.
    for i, budget in enumerate(reversed(wanted)):
        funnel = TableFunnel(budget, rng=rng, **options).fit(
            X, sensitive=S, start=before, progress=_part(tell, i + 1, len(wanted) + 1)
        )
        status = status_of(funnel.leakage, budget)
        rows.append(Row(budget, funnel.leakage, funnel.utility, status))
        before = funnel
    tell(1.0, "done")
    references = tuple(Reference(d.name, d.leakage, d.utility) for d in dropped)
    name = "sum of I(X_j;Z_j) over columns"
    return Frontier(tuple(reversed(rows)), references, {}, "table", name)


def _part(tell: Progress, i: int, n: int) -> Progress:
    return lambda share, words: tell((i + share) / n, words)
