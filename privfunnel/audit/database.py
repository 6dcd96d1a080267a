"""Files, databases and queries, opened by DuckDB out of core."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any, final

try:
    import duckdb
    import pyarrow  # noqa: F401  (the format the rows arrive in)
except ImportError:
    raise ImportError(
        "reading files needs DuckDB and pyarrow: pip install 'privfunnel-fsmi[audit]'"
    ) from None

from privfunnel.tables import CSV_ENDINGS, scan_sql

# Text files above this size are turned into columns once instead of being parsed by every query.
BIG_TEXT = 200_000_000
_MEMORY = "1GB"
# Rows of a big text that decide on the types of its columns; all of them if that fails later on.
_TYPES_FROM = 200_000


@final
class Held:
    """A connection and the folder of its rows; the folder goes when nobody holds them any more."""

    def __init__(self, connection: Any, folder: Path | None) -> None:
        self.connection = connection
        if folder is not None:
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)


def open_file(path: Path, scan: str, query: str | None) -> tuple[Any, Any]:
    """A file, or a query of it under the name `data`, and the connection it needs."""
    big = path.suffix.lower() in CSV_ENDINGS and path.stat().st_size > BIG_TEXT
    folder = Path(tempfile.mkdtemp(prefix="privfunnel-")) if big else None
    connection = _connect(":memory:" if folder is None else str(folder / "rows.duckdb"))
    held = Held(connection, folder)
    what = "TABLE" if big else "VIEW"
    try:
        try:
            quick = scan_sql(path, types_from=_TYPES_FROM) if big else scan
            connection.execute(f"CREATE {what} data AS SELECT * FROM {_filled(quick, path)}")
        except duckdb.ConversionException:
            # A value further down is of another type than those before it.
            connection.execute(f"CREATE {what} data AS SELECT * FROM {_filled(scan, path)}")
    except duckdb.Error as error:
        raise ValueError(
            f"{path}: cannot be read as {path.suffix[1:].lower()}: {_reason(error)}"
        ) from None
    return _relation(connection, query or "SELECT * FROM data"), held


def open_database(path: Path, query: str | None) -> tuple[Any, Any]:
    """A table of a DuckDB file: that of the query, or its only one."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        connection = _connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise ValueError(f"{path}: not a DuckDB database: {_reason(error)}") from None
    if query is None:
        names = [row[0] for row in connection.execute("SHOW TABLES").fetchall()]
        if len(names) != 1:
            held = f"holds the tables {', '.join(names)}" if names else "holds no table"
            raise ValueError(f"{path}: {held}: say which rows to audit with a query")
        query = f'SELECT * FROM "{names[0].replace(chr(34), chr(34) * 2)}"'
    return _relation(connection, query), connection


def query_frame(data: Any, query: str) -> tuple[Any, Any]:
    """A query of a dataframe or relation under the name `data`."""
    if isinstance(data, duckdb.DuckDBPyRelation):
        try:
            return data.query("data", query), None
        except duckdb.Error as error:
            raise ValueError(f"the query failed: {_reason(error)}") from None
    connection = _connect(":memory:")
    try:
        connection.register("data", data)
    except (duckdb.Error, TypeError):
        raise TypeError(
            f"cannot query a {type(data).__name__}: give a path or a dataframe"
        ) from None
    return _relation(connection, query), connection


def _connect(path: str, *, read_only: bool = False) -> Any:
    connection = duckdb.connect(path, read_only=read_only)
    connection.execute(f"SET memory_limit = '{_MEMORY}'")
    return connection


def _relation(connection: Any, query: str) -> Any:
    try:
        relation = connection.sql(query)
    except duckdb.Error as error:
        raise ValueError(f"the query failed: {_reason(error)}") from None
    if relation is None:  # nothing but a comment
        raise ValueError(f"the query returns no table: {query!r}")
    return relation


def _reason(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _filled(scan: str, path: Path) -> str:
    return scan.replace("?", _quoted(str(path)), 1)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
