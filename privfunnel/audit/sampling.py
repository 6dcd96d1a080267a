"""What is read of a table that stays in its engine: its size, its gaps, a repeatable sample."""

from __future__ import annotations

from typing import Any

import narwhals as nw

# Which rows are drawn depends on their number only: the same table, the same sample.
_SEED = 20_14


def row_count(frame: Any) -> int:
    """Number of rows."""
    return int(frame.select(nw.len().alias("n")).collect()["n"][0])


def gaps_of(frame: Any) -> dict[str, int]:
    """Missing values in each column, NaN among them, in one pass."""
    schema = frame.collect_schema()
    sums = []
    for name, kind in schema.items():
        gap = nw.col(name).is_null()
        if kind in (nw.Float32, nw.Float64):
            gap = gap | nw.col(name).is_nan()
        sums.append(gap.cast(nw.Int64).sum().alias(name))
    found = frame.select(*sums).collect()
    return {name: int(found[name][0] or 0) for name in schema}


def sample_of(frame: Any, n: int, size: int) -> Any:
    """About `size` of n rows, always the same ones.

    Rows are numbered in the order of the engine and drawn by a hash of their number; Dask draws
    with its own seeded sampler.
    """
    every = max(1, n // size)
    native = frame.to_native()
    kind = frame.implementation
    if kind == nw.Implementation.DUCKDB:
        return native.query(
            "source",
            "SELECT * EXCLUDE (row_of_source) FROM (SELECT *, row_number() OVER () AS "
            f"row_of_source FROM source) WHERE hash(row_of_source + {_SEED}) % {every} = 0",
        ).to_arrow_table()
    if kind == nw.Implementation.POLARS:
        import polars as pl

        numbered = native.with_row_index("row_of_source")
        drawn = pl.col("row_of_source").hash(_SEED) % every == 0
        return numbered.filter(drawn).drop("row_of_source").collect()
    if kind == nw.Implementation.DASK:
        return native.sample(frac=size / n, random_state=_SEED).compute()
    raise TypeError(
        f"cannot sample a lazy table of {kind}: give a file, a DuckDB relation, a polars LazyFrame "
        "or a Dask dataframe"
    )
