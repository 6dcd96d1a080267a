"""frontier(): how much leakage each bit of utility costs, over a range of budgets."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any, Literal, Self, final

import numpy as np

from privfunnel.columns import Table
from privfunnel.entropy import entropy, mutual_information
from privfunnel.estimate import Estimate, Progress, Rng
from privfunnel.funnels.fresh import Status, status_of
from privfunnel.funnels.groups import check_width
from privfunnel.funnels.lines import linear_line, response_line
from privfunnel.funnels.mechanisms import (
    Mechanism,
    Source,
    erasure,
    hull,
    identity,
    randomised_response,
)
from privfunnel.funnels.posteriors import Goal
from privfunnel.funnels.solvers import solve_all
from privfunnel.funnels.sweep import fingerprint, sweep
from privfunnel.variables import Codes, Variable, as_variable

Solver = Literal["auto", "discrete", "neural", "table"]
# Above this many values a discrete X is given to a net.
MOST_LEVELS = 200
# Points of the two edges of a known table, ends left out.
N_EDGE = 11
_BIT = math.log(2.0)


@final
@dataclass(frozen=True)
class Row:
    """One release on the frontier: what it was allowed, what it leaks and what it keeps [bit]."""

    budget: float
    leakage: Estimate
    utility: Estimate
    status: Status

    def to_dict(self) -> dict[str, Any]:
        """Plain types that JSON can hold."""
        return {
            "budget": self.budget,
            "status": self.status,
            "leakage": self.leakage.to_dict(),
            "utility": self.utility.to_dict(),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """The row that `to_dict` wrote."""
        leakage, utility = Estimate(**content["leakage"]), Estimate(**content["utility"])
        return cls(content["budget"], leakage, utility, content["status"])


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
    edges : curves (utility, leakage): of a known table "funnel" and "bottleneck"; "randomised
        response", which keeps a value or draws any other (local differential privacy; of a table
        with columns on each column); of numbers "linear", the linear release if they are Gaussian.
    solver : what made the rows.
    utility_name : what the utility axis shows.
    """

    rows: tuple[Row, ...]
    references: tuple[Reference, ...]
    edges: dict[str, tuple[tuple[float, float], ...]]
    solver: str
    utility_name: str

    @property
    def knee(self) -> Row | None:
        """The row to start from: most utility for its leakage, both as shares of the largest.

        None if every row is over its budget.
        """
        rows = [row for row in self.rows if row.status != "over"]
        most = max((row.utility.value for row in rows), default=0.0) or 1.0
        worst = max((row.leakage.value for row in rows), default=0.0) or 1.0
        gain = [row.utility.value / most - row.leakage.value / worst for row in rows]
        return rows[int(np.argmax(gain))] if rows else None

    def to_dict(self) -> dict[str, Any]:
        """Plain types that JSON can hold."""
        return {
            "knee": None if self.knee is None else self.knee.budget,
            "solver": self.solver,
            "unit": "bit",
            "utility_name": self.utility_name,
            "rows": [row.to_dict() for row in self.rows],
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
    state: str | os.PathLike[str] | None = None,
    n_jobs: int = 1,
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
    state : JSON file for finished budgets ("neural" and "table"): after an interruption the same
        call goes on from it. The seed must then be a number.
    n_jobs : budgets trained at once, through joblib; `joblib.parallel_config` chooses where, a
        Dask cluster for one. Take processes: threads give the same releases, but wait for each
        other, because torch has one seed a process. Budgets of a table then start afresh each.
    **options : passed to the funnel; for "discrete" `algorithm`, a solver of DiscreteFunnel.
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
    if n_jobs == 0:
        raise ValueError("n_jobs must be a number of jobs, or -1 for one a processor, not 0")
    if state is not None and not isinstance(rng, int):
        raise ValueError(f"with a state the seed must be a whole number, not {rng!r}")
    run = _Run(rng, progress or (lambda share, words: None), state, n_jobs, options)
    return makers[chosen](X, S, wanted, run)


@dataclass(frozen=True)
class _Run:
    """How the caller wants it done."""

    rng: Rng
    tell: Progress
    state: str | os.PathLike[str] | None
    n_jobs: int
    options: dict[str, Any]

    def sweep(
        self, budgets: list[float], one: Callable[[float], dict[str, Any]], key: str
    ) -> tuple[Row, ...]:
        found = sweep(
            budgets, one, state=self.state, key=key, n_jobs=self.n_jobs, progress=self.tell
        )
        return tuple(sorted((Row.from_dict(r) for r in found), key=lambda row: row.budget))


def _checked(budgets: Iterable[float]) -> list[float]:
    values = sorted({float(b) for b in budgets})
    if not values or not all(math.isfinite(b) and b >= 0 for b in values):
        raise ValueError(f"budgets must be numbers of bits of at least 0, not {values}")
    return values


def _shares(top: float) -> list[float]:
    return [round(share * top, 4) for share in (0.05, 0.1, 0.2, 0.35, 0.55, 0.75)]


def _discrete(X: Any, S: Any, budgets: list[float] | None, run: _Run) -> Frontier:
    x, s = as_variable(X, name="X").codes, as_variable(S, name="S").codes
    joint = np.zeros((int(s.max()) + 1, int(x.max()) + 1))
    np.add.at(joint, (s, x), 1.0 / len(x))
    source = Source(joint)
    wanted = budgets or _shares(source.leak / _BIT)
    top = entropy(joint.sum(axis=1))
    if wanted[-1] > top * (1 + 1e-9):
        raise ValueError(
            f"budget is {wanted[-1]:g}; {top:.4g} is all there is to know about the sensitive "
            "column, so every release is within it"
        )
    algorithm = run.options.get("algorithm", "auto")
    if set(run.options) - {"algorithm"}:
        raise TypeError(f"a discrete frontier takes the option algorithm, not {run.options}")
    inside = np.linspace(0.0, source.h_x, N_EDGE + 2)
    lower = [Goal("leakage", b * _BIT) for b in wanted]
    along = [Goal("utility", float(u)) for u in inside]
    made = solve_all(source, [*lower, *along], algorithm, run.rng, _part(run.tell, 0, 2))
    best = made[: len(wanted)]
    rows = [
        Row(budget, _exact(m.leakage, len(x)), _exact(m.utility, len(x)), "within")
        for budget, m in zip(wanted, best, strict=True)
    ]
    tops = [Goal("utility", float(u), upper=True) for u in inside]
    above = solve_all(source, tops, "auto", run.rng, _part(run.tell, 1, 2))
    edges = {
        "funnel": _points(hull([*made, erasure(source), identity(source)])),
        "bottleneck": _points(hull([*above, erasure(source), identity(source)], upper=True)),
        "randomised response": _points(randomised_response(source)),
    }
    references = _dropped_values(as_variable(X, name="X"), s)
    run.tell(1.0, "done")
    return Frontier(tuple(rows), references, edges, "discrete", "I(X;Z)")


def _dropped_values(x: Variable, s: Codes) -> tuple[Reference, ...]:
    """X less its most telling columns, one after the other, by its counts."""
    alone = [_told(x.take_columns([j]), s)[0] for j in range(x.dim)]
    order = sorted(range(x.dim), key=lambda j: -alone[j])
    found = []
    for k in range(x.dim):
        left = [j for j in range(x.dim) if j not in order[:k]]
        name = f"{x.name} as it is" if k == 0 else f"less {k} of {x.dim} columns"
        found.append(Reference(name, *_told(x.take_columns(left), s)))
    return tuple(found)


def _told(x: Variable, s: Codes) -> tuple[float, float]:
    joint = np.zeros((int(s.max()) + 1, x.n_levels))
    np.add.at(joint, (s, x.codes), 1.0 / len(s))
    return mutual_information(joint), entropy(joint.sum(axis=0))


def _exact(nats: float, n: int) -> Estimate:
    return Estimate(nats, nats, nats, "point", None, "exact", n, math.e).to_base(2)


def _points(mechanisms: list[Mechanism]) -> tuple[tuple[float, float], ...]:
    return tuple(sorted((m.utility / _BIT, m.leakage / _BIT) for m in mechanisms))


def _neural(X: Any, S: Any, budgets: list[float] | None, run: _Run) -> Frontier:
    from privfunnel.funnels.fresh import fresh_leakage, secret_codes

    x, s = as_variable(X, name="X"), as_variable(S, name="S")
    if budgets is None:
        codes = secret_codes(s.values[:, 0], s.kind == "discrete")
        raw = fresh_leakage(x.matrix, codes, confidence=0.95, rng=np.random.default_rng(run.rng))
        budgets = _shares(raw.to_base(2).value)
    one = partial(_neural_row, x, s, run.rng, run.options)
    key = fingerprint(x.values, s.values, run.rng, sorted(run.options.items()))
    rows = run.sweep(budgets, one, key)
    linear = linear_line(x, s, max(row.utility.value for row in rows))
    edges = {} if linear is None or run.options.get("utility") == "task" else {"linear": linear}
    return Frontier(rows, (), edges, "neural", "I(X;Z)")


def _neural_row(
    x: Variable, s: Variable, rng: Rng, options: dict[str, Any], budget: float
) -> dict[str, Any]:
    from privfunnel.funnels.neural import NeuralFunnel

    funnel = NeuralFunnel(budget, rng=rng, **options).fit(x, s)
    return Row(budget, funnel.leakage, funnel.utility, funnel.status).to_dict()


def _table(X: Table, S: str, budgets: list[float] | None, run: _Run) -> Frontier:
    from privfunnel.funnels.dropping import drop_columns

    check_width(X.names, S)
    dropped = drop_columns(X, S, rng=run.rng, progress=_part(run.tell, 0, 8))
    response = response_line(X, S, rng=run.rng, progress=_part(run.tell, 1, 8))
    wanted = budgets or _shares(dropped[0].leakage)
    # From loose to tight: each budget starts where the one before ended.
    one = partial(_table_row, X, S, run.rng, run.options, [] if run.n_jobs == 1 else None)
    key = fingerprint(X.digest(), S, run.rng, sorted(run.options.items()))
    rows = run.sweep(list(reversed(wanted)), one, key)
    references = tuple(Reference(d.name, d.leakage, d.utility) for d in dropped)
    name = "sum of I(X_j;Z_j) over columns"
    return Frontier(rows, references, {"randomised response": response}, "table", name)


def _table_row(
    table: Table,
    sensitive: str,
    rng: Rng,
    options: dict[str, Any],
    earlier: list[Any] | None,
    budget: float,
) -> dict[str, Any]:
    from privfunnel.funnels.tabular import TableFunnel

    start = earlier[-1] if earlier else None
    funnel = TableFunnel(budget, rng=rng, **options).fit(table, sensitive=sensitive, start=start)
    if start is not None and funnel.status == "over":
        # Where the last budget ended may be no place to go on from.
        funnel = TableFunnel(budget, rng=rng, **options).fit(table, sensitive=sensitive)
    if earlier is not None:
        earlier.append(funnel)
    status = status_of(funnel.leakage, budget)
    return Row(budget, funnel.leakage, funnel.utility, status).to_dict()


def _part(tell: Progress, i: int, n: int) -> Progress:
    return lambda share, words: tell((i + share) / n, words)
