"""One side of a sample as estimators see it: numbers (n, d) that know what kind they are.

Kinds are inferred column by column (text, booleans and few repeated values are discrete, other
numbers and dates continuous) and can be stated.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["discrete", "continuous", "mixed"]
FloatArray = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

# A column of numbers with more different values than this is continuous.
MAX_LEVELS = 50
# A nominal column becomes one indicator per level up to here, ordered codes beyond.
MAX_INDICATORS = 30


@dataclass(frozen=True)
class Variable:
    """One side of a sample.

    Attributes
    ----------
    values : (n, d) float64; nominal columns (text) hold codes.
    discrete : for each column, whether equal values mean the same thing happened.
    nominal : for each column, whether its numbers are codes without order.
    name : how messages call it.
    levels : for each column the texts its codes stand for, None for numbers; empty if unknown.
    """

    values: FloatArray
    discrete: tuple[bool, ...]
    nominal: tuple[bool, ...]
    name: str = "x"
    levels: tuple[tuple[str, ...] | None, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    @property
    def dim(self) -> int:
        """Number of columns."""
        return int(self.values.shape[1])

    @property
    def kind(self) -> Kind:
        """The kind of all columns, or "mixed"."""
        if all(self.discrete):
            return "discrete"
        return "mixed" if any(self.discrete) else "continuous"

    @cached_property
    def codes(self) -> Codes:
        """Integer codes (n,) of the rows, 0 to n_levels - 1.

        Raises
        ------
        ValueError
            If a continuous column holds values that are not whole numbers.
        """
        for column, discrete in zip(self.values.T, self.discrete, strict=True):
            if not discrete and not np.array_equal(column, np.round(column)):
                raise ValueError(
                    f"{self.name} holds values that are not whole numbers, and this method counts "
                    f"codes: bin it (privfunnel.tables.quantile_bins), state discrete_{self.name}="
                    "True, or use method='auto' or 'ksg'"
                )
        return joint_codes([encode(column)[0] for column in self.values.T])

    @cached_property
    def n_levels(self) -> int:
        """Number of different rows."""
        return int(self.codes.max()) + 1

    @property
    def real(self) -> FloatArray:
        """The columns as numbers with a meaningful distance, (n, d).

        Raises
        ------
        ValueError
            If a nominal column has more than two levels.
        """
        for column, nominal in zip(self.values.T, self.nominal, strict=True):
            if nominal and column.max() > 1:
                raise ValueError(
                    f"{self.name} holds text, and this method needs numbers: "
                    "use method='auto', 'plugin' or 'classifier'"
                )
        return self.values

    @cached_property
    def matrix(self) -> FloatArray:
        """The columns as features of a classifier (n, k): nominal ones as 0/1 indicators."""
        parts = []
        for column, nominal in zip(self.values.T, self.nominal, strict=True):
            levels = np.unique(column)
            if nominal and 2 < len(levels) <= MAX_INDICATORS:
                parts.append((column[:, None] == levels[None, :]).astype(np.float64))
            else:
                parts.append(column[:, None])
        return np.hstack(parts)

    @cached_property
    def constant(self) -> bool:
        """Whether every row is the same."""
        return bool(np.all(self.values == self.values[:1]))

    def take_columns(self, columns: list[int]) -> Variable:
        """The same rows of some columns."""
        discrete = tuple(self.discrete[j] for j in columns)
        nominal = tuple(self.nominal[j] for j in columns)
        levels = tuple(self.levels[j] for j in columns) if self.levels else ()
        return Variable(self.values[:, columns], discrete, nominal, self.name, levels)

    def take(self, rows: npt.NDArray[Any]) -> Variable:
        """The same side for some rows (indices or a mask)."""
        return Variable(self.values[rows], self.discrete, self.nominal, self.name, self.levels)


def join(*sides: Variable, name: str = "x") -> Variable:
    """Several sides side by side."""
    return Variable(
        np.hstack([side.values for side in sides]),
        tuple(flag for side in sides for flag in side.discrete),
        tuple(flag for side in sides for flag in side.nominal),
        name,
        tuple(texts for side in sides for texts in side.levels or (None,) * side.dim),
    )


def as_variable(data: Any, *, name: str = "x", discrete: bool | None = None) -> Variable:
    """Check one side of a sample and infer its kinds unless `discrete` states them.

    `data` is anything `numpy.asarray` understands with one or two axes, a Series or a DataFrame.

    Raises
    ------
    ValueError
        If it is empty, has more than two axes, or holds NaN, infinite or missing values.
    """
    if isinstance(data, Variable):
        return data
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ValueError(f"{name} must have shape (n,) or (n, d): {error}") from None
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"{name} must have shape (n,) or (n, d), not {np.shape(array)}")
    if len(array) == 0:
        raise ValueError(f"{name} is empty")
    columns = [_one_column(column, name, discrete) for column in array.T]
    return columns[0] if len(columns) == 1 else join(*columns, name=name)


def _one_column(column: npt.NDArray[Any], name: str, discrete: bool | None) -> Variable:
    if column.dtype.kind in "iub" and column.dtype.itemsize <= 2:
        return _small_numbers(column, name, discrete)
    plain = plain_column(column, name)
    nominal = plain.dtype.kind == "U"
    if nominal and discrete is False:
        raise ValueError(f"{name} holds text and cannot be continuous: drop discrete_{name}=False")
    if discrete is None:
        discrete = nominal or plain.dtype.kind == "b" or few_values(plain)
    codes, texts = encode(plain) if nominal else (plain, None)
    levels = None if texts is None else tuple(map(str, texts))
    return Variable(codes.astype(np.float64)[:, None], (discrete,), (nominal,), name, (levels,))


def _small_numbers(column: npt.NDArray[Any], name: str, discrete: bool | None) -> Variable:
    """A column of whole numbers of one or two bytes: counted once, never sorted."""
    codes, levels = encode(column)
    if discrete is None:
        discrete = column.dtype.kind == "b" or _few(len(levels), len(column), whole=True)
    side = Variable(column.astype(np.float64)[:, None], (discrete,), (False,), name)
    side.__dict__["codes"] = codes  # where `cached_property` would keep them
    return side


def plain_column(column: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """A column (n,) as float64, boolean or text, checked for missing and infinite values."""
    kind = column.dtype.kind
    if kind in "OT":
        values = column.tolist()
        if any(_missing(value) for value in values):
            raise ValueError(f"{name} holds missing values: drop or fill those rows first")
        if all(isinstance(value, bool | np.bool_) for value in values):
            return np.array(values, dtype=bool)
        if all(isinstance(value, int | float | np.number) for value in values):
            column, kind = np.array(values, dtype=np.float64), "f"
        elif all(isinstance(value, date) for value in values):
            column, kind = np.array([_naive(v) for v in values], dtype="datetime64[us]"), "M"
        else:
            return np.array([str(value) for value in values])
    if kind in "mM":
        if np.isnat(column).any():
            raise ValueError(f"{name} holds missing dates: drop or fill those rows first")
        return column.astype("int64").astype(np.float64)
    if kind in "bU":
        return column
    if kind == "S":
        return column.astype(str)
    if kind not in "iuf":
        raise TypeError(f"{name} has type {column.dtype}; numbers, booleans, text or dates allowed")
    numbers = column.astype(np.float64)
    bad = int((~np.isfinite(numbers)).sum())
    if bad:
        raise ValueError(
            f"{name} holds NaN or infinite values in {bad} of {len(numbers)} rows: "
            "drop or fill those rows first"
        )
    return numbers


def few_values(column: npt.NDArray[Any]) -> bool:
    """Whether a column of numbers looks like codes: few different values, often repeated."""
    # A look at the first rows settles almost every continuous column without a full sort.
    if len(np.unique(column[:1000])) > MAX_LEVELS:
        return False
    whole = np.array_equal(column, np.round(column))
    return _few(len(encode(column)[1]), len(column), whole=whole)


def _few(levels: int, n: int, *, whole: bool) -> bool:
    return levels <= min(MAX_LEVELS, max(10 if whole else 2, n // 5))


def encode(column: npt.NDArray[Any]) -> tuple[Codes, npt.NDArray[Any]]:
    """Codes (n,) and the sorted levels they stand for."""
    if column.dtype.kind == "b":
        codes, levels = encode(column.view(np.uint8))
        return codes, levels.astype(np.bool_)
    if column.dtype.kind in "iuf" and column.size:
        small = _encode_narrow(column)
        if small is not None:
            return small
    levels, codes = np.unique(column, return_inverse=True)
    return codes.astype(np.int64), levels


def joint_codes(columns: list[Codes]) -> Codes:
    """One code (n,) per combination of codes that occurs, 0 to the number of them - 1."""
    result = columns[0]
    for column in columns[1:]:
        result = encode(result * (int(column.max()) + 1) + column)[0]
    return result


def _encode_narrow(column: npt.NDArray[Any]) -> tuple[Codes, npt.NDArray[Any]] | None:
    # Whole numbers in a narrow range: a lookup table instead of a sort.
    # In 64 bits, where differences of narrow types do not wrap; Python's ints and floats are exact.
    wide = column if column.dtype.kind == "f" else column.astype(np.int64)
    low, high = wide.min().item(), wide.max().item()
    if not high - low < 65_536:
        return None
    shifted = (wide - low).astype(np.int64)
    if column.dtype.kind == "f" and not np.array_equal(shifted + low, column):
        return None
    present = np.bincount(shifted) > 0
    codes = (np.cumsum(present) - 1)[shifted]
    return codes, (np.flatnonzero(present) + low).astype(column.dtype)


def _naive(value: date) -> date:
    # numpy knows no time zones: the same instant in UTC.
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def _missing(value: Any) -> bool:
    # NaN and pandas' NaT differ from themselves; pandas' NA answers neither yes nor no.
    if value is None:
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):
        return True
