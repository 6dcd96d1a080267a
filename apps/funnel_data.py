"""The table of the privacy page: a bundled one or an upload, and the part each column plays.

An upload is read from memory; its name is shown and never used as a path.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st
from ui import SHARED, plain

from privfunnel.datasets import load_table
from privfunnel.tables import Table, read_table

MEGABYTES, MOST_ROWS, MOST_COLUMNS = 20, 200_000, 200
ENCODINGS = ("utf-8-sig", "utf-16", "cp1252")
UPLOAD = "my own file"
# What a spreadsheet program takes for a formula at the start of a cell.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
# Bundled table -> (what it is, the column to protect)
BUNDLED = {
    "anes96": ("944 voters, American National Election Study 1996", "vote"),
}


@dataclass(frozen=True)
class Task:
    """A table and the part of each column.

    Attributes
    ----------
    table : the columns in use, the sensitive one included.
    sensitive : the column to protect.
    useful : the columns that a release is for: these are released, and kept as far as they can be.
    name : for headings and file names.
    """

    table: Table
    sensitive: str
    useful: tuple[str, ...]
    name: str

    @property
    def others(self) -> tuple[str, ...]:
        """Every column in use but the sensitive one."""
        return tuple(n for n in self.table.names if n != self.sensitive)

    @property
    def key(self) -> str:
        """What a cache can tell tasks apart by: the data, not the part a release plays."""
        return f"{self.table.digest()} {self.sensitive}"

    @property
    def people(self) -> Table:
        """The table without the notes on how it was read: row by row what a release is made of."""
        return Table(self.table.columns)


def cached(**options: Any) -> Callable[..., Any]:
    """`st.cache_data`, bounded, for functions whose first argument is a Task."""
    return st.cache_data(
        max_entries=16, show_spinner=False, hash_funcs={Task: lambda t: t.key}, **options
    )


@st.cache_resource(max_entries=4, show_spinner=False)
def bundled(name: str) -> Table:
    """A table shipped with the repository (shared, read-only)."""
    return load_table(name)


def parse(data: bytes, suffix: str) -> pd.DataFrame:
    """The rows of an upload; ValueError says in one line what is wrong with it."""
    if not data:
        raise ValueError("the file is empty")
    if len(data) > MEGABYTES * 2**20:
        raise ValueError(f"the file is larger than {MEGABYTES} MB")
    if suffix == "parquet":
        try:
            return pd.read_parquet(io.BytesIO(data))
        except Exception as error:  # pyarrow raises a dozen kinds
            raise ValueError(f"not a Parquet file ({type(error).__name__})") from None
    return parse_text(data)


def parse_text(data: bytes) -> pd.DataFrame:
    """A CSV in whatever encoding and with whatever separator it was written."""
    words = decode(data)
    if "\x00" in words:
        raise ValueError("the file is not text")
    lines = [line for line in words.splitlines() if line.strip()]
    if not lines:
        raise ValueError("the file holds no lines")
    # The separator is the mark that the header and the next lines agree on most.
    few = lines[:5]
    separator = max(",;\t|", key=lambda mark: min(line.count(mark) for line in few))
    try:
        frame = pd.read_csv(io.StringIO(words), sep=separator, nrows=MOST_ROWS + 1)
    except (pd.errors.ParserError, ValueError) as error:
        raise ValueError(f"not a table: {str(error).splitlines()[0]}") from None
    frame.columns = [str(c) for c in frame.columns]
    return frame


def decode(data: bytes) -> str:
    """Text in one of the common encodings."""
    guesses = ENCODINGS if data[:2] in (b"\xff\xfe", b"\xfe\xff") else (ENCODINGS[0], ENCODINGS[2])
    for encoding in guesses:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ValueError("the text is in an encoding that is none of UTF-8, UTF-16, Windows-1252")


@st.cache_resource(max_entries=4, show_spinner="Reading the table …")
def uploaded(data: bytes, suffix: str, missing: str) -> Table:
    """The typed table of an upload."""
    frame = parse(data, suffix)
    if len(frame) > MOST_ROWS:
        raise ValueError(f"more than {MOST_ROWS:,} rows; send a sample of them")
    if frame.shape[1] > MOST_COLUMNS:
        raise ValueError(f"{frame.shape[1]:,} columns; keep at most {MOST_COLUMNS}")
    return read_table(frame, missing=missing)  # type: ignore[arg-type]


def choose() -> tuple[Table, str, str]:
    """Widgets of the source; returns the table, its name and the column to offer as sensitive."""
    source = st.selectbox("Table", [*BUNDLED, UPLOAD], key="table", **SHARED)
    if source in BUNDLED:
        st.caption(BUNDLED[source][0])
        return bundled(source), source, BUNDLED[source][1]
    file = st.file_uploader(
        "CSV or Parquet", type=["csv", "tsv", "txt", "parquet"], key="table_file",
        max_upload_size=MEGABYTES,
        help=f"Up to {MEGABYTES} MB, {MOST_ROWS:,} rows, {MOST_COLUMNS} columns. It stays in the "
        "memory of this server and is gone when you leave.",
    )  # fmt: skip
    missing = st.segmented_control(
        "Missing values", ["drop", "level"], default="drop", required=True, key="table_missing",
        help="drop: leave the row out; level: a level of its own.", **SHARED,
    )  # fmt: skip
    if file is None:
        st.info("Choose a file to go on.", icon=":material/upload_file:")
        st.stop()
    suffix = "parquet" if file.name.lower().endswith(".parquet") else "csv"
    try:
        table = uploaded(file.getvalue(), suffix, missing)
    except (ValueError, TypeError) as error:
        st.error(f"This file cannot be used: {plain(error, 300)}", icon=":material/error:")
        st.stop()
    for note in table.notes:
        st.caption(plain(note, 200))
    if risky := with_formulas(table):
        st.caption(
            f":material/warning: Texts in {plain(', '.join(risky), 120)} begin like formulas. Here "
            "they are only text; a spreadsheet program that opens a release may run them."
        )
    return table, "upload", table.names[0]


def with_formulas(table: Table) -> list[str]:
    """Columns with a text that a spreadsheet program would run."""
    return [c.name for c in table if any(t.startswith(FORMULA) for t in c.levels or ())]


def controls() -> Task:
    """All widgets of the sidebar."""
    with st.sidebar:
        st.markdown("**Data**")
        table, name, guess = choose()
        st.markdown("**Columns**")
        sensitive = st.selectbox(
            "Sensitive (to protect)", table.names, index=table.names.index(guess),
            key="sensitive", **SHARED,
        )  # fmt: skip
        others = [n for n in table.names if n != sensitive]
        ignored = st.multiselect("Ignored (left out everywhere)", others, key="ignored", **SHARED)
        left = [n for n in others if n not in ignored]
        useful = st.multiselect(
            "Useful (what a release is for)", left, key="useful", placeholder="all the others",
            help="Only these are released, and training keeps as much of them as the budget "
            "allows. Empty: every column that is not ignored.", **SHARED,
        )  # fmt: skip
        st.caption(f"{table.n:,} rows, {len(table.names)} columns")
    if not left:
        st.warning("Keep at least one column besides the sensitive one.")
        st.stop()
    kept = tuple(n for n in left if n in useful) or tuple(left)
    return Task(table.without(*ignored), sensitive, kept, name)
