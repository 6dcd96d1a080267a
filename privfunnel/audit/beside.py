"""A release and its original as one table, row by row: in memory, or joined by their engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import narwhals as nw

from privfunnel.audit.sampling import row_count
from privfunnel.columns import Table
from privfunnel.tables import scan_sql

_BEFORE = "original."


def prefix_of(names: Iterable[str]) -> str:
    """What the names of original columns begin with: nothing that a released one begins with."""
    prefix = _BEFORE
    while any(name.startswith(prefix) for name in names):
        prefix = f"_{prefix}"
    return prefix


def side_by_side(release: Table, original: Table, prefix: str) -> Table:
    """Both tables as one, columns of the original under their prefixed names."""
    renamed = {f"{prefix}{c.name}": c for c in original}
    more = {name: dataclasses.replace(c, name=name) for name, c in renamed.items()}
    return Table({**release.columns, **more}, release.notes)


def apart(both: Table, prefix: str) -> tuple[Table, Table]:
    """The release and the original of one table that holds them side by side."""
    release = {c.name: c for c in both if not c.name.startswith(prefix)}
    before = {
        c.name.removeprefix(prefix): dataclasses.replace(c, name=c.name.removeprefix(prefix))
        for c in both
        if c.name.startswith(prefix)
    }
    return Table(release, both.notes), Table(before)


def joined(frame: Any, original: Any, n: int, sensitive: str) -> tuple[Any, str]:
    """A lazy release with the columns of its original beside it, and their prefix.

    Rows are matched by their place, as files and polars keep it; Dask and Spark have none. The
    sensitive column comes from the original if the release does not hold it.

    Parameters
    ----------
    frame : lazy release of n rows.
    original : path of a CSV or Parquet file, a DuckDB relation, or a polars LazyFrame.

    Raises
    ------
    ValueError
        If the tables cannot be put side by side in their engine, or differ in rows.
    """
    names = frame.collect_schema().names()
    prefix = prefix_of(names)
    kind = frame.implementation
    if kind == nw.Implementation.DUCKDB:
        pair = _joined_sql(frame.to_native(), original, n, names, prefix, sensitive)
    elif kind == nw.Implementation.POLARS:
        pair = _joined_polars(frame.to_native(), original, n, names, prefix, sensitive)
    else:
        raise _no_way(n)
    return nw.from_native(pair), prefix


def _joined_sql(
    release: Any, original: Any, n: int, names: list[str], prefix: str, sensitive: str
) -> Any:
    import duckdb

    if isinstance(original, str | Path):
        path = str(original).replace("'", "''")
        source = f"SELECT * FROM {scan_sql(Path(original))}".replace("?", f"'{path}'", 1)
        try:
            before = release.query("release_rows", source)
        except duckdb.Error as error:
            reason = str(error).strip().splitlines()[0]
            raise ValueError(f"{original}: cannot be read: {reason}") from None
    elif isinstance(original, duckdb.DuckDBPyRelation):
        before = original
    else:
        raise _no_way(n)
    _check_rows(n, row_count(nw.from_native(before)))
    chosen = _chosen(names, before.columns, prefix, sensitive)
    columns = ", ".join(f"o.{_name(old)} AS {_name(new)}" for old, new in chosen)
    # `before` is found by DuckDB among the variables of this function.
    return release.query(
        "release_rows",
        f"SELECT release_rows.*, {columns} FROM release_rows POSITIONAL JOIN before o",
    )


def _joined_polars(
    release: Any, original: Any, n: int, names: list[str], prefix: str, sensitive: str
) -> Any:
    import polars as pl

    if isinstance(original, pl.DataFrame):
        original = original.lazy()
    if not isinstance(original, pl.LazyFrame):
        raise _no_way(n)
    _check_rows(n, row_count(nw.from_native(original)))
    chosen = _chosen(names, original.collect_schema().names(), prefix, sensitive)
    before = original.select(pl.col(old).alias(new) for old, new in chosen)
    return pl.concat([release, before], how="horizontal")


def _chosen(
    names: list[str], before: list[str], prefix: str, sensitive: str
) -> list[tuple[str, str]]:
    """Columns of the original that are needed, and what they are called beside the release."""
    same = [name for name in before if name in names and name != sensitive]
    others = same or [name for name in before if name != sensitive]
    found = [(name, f"{prefix}{name}") for name in others]
    if sensitive in before and sensitive not in names:
        found.append((sensitive, sensitive))
    return found


def _check_rows(n: int, before: int) -> None:
    if n != before:
        raise ValueError(f"the release has {n} rows, the original {before}: need the same")


def _no_way(n: int) -> ValueError:
    return ValueError(
        f"a release of {n:,} rows is compared in its engine, where rows are matched by their "
        "place: give release and original both as CSV or Parquet files, as DuckDB relations, or as "
        "polars LazyFrames"
    )


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
