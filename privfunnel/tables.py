"""Any table in, typed columns out.

`read_table` takes a CSV or Parquet path, any dataframe that narwhals knows (pandas, polars,
pyarrow, DuckDB relations, ...), or a mapping of arrays, and returns a `Table`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal

import narwhals as nw
import numpy as np
import numpy.typing as npt

from privfunnel.columns import (
    Column,
    ColumnKind,
    Table,
    level_text,
    quantile_bins,
    suggestion,
)
from privfunnel.variables import encode, few_values, plain_column

__all__ = ["Column", "Table", "quantile_bins", "read_table", "suggestion"]

Missing = Literal["refuse", "drop", "level"]
# How a missing value is called once it is a level of its own.
MISSING_LEVEL = "(missing)"
_READERS = {".csv": "read_csv", ".tsv": "read_csv", ".txt": "read_csv", ".parquet": "read_parquet"}
CSV_ENDINGS = tuple(ending for ending, reader in _READERS.items() if reader == "read_csv")
_MICROSECONDS_A_DAY = 86_400e6


def read_table(
    source: Any,
    *,
    columns: Iterable[str] | None = None,
    kinds: Mapping[str, ColumnKind] | None = None,
    missing: Missing = "refuse",
    empty: Literal["refuse", "level"] = "refuse",
) -> Table:
    """The table in a file or dataframe, each column typed.

    Text and booleans are discrete; numbers are when few values repeat (at most 50); dates are
    continuous, in days. Columns where every value is missing are an error.

    Parameters
    ----------
    source : path of a .csv, .tsv, .txt or .parquet file; a dataframe; a mapping of name to array.
    columns : read only these.
    kinds : name -> "discrete" or "continuous" where the rule above is wrong.
    missing : "refuse" them, "drop" rows that have any, or make them a "level" of their own
        (numbers of such a column then become quantile bins).
    empty : what becomes of columns where every value is missing: "refuse" them, or read them as
        one "level" that everyone has.

    Raises
    ------
    ValueError
        If there are no columns, fewer than two rows, missing values that were not allowed,
        infinite numbers, doubled or unknown names; the message says which and what to do.
    """
    if isinstance(source, Table):
        return source if columns is None else source.select(columns)
    if missing not in ("refuse", "drop", "level"):
        raise ValueError(f"missing must be 'refuse', 'drop' or 'level', not {missing!r}")
    arrays = _arrays(source)
    label = f"{source}: " if isinstance(source, str | Path) else ""
    if not arrays:
        raise ValueError(f"{label}the table has no columns")
    for name in [*(columns or ()), *(kinds or ())]:
        if name not in arrays:
            raise ValueError(f"{label}no column {name!r}{suggestion(name, arrays)}")
    if columns is not None:
        arrays = {name: arrays[name] for name in columns}
    n = len(next(iter(arrays.values())))
    if n < 2:
        raise ValueError(f"{label}the table has {n or 'no'} row{'s' * (n != 1)}, need at least 2")
    gaps = {name: _missing_mask(array) for name, array in arrays.items()}
    for name in [name for name, mask in gaps.items() if mask.all()]:
        if empty == "refuse":
            raise ValueError(
                f"{label}column {name!r} holds nothing but missing values: leave it out"
            )
        arrays[name] = np.full(n, MISSING_LEVEL)
        gaps[name] = np.zeros(n, dtype=bool)
    notes: tuple[str, ...] = ()
    if missing != "level" and any(mask.any() for mask in gaps.values()):
        arrays, notes = _without_gaps(arrays, gaps, missing, label)
        gaps = {name: np.zeros(len(array), dtype=bool) for name, array in arrays.items()}
    stated = dict(kinds or {})
    return Table(
        {k: _column(k, a, gaps[k], stated.get(k), label) for k, a in arrays.items()}, notes
    )


def _arrays(source: Any) -> dict[str, npt.NDArray[Any]]:
    # Column name -> numpy array, whatever the source is.
    if isinstance(source, str | Path):
        source = _read_file(Path(source))
    if isinstance(source, Mapping):
        arrays = {str(k): np.asarray(v) for k, v in source.items()}
        if len({a.shape for a in arrays.values()}) > 1 or any(a.ndim != 1 for a in arrays.values()):
            shapes = {k: a.shape for k, a in arrays.items()}
            raise ValueError(f"columns must be arrays of one length, not {shapes}")
        return arrays
    try:
        frame = nw.from_native(source)
    except TypeError:
        raise TypeError(
            f"cannot read a {type(source).__name__}: give a path, a dataframe or a mapping"
        ) from None
    eager = frame.collect("pyarrow") if isinstance(frame, nw.LazyFrame) else frame
    names = [str(name) for name in eager.columns]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ValueError(f"columns appear twice: {', '.join(doubled)}")
    return {name: _series(eager[name]) for name in eager.columns}


def _series(series: Any) -> npt.NDArray[Any]:
    # Numbers without gaps go straight through; None marks what is missing in the rest.
    if series.dtype.is_numeric():
        if series.dtype.is_decimal():
            series = series.cast(nw.Float64)
        if not series.is_null().any():
            return np.asarray(series.to_numpy())
        return np.asarray(series.cast(nw.Float64).fill_null(float("nan")).to_numpy())
    if series.dtype in (nw.Categorical, nw.Enum):
        series = series.cast(nw.String)
    values = np.empty(len(series), dtype=object)
    values[:] = series.to_list()
    return values


def scan_sql(path: Path, *, types_from: int = -1) -> str:
    """The table function of DuckDB that reads a file; `?` stands for its path.

    Parameters
    ----------
    types_from : rows of a text file that decide on the types of its columns, all by default. From
        fewer, whole numbers are read as DOUBLE: DuckDB would round a later 1.5 to 2 in silence.

    Raises
    ------
    ValueError
        If there is no such file, it is empty, or its ending is unknown.
    """
    if not path.exists():
        raise ValueError(f"{path}: no such file")
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        raise ValueError(f"{path}: unknown ending {suffix!r}; one of: {', '.join(_READERS)}")
    if path.stat().st_size == 0:
        raise ValueError(f"{path}: the file is empty")
    more = ""
    if suffix in CSV_ENDINGS:
        # No BOOLEAN: it would take "no" and "yes" for flags and lose how they were written.
        types = "'DOUBLE', 'DATE', 'TIMESTAMP', 'VARCHAR'"
        if types_from < 0:
            types = f"'BIGINT', {types}"
        more = f", sample_size = {types_from}, header = true, auto_type_candidates = [{types}]"
    return f"{_READERS[suffix]}(?{more})"


def _read_file(path: Path) -> Any:
    scan = scan_sql(path)
    try:
        import duckdb
        import pyarrow  # noqa: F401  (the format the rows arrive in)
    except ImportError:
        raise ImportError(
            "reading files needs DuckDB and pyarrow: pip install 'privfunnel-fsmi[audit]'"
        ) from None
    try:
        with duckdb.connect() as connection:
            query = f"SELECT * FROM {scan}"
            return connection.sql(query, params=[str(path)]).to_arrow_table()
    except duckdb.Error as error:
        reason = str(error).strip().splitlines()[0]
        kind = path.suffix.lower()[1:]
        raise ValueError(f"{path}: cannot be read as {kind}: {reason}") from None


def _missing_mask(array: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    if array.dtype.kind == "f":
        return np.asarray(np.isnan(array))
    if array.dtype.kind in "mM":
        return np.asarray(np.isnat(array))
    if array.dtype.kind == "O":
        # None, NaN and NaT; an empty text is a value.
        return np.array([v is None or v != v for v in array.tolist()], dtype=bool)
    return np.zeros(len(array), dtype=bool)


def _without_gaps(
    arrays: dict[str, npt.NDArray[Any]],
    gaps: dict[str, npt.NDArray[np.bool_]],
    missing: Missing,
    label: str,
) -> tuple[dict[str, npt.NDArray[Any]], tuple[str, ...]]:
    bad = np.logical_or.reduce(list(gaps.values()))
    where = ", ".join(f"{k} ({int(m.sum())})" for k, m in gaps.items() if m.any())
    if missing == "refuse":
        raise ValueError(
            f"{label}missing values in {int(bad.sum())} of {len(bad)} rows, columns {where}: "
            "drop or fill them first, or read with missing='drop' or missing='level'"
        )
    kept = {name: array[~bad] for name, array in arrays.items()}
    if int((~bad).sum()) < 2:
        raise ValueError(f"{label}fewer than 2 rows are left without missing values ({where})")
    return kept, (f"{int(bad.sum())} of {len(bad)} rows dropped for missing values in {where}",)


def _column(
    name: str,
    array: npt.NDArray[Any],
    gaps: npt.NDArray[np.bool_],
    kind: ColumnKind | None,
    label: str,
) -> Column:
    if kind not in (None, "discrete", "continuous"):
        raise ValueError(f"the kind of {name!r} must be 'discrete' or 'continuous', not {kind!r}")
    plain = plain_column(array[~gaps], f"{label}column {name!r}")
    if gaps.any():
        plain = _with_missing_level(plain, gaps)
    if plain.dtype.kind == "U":
        if kind == "continuous":
            raise ValueError(f"{label}column {name!r} holds text and cannot be continuous")
        codes, levels = encode(plain)
        return Column(name, "discrete", codes.astype(np.float64), tuple(map(str, levels)))
    coded = plain.dtype.kind == "b" or few_values(plain)
    values = plain.astype(np.float64)
    if array.dtype.kind == "M" or isinstance(array[~gaps][0], date):
        values, coded = values / _MICROSECONDS_A_DAY, False
    levels_of_flag = ("False", "True") if plain.dtype.kind == "b" else None
    return Column(name, kind or ("discrete" if coded else "continuous"), values, levels_of_flag)


def _with_missing_level(
    plain: npt.NDArray[Any], gaps: npt.NDArray[np.bool_]
) -> npt.NDArray[np.str_]:
    if plain.dtype.kind == "f" and not few_values(plain):
        bins = quantile_bins(plain)
        highest = [plain[bins == b].max() for b in range(int(bins.max()) + 1)]
        text = np.array([f"<= {highest[b]:g}" for b in bins])
    elif plain.dtype.kind == "f":
        text = np.array([level_text(value) for value in plain])
    else:
        text = plain.astype(str)
    result = np.full(len(gaps), MISSING_LEVEL, dtype=object)
    result[~gaps] = text
    return result.astype(str)
