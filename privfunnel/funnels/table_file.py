"""Tables to files: CSV or Parquet, whole or not at all."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

from privfunnel.columns import Table
from privfunnel.files import write_bytes

ENDINGS = (".csv", ".parquet")


def check_ending(path: str | os.PathLike[str]) -> str:
    """The ending of a table file; ValueError if it is none that can be written."""
    suffix = Path(path).suffix.lower()
    if suffix not in ENDINGS:
        raise ValueError(f"cannot write {path}: the ending must be one of {', '.join(ENDINGS)}")
    return suffix


def write_table(table: Table, path: str | os.PathLike[str]) -> None:
    """Write all columns under their names, with the types they had when they were read."""
    suffix = check_ending(path)
    columns = {c.name: c.decode(c.values) for c in table}
    if suffix == ".csv":
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*(values.tolist() for values in columns.values()), strict=True))
        write_bytes(path, text.getvalue().encode("utf-8"))
        return
    import pyarrow
    from pyarrow import parquet

    buffer = io.BytesIO()
    parquet.write_table(pyarrow.table({k: v.tolist() for k, v in columns.items()}), buffer)
    write_bytes(path, buffer.getvalue())
