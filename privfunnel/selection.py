"""Choose the columns that tell the most about a target, one after another.

Relevance is I(X_j; Y); the other criteria also look at the columns S chosen before (Brown, Pocock,
Zhao & Lujan 2012 put all of them on one scale).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from privfunnel.entropy import FloatArray, check_base
from privfunnel.estimate import Progress, Rng, estimate_mi
from privfunnel.estimators.pairwise import conditional_information, information, ranked
from privfunnel.variables import Variable, as_variable, join

__all__ = ["CRITERIA", "Selection", "select_features"]


@dataclass(frozen=True)
class Selection:
    """Columns chosen by `select_features`, best first.

    Iterating gives the indices, and numpy.asarray too, so that `X[:, list(selection)]` works.

    Attributes
    ----------
    indices : (k,) columns of X in the order in which they were chosen.
    names : their names, if X had any, else None.
    scores : (k,) criterion of each one when it was chosen [bit, or a ratio for the quotient].
    relevance : (p,) I(X_j; Y) of every column [bit].
    criterion : name in CRITERIA.
    """

    indices: tuple[int, ...]
    names: tuple[str, ...] | None
    scores: tuple[float, ...]
    relevance: tuple[float, ...] = field(repr=False)
    criterion: str

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices)

    def __getitem__(self, place: int) -> int:
        return self.indices[place]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.indices, dtype=dtype)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and text that JSON can hold."""
        return {
            "indices": list(self.indices),
            "names": None if self.names is None else list(self.names),
            "scores": list(self.scores),
            "relevance": list(self.relevance),
            "criterion": self.criterion,
        }

    def __repr__(self) -> str:
        shown = self.names if self.names is not None else self.indices
        return f"Selection({self.criterion}: {', '.join(map(str, shown))})"


@dataclass
class _Measurements:
    # Information [nat] between columns and target, measured when first asked for.
    columns: list[Variable]
    target: Variable
    method: str
    k: int
    rng: np.random.Generator
    pairs: dict[tuple[int, int], float] = field(default_factory=dict)
    given: dict[tuple[int, int], float] = field(default_factory=dict)

    @cached_property
    def relevance(self) -> FloatArray:
        """I(X_j; Y) of every column (p,)."""
        return np.array([self._information(column, self.target) for column in self.columns])

    def redundancy(self, j: int, s: int) -> float:
        """I(X_j; X_s)."""
        key = (min(j, s), max(j, s))
        if key not in self.pairs:
            self.pairs[key] = self._information(self.columns[key[0]], self.columns[key[1]])
        return self.pairs[key]

    def conditional(self, j: int, s: int) -> float:
        """I(X_j; Y | X_s)."""
        if (j, s) not in self.given:
            column, chosen = self.columns[j], self.columns[s]
            if self.method == "auto":
                value = conditional_information(column, self.target, chosen, k=self.k)
            else:
                both = self._information(join(column, chosen), self.target)
                value = both - float(self.relevance[s])
            self.given[j, s] = max(0.0, value)
        return self.given[j, s]

    def _information(self, a: Variable, b: Variable) -> float:
        if a.constant or b.constant:
            return 0.0
        if self.method == "auto":
            return max(0.0, information(a, b, k=self.k))
        return estimate_mi(a, b, method=self.method, base=math.e, rng=self.rng).value


def _relevance(m: _Measurements, j: int, chosen: list[int]) -> float:
    return float(m.relevance[j])


def _difference(m: _Measurements, j: int, chosen: list[int]) -> float:
    return float(m.relevance[j]) - _mean_redundancy(m, j, chosen)


def _quotient(m: _Measurements, j: int, chosen: list[int]) -> float:
    # The hundredth of a nat keeps noise around 0 from deciding.
    return float(m.relevance[j]) / (_mean_redundancy(m, j, chosen) + 0.01)


def _joint(m: _Measurements, j: int, chosen: list[int]) -> float:
    # Sum over s of I(X_j, X_s; Y), less what does not depend on j, as a mean.
    if not chosen:
        return float(m.relevance[j])
    return float(np.mean([m.conditional(j, s) for s in chosen]))


def _least_new(m: _Measurements, j: int, chosen: list[int]) -> float:
    return min([float(m.relevance[j]), *(m.conditional(j, s) for s in chosen)])


