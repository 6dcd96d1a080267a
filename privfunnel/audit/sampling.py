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
    gaps = _gaps(frame)
    sums = [gap.cast(nw.Int64).sum().alias(name) for name, gap in gaps.items()]
    found = frame.select(*sums).collect()
    return {name: int(found[name][0] or 0) for name in gaps}


def without_gaps(frame: Any) -> Any:
    """The rows without missing values, NaN among them."""
    return frame.filter(*(~gap for gap in _gaps(frame).values()))


def _gaps(frame: Any) -> dict[str, nw.Expr]:
    gaps = {}
    for name, kind in frame.collect_schema().items():
        gaps[name] = nw.col(name).is_null()
        if kind in (nw.Float32, nw.Float64):
            gaps[name] = gaps[name] | nw.col(name).is_nan()
    return gaps


def sample_of(frame: Any, n: int, size: int) -> Any:
    """About `size` of n rows, always the same ones.

    Rows are numbered in the order of the engine and drawn by a hash of their number; Dask and Spark
    draw with their own seeded samplers.
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
        return native.sample(frac=min(1.0, size / n), random_state=_SEED).compute()
    if kind in (nw.Implementation.PYSPARK, nw.Implementation.PYSPARK_CONNECT):
        return native.sample(fraction=min(1.0, size / n), seed=_SEED).toArrow()
    raise TypeError(
        f"cannot sample a lazy table of {kind}: give a file, a DuckDB relation, a polars "
        "LazyFrame, a Dask or a Spark dataframe"
    )
