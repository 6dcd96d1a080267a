"""DiscreteFunnel: the best release of a discrete X, from a joint table or from samples."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Sequence
from typing import Any, Self, final

import numpy as np
import numpy.typing as npt

from privfunnel.entropy import FloatArray, check_base, check_table, normalise
from privfunnel.estimate import Estimate, Rng
from privfunnel.funnels.export import (
    chance_table,
    column_of,
    is_deterministic,
    select,
    with_letters,
    write_chances,
)
from privfunnel.funnels.mechanisms import Mechanism, Source
from privfunnel.funnels.posteriors import Goal
from privfunnel.funnels.solvers import solve


@final
class DiscreteFunnel:
    """The channel p(z|x) that tells least about S for what it tells about X, or most for a budget.

    Exactly one of `budget` (largest I(S;Z)) and `utility` (smallest I(X;Z)) is given, in bits
    unless `base` says otherwise.

    Parameters
    ----------
    budget : largest leakage I(S;Z), between 0 and H(S).
    utility : smallest utility I(X;Z), between 0 and H(X).
    solver : "auto" (chains what helps), "greedy" (Makhdoumi et al. 2014), "ratio_greedy",
        "submodular" (Ding & Sadeghi 2019), "dc" (Huang & El Gamal 2024), "softmax", "columns"
        (linear programme over posteriors; for X of up to 4 values with a proof).
    base : unit, 2 for bits, math.e for nats.
    rng : seed or generator of the solvers' random starts.

    Attributes
    ----------
    channel : (n_x, n_z) array, p(z|x).
    letters : names of the released letters, (n_z,).
    levels : values of X, one for each row of `channel`.
    mechanism : how it was made; "0.4 a + 0.6 b" means: draw a or b, publish which.
    gap : how much better any release can be, proven; None where nothing is proven.

    Notes
    -----
    All numbers are exact for the table given. For a table counted from few people that is not
    the population's: audit the released column on people the funnel was not fitted on.
    """

    def __init__(
        self,
        *,
        budget: float | None = None,
        utility: float | None = None,
        solver: str = "auto",
        base: float = 2,
        rng: Rng = None,
    ) -> None:
        if (budget is None) == (utility is None):
            raise ValueError(
                "give exactly one of budget (largest leakage) and utility (smallest to keep), "
                f"not budget={budget!r} and utility={utility!r}"
            )
        self._log = check_base(base)
        self._base = base
        self._axis = "leakage" if budget is not None else "utility"
        self._goal = float(budget if budget is not None else utility or 0.0)
        self._solver = solver
        self._rng = rng
        self._fitted: tuple[Source, Mechanism, npt.NDArray[Any], int] | None = None

    def fit(self, joint: Any, x: Any = None) -> Self:
        """Find the channel for `joint[s, x]`, or for samples: fit(s, x) or fit((s, x)).

        Raises
        ------
        ValueError
            If the table is not a distribution, has an empty row or column, or the goal lies
            outside of what the table allows.
        """
        table, levels, n = _table(joint, x)
        source = Source(table)
        top = source.h_s if self._axis == "leakage" else source.h_x
        self._check_goal(top)
        goal = Goal(self._axis, self._goal * self._log)
        self._fitted = (source, solve(source, goal, self._solver, self._rng), levels, n)
        return self

    def transform(self, x: npt.ArrayLike, rng: Rng = None) -> npt.NDArray[np.int64]:
        """Draw the letter (0 to n_z - 1) of each value of X; new randomness in each call.

        Keep the seed secret, and release each person once: repeated draws can be averaged.
        """
        _, release, levels, _ = self._get()
        values = np.asarray(x)
        order = np.argsort(levels)
        place = np.minimum(np.searchsorted(levels[order], values), len(levels) - 1)
        rows = order[place]
        unknown = levels[rows] != values
        if unknown.any():
            first = values[unknown].ravel()[:1].tolist()[0]
            raise ValueError(f"x holds {first!r}, a value the funnel was not fitted on")
        draw = np.random.default_rng(rng).random(values.shape)
        steps = np.cumsum(release.channel, axis=1)
        codes = (draw[..., None] >= steps[rows]).sum(axis=-1)
        return np.asarray(np.minimum(codes, release.channel.shape[1] - 1), dtype=np.int64)

    @property
    def channel(self) -> FloatArray:
        """p(z|x), (n_x, n_z); rows sum to 1."""
        return self._get()[1].channel

    @property
    def letters(self) -> tuple[str, ...]:
        """Names of the released letters."""
        return self._get()[1].letters

    @property
    def levels(self) -> npt.NDArray[Any]:
        """Values of X, one for each row of the channel."""
        return self._get()[2]

    @property
    def mechanism(self) -> str:
        """How the channel was made."""
        return self._get()[1].name

    @property
    def gap(self) -> float | None:
        """No release at this goal is better by more than this; None if that is not proven.

        Better means less leakage at the utility asked for, or more utility within the budget.
        """
        gap = self._get()[1].gap
        return None if gap is None else gap / self._log

    @property
    def leakage(self) -> Estimate:
        """I(S;Z), exact for the table; `details["certificate"]` is `gap` for a utility goal."""
        return self._exact(self._get()[1].leakage, self._axis == "utility")

    @property
    def utility(self) -> Estimate:
        """I(X;Z), exact for the table; `details["certificate"]` is `gap` for a budget."""
        return self._exact(self._get()[1].utility, self._axis == "leakage")

    @property
    def deterministic(self) -> bool:
        """Whether each value of X has one letter: a merge table says it all."""
        return is_deterministic(self.channel)

    def apply(self, data: Any, column: str, *, name: str | None = None, rng: Rng = None) -> Any:
        """A dataframe (pandas, polars, pyarrow) or dict with `column` replaced by its letters.

        The letters stand where the column stood, under `name` if one is given. Keep the seed
        secret, and release each person once.
        """
        codes = self.transform(column_of(data, column), rng)
        letters = np.array(self.letters)[codes]
        return with_letters(data, column, name or column, letters)

    def to_table(self) -> dict[str, list[Any]]:
        """Columns value and letter; for a randomised release also probability, low and high.

        To release a value, draw u in [0, 1) and take the letter with low <= u < high.
        """
        return chance_table(self.levels, self.letters, self.channel)

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write `to_table` as CSV: a merge table, or chances that add up."""
        write_chances(path, self.to_table())

    def to_sql(
        self,
        source: str,
        column: str,
        *,
        keep: Sequence[str] = (),
        name: str = "z",
        weights: str | None = None,
    ) -> str:
        """A SELECT that releases `column` of the table `source` as `name`, beside columns to keep.

        For DuckDB and PostgreSQL. The chances are written into the statement unless `weights`
        names a table that holds what `to_csv` wrote. A value that the funnel was not fitted on
        comes out as NULL. Run it once: a second run draws anew, and both can be averaged.
        """
        return select(self.to_table(), source, column, keep=keep, name=name, weights=weights)

    def bottleneck(self) -> Estimate:
        """The largest leakage of any release with the utility of this one: the other edge."""
        source, release, _, _ = self._get()
        goal = Goal("utility", release.utility, upper=True)
        return self._exact(max(release.leakage, solve(source, goal, "auto", self._rng).leakage))

    def __repr__(self) -> str:
        if self._fitted is None:
            return f"DiscreteFunnel({self._axis}={self._goal:g}, solver={self._solver!r})"
        m = self._fitted[1]
        return (
            f"DiscreteFunnel(leakage={m.leakage / self._log:.4g}, "
            f"utility={m.utility / self._log:.4g}, {m.channel.shape[1]} letters, {m.name})"
        )

    def _get(self) -> tuple[Source, Mechanism, npt.NDArray[Any], int]:
        if self._fitted is None:
            raise RuntimeError("the funnel is not fitted yet: call fit(joint) or fit(s, x) first")
        return self._fitted

    def _exact(self, nats: float, certified: bool = False) -> Estimate:
        n = self._get()[3]
        details = {"certificate": self.gap} if certified and self.gap is not None else {}
        estimate = Estimate(nats, nats, nats, "point", None, "exact", n, math.e)
        return dataclasses.replace(estimate.to_base(self._base), details=details)

    def _check_goal(self, top: float) -> None:
        name, what = {
            "leakage": ("budget", "H(S), all there is to know about the sensitive column"),
            "utility": ("utility", "H(X), all there is to know about the released column"),
        }[self._axis]
        highest = top / self._log
        if not 0.0 <= self._goal <= highest * (1 + 1e-9) + 1e-12:
            raise ValueError(f"{name} is {self._goal:g}; need between 0 and {highest:.4g}: {what}")