def _mean_redundancy(m: _Measurements, j: int, chosen: list[int]) -> float:
    return float(np.mean([m.redundancy(j, s) for s in chosen])) if chosen else 0.0


# name -> score of column j given the columns chosen so far, in nats (the quotient has no unit).
CRITERIA: dict[str, Callable[[_Measurements, int, list[int]], float]] = {
    "relevance": _relevance,
    "mrmr": _difference,
    "mrmr_quotient": _quotient,
    "jmi": _joint,
    "cmim": _least_new,
}


def select_features(
    X: Any,
    y: Any,
    k: int,
    *,
    criterion: str = "mrmr",
    method: str = "auto",
    n_neighbors: int = 3,
    discrete_y: bool | None = None,
    base: float = 2,
    rng: Rng = None,
    progress: Progress | None = None,
) -> Selection:
    """Choose k columns of X that together tell much about y.

    Parameters
    ----------
    X : (n, p) array or DataFrame; kinds of columns are inferred as in `estimate_mi`.
    y : (n,) labels or numbers.
    k : how many columns to choose; more than there are chooses all.
    criterion : "relevance" I(X_j; Y); "mrmr" relevance less mean I(X_j; X_s) (Peng, Long & Ding
        2005); "mrmr_quotient" their ratio (Ding & Peng 2005); "jmi" joint information (Yang &
        Moody 1999); "cmim" least conditional information (Fleuret 2004).
    method : "auto" takes counts, Ross' or the KSG estimator by the kinds of the two sides; else a
        name in METHODS, with I(X_j; Y | X_s) from the chain rule.
    n_neighbors : neighbours of the nearest-neighbour estimators under "auto".
    discrete_y : state whether y is discrete instead of having it inferred.
    base : unit of the scores, 2 for bits.
    rng : breaks ties in repeated values; the same seed gives the same choice.
    progress : called with the share done and a few words.

    Raises
    ------
    ValueError
        For an unknown criterion or method, k < 1, different lengths, missing or infinite values.
    """
    if criterion not in CRITERIA:
        raise ValueError(f"criterion must be one of {', '.join(CRITERIA)}, not {criterion!r}")
    if isinstance(k, bool) or not (isinstance(k, int | np.integer) and k >= 1):
        raise ValueError(f"k must be a whole number >= 1, not {k!r}")
    unit = check_base(base)
    table, target = as_variable(X, name="X"), as_variable(y, name="y", discrete=discrete_y)
    if len(table) != len(target):
        raise ValueError(f"X has {len(table)} rows, y has {len(target)}")
    columns = [
        Variable(table.values[:, [j]], (table.discrete[j],), (table.nominal[j],), f"X[{j}]")
        for j in range(table.dim)
    ]
    if method == "auto":
        generator = np.random.default_rng(rng)
        columns = [ranked(column, generator) for column in columns]
        target = ranked(target, generator)
    measured = _Measurements(columns, target, method, n_neighbors, np.random.default_rng(rng))
    chosen, scores = _greedy(measured, min(int(k), len(columns)), criterion, progress)
    names = getattr(X, "columns", None)
    scale = 1.0 if criterion == "mrmr_quotient" else unit
    return Selection(
        tuple(chosen),
        None if names is None else tuple(str(names[j]) for j in chosen),
        tuple(score / scale for score in scores),
        tuple(float(value) / unit for value in measured.relevance),
        criterion,
    )


def _greedy(
    measured: _Measurements, k: int, criterion: str, progress: Progress | None
) -> tuple[list[int], list[float]]:
    score = CRITERIA[criterion]
    chosen: list[int] = []
    scores: list[float] = []
    left = list(range(len(measured.columns)))
    while len(chosen) < k:
        # Of equal scores (no new information, say) the more relevant column comes first.
        value, _, minus = max((score(measured, j, chosen), measured.relevance[j], -j) for j in left)
        scores.append(value)
        chosen.append(-minus)
        left.remove(-minus)
        if progress is not None:
            progress(len(chosen) / k, f"{len(chosen)} of {k} columns")
    return chosen, scores


def __getattr__(name: str) -> Any:
    # The transformer needs scikit-learn, which nothing else here does.
    if name == "FeatureSelector":
        from privfunnel.selector import FeatureSelector

        return FeatureSelector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
