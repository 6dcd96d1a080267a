"""Audits of every kind of source: files, databases, queries, dataframes, tables that stay put."""

from __future__ import annotations

import datetime as dt
import gc
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from privfunnel.audit import database, sources
from privfunnel.audit.audit import audit
from privfunnel.audit.counted import Rows
from privfunnel.audit.grouping import Grouping, fit_grouping
from privfunnel.audit.measure import most_groups, secret_grouping
from privfunnel.audit.sources import open_source
from privfunnel.tables import read_table

N = 3000


@pytest.fixture(scope="module")
def people() -> pa.Table:
    """A secret with text, whole and broken numbers, flags and dates, all telling something."""
    rng = np.random.default_rng(0)
    s = rng.random(N) < 0.4
    start = dt.date(2020, 1, 1)
    return pa.table(
        {
            "s": np.where(s, "yes", "no"),
            "text": [f"v{v}" for v in rng.integers(0, 5, N) + s],
            "code": rng.integers(0, 4, N) + s,
            "number": rng.normal(size=N) + s,
            "flag": rng.random(N) < 0.3 + 0.3 * s,
            "day": [start + dt.timedelta(days=int(d)) for d in rng.integers(0, 900, N) + 90 * s],
        }
    )


@pytest.fixture
def stays_put(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of this size are big already, and half of them is a sample."""
    monkeypatch.setattr(sources, "BIG", 1000)
    monkeypatch.setattr(sources, "SAMPLE", 1500)


def kinds_of_sources(table: pa.Table, folder: Path) -> dict[str, Any]:
    """The same table as each thing that can stay where it is."""
    path = folder / "people.parquet"
    pq.write_table(table, path)
    return {
        "parquet": path,
        "relation": duckdb.from_arrow(table),
        "polars": pl.from_arrow(table).lazy(),  # type: ignore[union-attr]
    }


@pytest.mark.usefixtures("stays_put")
@pytest.mark.parametrize("kind", ["parquet", "relation", "polars"])
def test_an_engine_counts_what_memory_counts(kind: str, people: pa.Table, tmp_path: Path) -> None:
    whole = read_table(people)
    source = open_source(kinds_of_sources(people, tmp_path)[kind])
    assert 1200 < source.table.n < 1800
    assert source.n == N
    secret, _ = secret_grouping(whole["s"])
    rows = Rows(whole, secret.codes(whole["s"]), 2)
    engine = source.counter(secret)
    assert engine is not None
    cut = [fit_grouping(c, most_groups(N, 2)) for c in source.table.without("s")]
    assert {g.name: g.size for g in cut}["day"] == 10
    engine.prepare(cut[:3])
    for groupings in [(), *((g,) for g in cut), (cut[0], cut[2], cut[4])]:
        counted = engine.counts(groupings).dense()
        assert np.array_equal(counted, rows.counts(groupings).dense()), [g.name for g in groupings]


def test_dask_counts_what_memory_counts(
    people: pa.Table, stays_put: None, recwarn: pytest.WarningsRecorder
) -> None:
    from dask import dataframe

    frame = people.select(["s", "text", "number"]).to_pandas()
    source = open_source(dataframe.from_pandas(frame, npartitions=2))
    assert 1200 < source.table.n < 1800
    whole = read_table(frame)
    secret, _ = secret_grouping(whole["s"])
    engine = source.counter(secret)
    assert engine is not None
    rows = Rows(whole, secret.codes(whole["s"]), 2)
    for name in ("text", "number"):
        grouping = fit_grouping(source.table[name], 8)
        counted = engine.counts((grouping,)).dense()
        assert np.array_equal(counted, rows.counts((grouping,)).dense())


def test_an_audit_of_dask_equals_that_of_pandas(
    people: pa.Table, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    # Everything in the sample: the groups are the same, and so are all counts.
    from dask import dataframe

    monkeypatch.setattr(sources, "BIG", 10)
    monkeypatch.setattr(sources, "SAMPLE", N)
    frame = people.select(["s", "text", "code", "number"]).to_pandas()
    found = audit(dataframe.from_pandas(frame, npartitions=3), sensitive="s", rng=0).findings
    memory = audit(frame, sensitive="s", rng=0).findings
    assert any("rows were counted where they are" in note for note in found.notes)
    assert found.columns == memory.columns
    assert found.sets == memory.sets
    assert found.levels == memory.levels


@pytest.mark.usefixtures("stays_put")
def test_rare_levels_are_merged_by_the_engine(
    monkeypatch: pytest.MonkeyPatch, people: pa.Table
) -> None:
    monkeypatch.setattr(sources, "MOST_KEYS", 3)
    source = open_source(duckdb.from_arrow(people))
    grouping = fit_grouping(source.table["text"], 4)
    assert grouping.size == 4
    whole = read_table(people)
    secret, _ = secret_grouping(whole["s"])
    engine = source.counter(secret)
    assert engine is not None
    rows = Rows(whole, secret.codes(whole["s"]), 2)
    counted = engine.counts((grouping,)).dense()
    assert np.array_equal(counted, rows.counts((grouping,)).dense())


@pytest.mark.usefixtures("stays_put")
def test_an_audit_of_a_big_table(people: pa.Table, tmp_path: Path) -> None:
    path = kinds_of_sources(people, tmp_path)["parquet"]
    first, second = (
        audit(path, sensitive="s", release=["text", "number"], rng=0) for _ in range(2)
    )
    assert first.to_json() == second.to_json()
    assert first.findings.n == N
    assert any("3,000 rows were counted where they are" in n for n in first.findings.notes)
    memory = audit(people, sensitive="s", release=["text", "number"], rng=0).findings
    for a, b in zip(first.findings.columns, memory.columns, strict=True):
        assert a.name == b.name
        assert a.leakage.value == pytest.approx(b.leakage.value, abs=0.01)


# A release beside its original in the engine


@pytest.fixture(scope="module")
def release(people: pa.Table) -> pa.Table:
    """A release of them: half of the texts and a third of the codes drawn anew, numbers rounded."""
    rng = np.random.default_rng(1)
    text, code = (np.array(people[name].to_pylist()) for name in ("text", "code"))
    return pa.table(
        {
            "text": np.where(rng.random(N) < 0.5, rng.permutation(text), text),
            "code": np.where(rng.random(N) < 0.3, rng.permutation(code), code),
            "number": np.round(np.array(people["number"].to_pylist())),
        }
    )


@pytest.mark.parametrize("kind", ["parquet", "csv", "relation", "polars"])
def test_a_big_release_is_compared_as_a_small_one(
    kind: str, people: pa.Table, release: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = audit(release, sensitive="s", original=people, rng=0).findings.comparison
    assert memory is not None
    monkeypatch.setattr(sources, "BIG", 1000)
    monkeypatch.setattr(sources, "SAMPLE", N)
    monkeypatch.setattr(sources, "BIG_TEXT", 1000, raising=False)
    monkeypatch.setattr(database, "BIG_TEXT", 1000)
    after, before = kinds_of_pairs(kind, release, people, tmp_path)
    found = audit(after, sensitive="s", original=before, rng=0).findings
    assert found.n == N
    assert any("counted where they are" in note for note in found.notes)
    assert found.comparison is not None
    assert [k.name for k in found.comparison.kept] == ["text", "code", "number"]
    # Everything is in the sample: the groups are the same, and so are all counts.
    assert found.comparison.kept == memory.kept
    assert found.comparison.place == memory.place
    assert found.comparison.leakage_before == memory.leakage_before
    assert found.comparison.leakage_before.value > found.together.leakage.value + 0.05
    assert {f.name for f in found.columns} == {"text", "code", "number"}


def kinds_of_pairs(kind: str, after: pa.Table, before: pa.Table, folder: Path) -> tuple[Any, Any]:
    if kind == "relation":
        return duckdb.from_arrow(after), duckdb.from_arrow(before)
    if kind == "polars":
        return pl.from_arrow(after).lazy(), pl.from_arrow(before)  # type: ignore[union-attr]
    paths = folder / f"after.{kind}", folder / f"before.{kind}"
    for path, table in zip(paths, (after, before), strict=True):
        if kind == "csv":
            table.to_pandas().to_csv(path, index=False)
        else:
            pq.write_table(table, path)
    return paths


@pytest.mark.usefixtures("stays_put")
def test_pairs_that_do_not_fit(people: pa.Table, release: pa.Table, tmp_path: Path) -> None:
    from privfunnel.audit.beside import prefix_of

    lazy = pl.from_arrow(release).lazy()  # type: ignore[union-attr]
    short = people.slice(0, N - 1)
    pq.write_table(short, tmp_path / "short.parquet")
    (tmp_path / "bad.csv").write_bytes(b"s,text\n1,\xff\xfe\n0,\xff\n")
    for after, before, message in [
        (lazy, people.to_pandas(), "matched by their place"),
        (duckdb.from_arrow(release), people, "matched by their place"),
        (lazy, pl.from_arrow(short), "has 3000 rows, the original 2999"),
        (duckdb.from_arrow(release), tmp_path / "short.parquet", "the original 2999"),
        (duckdb.from_arrow(release), tmp_path / "gone.csv", "no such file"),
        (duckdb.from_arrow(release), tmp_path / "bad.csv", "cannot be read"),
        (lazy, pl.from_arrow(people.drop_columns(["s"])), "no column 's'"),
    ]:
        with pytest.raises(ValueError, match=message) as caught:
            audit(after, sensitive="s", original=before, rng=0)
        assert "\n" not in str(caught.value)
    assert prefix_of(["a", "original.a"]) == "_original."


@pytest.mark.usefixtures("stays_put")
def test_gaps_of_a_big_table(people: pa.Table) -> None:
    text = people["text"].to_pylist()
    number = people["number"].to_pylist()
    text[5], number[7] = None, float("nan")
    gaps = people.set_column(1, "text", pa.array(text))
    relation = duckdb.from_arrow(gaps)
    with pytest.raises(ValueError, match=r"missing values in columns text \(1\)"):
        open_source(relation)
    dropped = open_source(relation, missing="drop")
    assert dropped.n == N - 1
    level = open_source(relation, missing="level")
    secret, _ = secret_grouping(level.table["s"])
    grouping = Grouping("text", "", ("(missing)", "(other)"), kept=("(missing)",))
    engine = level.counter(secret)
    assert engine is not None
    assert engine.counts((grouping,)).rows.tolist() == [1, N - 1]
    broken = duckdb.from_arrow(people.set_column(3, "number", pa.array(number)))
    with pytest.raises(ValueError, match=r"number \(1\)"):
        open_source(broken)
    # NaN goes with the gaps: it would be counted in the highest bin otherwise.
    assert open_source(broken, missing="drop").n == N - 1


def test_a_big_csv_is_parsed_once(
    people: pa.Table, stays_put: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BIG_TEXT", 1000)
    folders = tmp_path / "temporary"
    folders.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folders))
    path = tmp_path / "people.csv"
    people.to_pandas().to_csv(path, index=False)
    source = open_source(path)
    assert source.n == N
    assert [p.name for p in folders.glob("*/*.duckdb")] == ["rows.duckdb"]
    secret, _ = secret_grouping(source.table["s"])
    engine = source.counter(secret)
    assert engine is not None
    yes = sum(value == "yes" for value in people["s"].to_pylist())
    assert engine.counts(()).dense().tolist() == [[N - yes, yes]]
    del source, engine
    gc.collect()
    assert list(folders.iterdir()) == []


# Small tables of every kind


@pytest.mark.parametrize("kind", ["pandas", "polars", "lazy", "arrow", "relation", "mapping"])
def test_dataframes(kind: str, people: pa.Table) -> None:
    small = people.slice(0, 200).select(["s", "text", "number"])
    frames: dict[str, Any] = {
        "pandas": small.to_pandas(),
        "polars": pl.from_arrow(small),
        "lazy": pl.from_arrow(small).lazy(),  # type: ignore[union-attr]
        "arrow": small,
        "relation": duckdb.from_arrow(small),
        "mapping": {name: small[name].to_pylist() for name in small.column_names},
    }
    table = open_source(frames[kind]).table
    assert table.names == ("s", "text", "number")
    assert table.digest() == read_table(small).digest()


def test_queries(people: pa.Table, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    pd.DataFrame({"s": [0, 1] * 20, "x": range(40)}).to_csv(path, index=False)
    query = "SELECT s, x % 3 AS third FROM data WHERE x >= 10"
    for data in (path, pd.read_csv(path), duckdb.read_csv(str(path))):
        table = open_source(data, query=query).table
        assert table.names == ("s", "third")
        assert table.n == 30


def test_databases(tmp_path: Path) -> None:
    path = tmp_path / "people.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE one AS SELECT range AS x, range % 2 AS s FROM range(40)")
    assert open_source(path).table.n == 40
    assert open_source(path, query="SELECT * FROM one WHERE x < 10").table.n == 10
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE two AS SELECT 1 AS y")
    with pytest.raises(ValueError, match="holds the tables one, two: say which rows"):
        open_source(path)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT nope FROM data", "the query failed: .*nope"),
        ("SELEC", "the query failed"),
        ("SELECT CAST(x AS INT) AS x FROM data", "cannot be read"),
    ],
)
def test_queries_that_fail(query: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("s,x\n1,a\n0,b\n")
    with pytest.raises(ValueError, match=message) as caught:
        open_source(path, query=query)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    cases = {
        "gone.csv": (None, "no such file"),
        "gone.duckdb": (None, "no such file"),
        "empty.csv": (b"", "the file is empty"),
        "a.xlsx": (b"x", "unknown ending"),
        "bad.parquet": (b"PAR1 is not enough", "cannot be read as parquet"),
        "bad.duckdb": (b"not a database at all" * 500, "not a DuckDB database"),
        "twice.csv": (b"s,x,x\n1,2,3\n0,1,2\n", "columns appear twice: x"),
        "semicolons.csv": (b"s;x;x\n1;2;3\n0;1;2\n", "columns appear twice: x"),
        "latin.csv": ("s,x\n1,M\u00fcller\n0,b\n".encode("latin-1"), "cannot be read as csv"),
        "mixed.csv": (
            "s,x\n1,M\u00fcller\n".encode() + "0,M\u00fcller\n".encode("latin-1"),
            "cannot be read as csv",
        ),
    }
    for name, (content, message) in cases.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=message) as caught:
            open_source(tmp_path / name)
        assert "\n" not in str(caught.value), name


def test_things_that_are_no_tables() -> None:
    with pytest.raises(TypeError, match="cannot read a int"):
        open_source(7)
    with pytest.raises(TypeError, match="cannot query a int"):
        open_source(7, query="SELECT 1")
