"""A discrete channel outside of Python: a merge table, a table of chances, SQL, a dataframe."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from privfunnel.entropy import FloatArray
from privfunnel.files import write_text

# Chances below this are left out; the letters of a value share what is missing.
_LEAST = 1e-12


def is_deterministic(channel: FloatArray) -> bool:
    """Whether every value has one letter."""
    return bool((channel.max(axis=1) > 1.0 - 1e-9).all())


def chance_table(
    levels: npt.NDArray[Any], letters: Sequence[str], channel: FloatArray
) -> dict[str, list[Any]]:
    """Columns value and letter; with chances also probability, low and high.

    A row is drawn by a number u in [0, 1): the letter with low <= u < high.
    """
    if is_deterministic(channel):
        best = channel.argmax(axis=1).tolist()
        return {"value": levels.tolist(), "letter": [letters[i] for i in best]}
    table: dict[str, list[Any]] = {k: [] for k in ("value", "letter", "probability", "low", "high")}
    for level, row in zip(levels.tolist(), channel, strict=True):
        used = np.flatnonzero(row > _LEAST)
        steps = np.concatenate([[0.0], np.cumsum(row[used])]) / row[used].sum()
        steps[-1] = 1.0
        table["value"] += [level] * len(used)
        table["letter"] += [letters[i] for i in used.tolist()]
        table["probability"] += np.diff(steps).tolist()
        table["low"] += steps[:-1].tolist()
        table["high"] += steps[1:].tolist()
    return table


def write_chances(path: str | os.PathLike[str], table: Mapping[str, list[Any]]) -> None:
    """The table as CSV, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    write_text(path, text.getvalue())


def select(
    chances: Mapping[str, list[Any]],
    source: str,
    column: str,
    *,
    keep: Sequence[str],
    name: str,
    weights: str | None,
) -> str:
    """A SELECT of the released letters (and of the columns to keep) from a table of people.

    Standard SQL as DuckDB and PostgreSQL speak it. The value itself is not among the results.
    """
    carried = [f"p.{_name(k)}" for k in keep]
    columns = ", ".join([*carried, f"w.letter AS {_name(name)}"])
    random = "low" in chances
    if weights is None:
        fields = ["value", "letter", "low", "high"] if random else ["value", "letter"]
        rows = zip(*(chances[f] for f in fields), strict=True)
        body = ",\n    ".join("(" + ", ".join(_literal(v) for v in row) + ")" for row in rows)
        listed = f"w ({', '.join(fields)}) AS (VALUES\n    {body}\n)"
    else:
        listed = f"w AS (SELECT * FROM {_name(weights)})"
    # Materialised: one number a row, however often it is compared.
    drawn = "*, random() AS privfunnel_u" if random else "*"
    where = f"p.{_name(column)} = w.value"
    if random:
        where += "\n    AND p.privfunnel_u >= w.low AND p.privfunnel_u < w.high"
    return (
        f"WITH {listed},\np AS MATERIALIZED (SELECT {drawn} FROM {_name(source)})\n"
        f"SELECT {columns}\nFROM p LEFT JOIN w ON {where}\n"
    )


def _name(identifier: str) -> str:
    if not identifier or "\0" in identifier:
        raise ValueError(f"{identifier!r} is no name of a table or column")
    doubled = identifier.replace('"', '""')
    return f'"{doubled}"'


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (int, float)):
        return repr(value)
    doubled = str(value).replace("'", "''")
    return f"'{doubled}'"


def with_letters(data: Any, column: str, name: str, letters: npt.NDArray[Any]) -> Any:
    """The dataframe (pandas, polars, pyarrow) or dict with `column` replaced by its letters.

    It stands where the column stood and bears the new name.
    """
    if isinstance(data, Mapping):
        return {
            (name if k == column else k): (letters if k == column else v) for k, v in data.items()
        }
    import narwhals as nw

    frame = nw.from_native(data, eager_only=True)
    order = [name if c == column else c for c in frame.columns]
    space = nw.get_native_namespace(frame)
    series = nw.new_series(name, letters.tolist(), backend=space)
    return frame.drop(column).with_columns(series).select(order).to_native()


def column_of(data: Any, column: str) -> npt.NDArray[Any]:
    """One column (n,) of a dataframe or dict.

    Raises
    ------
    ValueError
        If there is no such column.
    """
    if isinstance(data, Mapping):
        names, values = list(data), data.get(column)
    else:
        import narwhals as nw

        frame = nw.from_native(data, eager_only=True)
        names = frame.columns
        values = frame[column].to_numpy() if column in names else None
    if values is None:
        raise ValueError(f"no column {column!r}; the table has {', '.join(map(str, names))}")
    return np.asarray(values)
