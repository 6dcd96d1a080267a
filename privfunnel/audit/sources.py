"""Where the rows are: in memory, or in an engine that hands out counts and a sample."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, final

import narwhals as nw

from privfunnel.audit.beside import joined
from privfunnel.audit.engine import MOST_KEYS, Engine
from privfunnel.audit.grouping import Grouping
from privfunnel.audit.sampling import gaps_of, row_count, sample_of, without_gaps
from privfunnel.columns import ColumnKind, Table, suggestion
from privfunnel.tables import CSV_ENDINGS, MISSING_LEVEL, Missing, read_table, scan_sql

# Rows up to which a table is read into memory whole.
BIG = 1_000_000
# Rows that are read of a bigger one: to type columns, cut numbers, attack and look at people.
SAMPLE = 200_000
_DATABASES = (".duckdb", ".db")


@final
@dataclass(frozen=True)
class Source:
    """A table: all rows in memory, or a sample of those that an engine keeps."""

    table: Table
    notes: tuple[str, ...] = ()
    frame: Any = None
    n: int = 0
    # Whatever must stay open as long as the frame is used.
    keep: Any = None
    # What the columns of the original are called, if they are in the same rows.
    before: str | None = None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what was read: all rows, or the sample and the number of rows."""
        digest = self.table.digest()
        if self.frame is None:
            return digest
        return hashlib.sha256(f"{digest} of {self.n}".encode()).hexdigest()

    def counter(self, secret: Grouping) -> Engine | None:
        """Counts of all rows by the engine; None if they are all in memory."""
        if self.frame is None:
            return None
        many = {c.name for c in self.table if c.levels is not None and len(c.levels) > MOST_KEYS}
        return Engine(self.frame, self.n, secret, frozenset(many))


def open_source(
    data: Any,
    *,
    query: str | None = None,
    missing: Missing = "refuse",
    kinds: Mapping[str, ColumnKind] | None = None,
    wanted: Iterable[str] | None = None,
    original: Any = None,
    sensitive: str = "",
) -> Source:
    """The rows of a path, a dataframe, a relation or a mapping; small tables are read whole.

    Parameters
    ----------
    query : SQL for DuckDB; the file or dataframe is called `data` in it.
    wanted : columns that are needed; in a big table no others are looked at.
    original, sensitive : the table that a big release was made from, put beside it by the engine;
        the sensitive column may be there only.

    Raises
    ------
    ValueError
        If the file or the query cannot be read, or missing values are refused.
    """
    label = f"{data}: " if isinstance(data, str | Path) else ""
    try:
        return _open(data, query, label, missing, kinds, wanted, original, sensitive)
    except _engine_errors() as error:
        # What the engine finds only when it comes to the rows.
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"{label}cannot be read: {reason}") from None


def _open(
    data: Any,
    query: str | None,
    label: str,
    missing: Missing,
    kinds: Mapping[str, ColumnKind] | None,
    wanted: Iterable[str] | None,
    original: Any,
    sensitive: str,
) -> Source:
    native, keep = _opened(data, query)
    frame = None if isinstance(native, str | Path | Mapping | Table) else _lazy(native)
    if frame is None:
        return Source(read_table(native, missing=missing, kinds=kinds, empty="level"))
    names = frame.collect_schema().names()
    for name in wanted or ():
        if name not in names and (original is None or name != sensitive):
            raise ValueError(f"{label}no column {name!r}{suggestion(name, names)}")
    n = row_count(frame)
    if n <= BIG:
        return Source(_read(frame, label, missing, kinds))
    if wanted is not None:
        frame = frame.select(*dict.fromkeys(name for name in wanted if name in names))
    before = None
    if original is not None:
        frame, before = joined(frame, original, n, sensitive)
    return dataclasses.replace(_big(frame, n, label, missing, kinds, keep), before=before)


def _big(
    frame: Any,
    n: int,
    label: str,
    missing: Missing,
    kinds: Mapping[str, ColumnKind] | None,
    keep: Any,
) -> Source:
    gaps = {name: count for name, count in gaps_of(frame).items() if count}
    notes = []
    if gaps and missing == "refuse":
        where = ", ".join(f"{name} ({count:,})" for name, count in gaps.items())
        raise ValueError(
            f"{label}missing values in columns {where}: drop or fill them first, or read with "
            "missing='drop' or missing='level'"
        )
    if gaps and missing == "drop":
        frame = without_gaps(frame)
        left = row_count(frame)
        notes.append(f"{n - left:,} of {n:,} rows dropped for missing values in {', '.join(gaps)}")
        n = left
    table = _read(sample_of(frame, n, SAMPLE), label, missing, kinds)
    schema = frame.collect_schema()
    for name in gaps if missing == "level" else ():
        column = table[name]
        if schema[name].is_numeric() and column.levels not in (None, (MISSING_LEVEL,)):
            raise ValueError(
                f"{label}column {name!r} holds numbers and gaps; in a table of {n:,} rows that "
                "needs missing='drop', or the gaps filled"
            )
    notes.append(
        f"{n:,} rows were counted where they are. Attackers, sets of columns and what is said "
        f"person by person come from a sample of {table.n:,}; in the whole table fewer people are "
        "alone with their values."
    )
    return Source(table, tuple(notes), frame, n, keep)


def _read(
    frame: Any, label: str, missing: Missing, kinds: Mapping[str, ColumnKind] | None
) -> Table:
    try:
        return read_table(frame, missing=missing, kinds=kinds, empty="level")
    except ValueError as error:
        raise ValueError(f"{label}{error}") from None


def _lazy(native: Any) -> Any:
    # Only what is not in memory yet: dataframes are read as they are.
    try:
        frame = nw.from_native(native)
    except TypeError:
        raise TypeError(
            f"cannot read a {type(native).__name__}: give a path, a dataframe or a mapping"
        ) from None
    if isinstance(frame, nw.LazyFrame):
        return frame
    return None


def _opened(data: Any, query: str | None) -> tuple[Any, Any]:
    """A table of any kind, and what must stay open with it."""
    if not isinstance(data, str | Path):
        if query is None:
            return data, None
        from privfunnel.audit.database import query_frame

        return query_frame(data, query)
    from privfunnel.audit.database import BIG_TEXT, open_database, open_file

    path = Path(data)
    if path.suffix.lower() in _DATABASES:
        return open_database(path, query)
    scan = scan_sql(path)
    if path.suffix.lower() in CSV_ENDINGS:
        _check_header(path)
        if query is None and path.stat().st_size <= BIG_TEXT:
            return path, None
    return open_file(path, scan, query)


def _engine_errors() -> tuple[type[Exception], ...]:
    # Engines are loaded only by those who read files or bring relations of theirs.
    duckdb, spark = sys.modules.get("duckdb"), sys.modules.get("pyspark.errors")
    found = () if duckdb is None else (duckdb.Error,)
    return found if spark is None else (*found, spark.PySparkException)


def _check_header(path: Path) -> None:
    # DuckDB renames the second of two columns of one name without a word.
    with path.open("rb") as file:
        line = file.readline(1_000_000).decode("utf-8-sig", errors="replace")
    splits = [next(csv.reader([line], delimiter=d), []) for d in ",;\t|"]
    names = [name.strip() for name in max(splits, key=len)]
    doubled = sorted({name for name in names if name and names.count(name) > 1})
    if doubled:
        raise ValueError(f"{path}: columns appear twice: {', '.join(doubled)}")