def _table(joint: Any, x: Any) -> tuple[FloatArray, npt.NDArray[Any], int]:
    """The joint table, the values of X and the number of samples (0 for a table)."""
    if x is None and isinstance(joint, tuple):
        if len(joint) != 2:
            raise ValueError(f"fit((s, x)) takes two samples, not a tuple of {len(joint)}")
        joint, x = joint
    if x is None:
        table = check_table(joint, ndim=2, name="joint")
        for axis, side in ((1, "row"), (0, "column")):
            empty = np.flatnonzero(table.sum(axis=axis) <= 0.0)
            if empty.size:
                raise ValueError(f"joint has an empty {side} ({empty[0]}): leave that value out")
        return table, np.arange(table.shape[1]), 0
    s_codes, x_codes, levels = _codes(joint, "s")[0], *_codes(x, "x")
    if len(s_codes) != len(x_codes):
        raise ValueError(f"s has {len(s_codes)} rows, x has {len(x_codes)}")
    counts = np.zeros((int(s_codes.max()) + 1, len(levels)))
    np.add.at(counts, (s_codes, x_codes), 1.0)
    return normalise(counts), levels, len(s_codes)


def _codes(sample: Any, name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
    values = np.asarray(sample)
    if values.ndim != 1 or values.size == 0:
        raise ValueError(f"{name} must be a sample (n,) with n > 0, not shape {values.shape}")
    if values.dtype.kind == "f" and np.isnan(values).any():
        raise ValueError(f"{name} holds NaN: give missing values a level of their own")
    levels, codes = np.unique(values, return_inverse=True)
    return codes.astype(np.int64), levels
