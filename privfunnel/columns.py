"""Typed columns of one length: what every audit, funnel and estimator works on."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from privfunnel.counting import Contingency, count
from privfunnel.variables import Codes, FloatArray, Variable, encode, join, joint_codes

ColumnKind = Literal["discrete", "continuous"]


def level_text(value: float) -> str:
    """A number as the name of a level: short, and different for different numbers of 15 digits."""
    # Not -0: some engines tell it from 0, others do not.
    return f"{float(value) + 0.0:.15g}"


@dataclass(frozen=True)
class Column:
    """One typed column.

    Attributes
    ----------
    name : its header.
    kind : "discrete" or "continuous".
    values : (n,) float64; for text the position of the value in `levels`.
    levels : the sorted texts of a nominal column, None for numbers and dates.
    """

    name: str
    kind: ColumnKind
    values: FloatArray
    levels: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def variable(self) -> Variable:
        """The column as estimators take it."""
        flags = ((self.kind == "discrete",), (self.levels is not None,))
        return Variable(self.values[:, None], *flags, self.name, (self.levels,))

    @cached_property
    def coded(self) -> tuple[Codes, tuple[str, ...]]:
        """Codes (n,) of all different values and the text of each of them."""
        codes, values = encode(self.values)
        if self.levels is not None:
            return codes, tuple(self.levels[int(v)] for v in values)
        return codes, tuple(map(level_text, values))

    def __repr__(self) -> str:
        what = f"{len(self.levels)} levels" if self.levels is not None else "numbers"
        return f"Column({self.name!r}, {self.kind}, {what}, n={len(self)})"

    def decode(self, values: npt.ArrayLike) -> npt.NDArray[Any]:
        """Values of this column as they should be written to a file: text or numbers."""
        numbers = np.asarray(values, dtype=np.float64)
        if self.levels is not None:
            return np.array(self.levels, dtype=object)[numbers.astype(np.int64)]
        whole = numbers.astype(np.int64)
        return whole if np.array_equal(whole, numbers) else numbers


@dataclass(frozen=True)
class Table:
    """Columns of one length, in the order of the file.

    Attributes
    ----------
    columns : name -> Column.
    notes : what was changed on the way in (rows dropped, columns left out).
    """

    columns: Mapping[str, Column]
    notes: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values())))

    @property
    def names(self) -> tuple[str, ...]:
        """Column names."""
        return tuple(self.columns)

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns.values())

    def __getitem__(self, name: str) -> Column:
        if name not in self.columns:
            raise ValueError(f"no column {name!r}{suggestion(name, self.names)}")
        return self.columns[name]

    def select(self, names: Iterable[str]) -> Table:
        """The table with only these columns, in this order."""
        return Table({name: self[name] for name in names}, self.notes)

    def without(self, *names: str) -> Table:
        """The table less some columns."""
        gone = {self[name].name for name in names}
        return Table({c.name: c for c in self if c.name not in gone}, self.notes)

    def take(self, rows: npt.NDArray[Any]) -> Table:
        """The table of some rows (indices or a mask)."""
        return Table(
            {c.name: Column(c.name, c.kind, c.values[rows], c.levels) for c in self}, self.notes
        )

    def variable(self, *names: str) -> Variable:
        """Some columns (all if none is named) side by side, for `estimate_mi`."""
        chosen = names or self.names
        return join(*(self[name].variable for name in chosen), name=", ".join(chosen))

    def matrix(self, *names: str) -> FloatArray:
        """Features of a classifier (n, k) from some columns: nominal ones as indicators."""
        return self.variable(*names).matrix

    def codes(self, *names: str) -> Codes:
        """One code (n,) per combination of values that occurs in some columns."""
        return joint_codes([self[name].coded[0] for name in names or self.names])

    def contingency(self, row: str | tuple[str, ...], column: str | tuple[str, ...]) -> Contingency:
        """Counts of one column, or a combination of columns, against another."""
        sides = [(side,) if isinstance(side, str) else tuple(side) for side in (row, column)]
        return count(*(self.codes(*side) for side in sides))

    def digest(self) -> str:
        """SHA-256 of names, kinds and values: what a report says it was computed from."""
        state = hashlib.sha256()
        for column in self:
            state.update(repr((column.name, column.kind, column.levels)).encode())
            state.update(np.ascontiguousarray(column.values).tobytes())
        return state.hexdigest()

    def __repr__(self) -> str:
        kinds = ", ".join(f"{c.name}: {c.kind}" for c in self)
        return f"Table({self.n} rows; {kinds})"


def quantile_bins(values: npt.ArrayLike, k: int = 10) -> Codes:
    """Codes (n,) of at most k bins with about equally many rows; equal values share a bin."""
    if not (isinstance(k, int | np.integer) and k >= 1):
        raise ValueError(f"k must be a whole number >= 1, not {k!r}")
    column = np.asarray(values, dtype=np.float64)
    if column.ndim != 1 or not len(column) or not np.isfinite(column).all():
        raise ValueError("values must be a non-empty array (n,) of finite numbers")
    edges = np.unique(np.quantile(column, np.linspace(0, 1, k + 1)[1:-1]))
    return encode(np.searchsorted(edges, column, side="left"))[0]


def suggestion(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the closest known ones, or all of them."""
    names = [str(k) for k in known]
    folded = {k.casefold(): k for k in names}
    close = difflib.get_close_matches(str(name).casefold(), folded, n=3, cutoff=0.6)
    if close:
        return "; did you mean " + " or ".join(repr(folded[c]) for c in close) + "?"
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return f"; the columns are: {shown}"
