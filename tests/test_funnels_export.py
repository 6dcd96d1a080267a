"""Discrete releases outside of Python: the letters that SQL draws are those of the channel."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from privfunnel.entropy import mutual_information
from privfunnel.funnels.discrete import DiscreteFunnel

N = 40_000
NAMES = np.array(["it's a", 'b "quoted"', "c", "d"])


def people() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    s, u = rng.integers(0, 2, (2, N))
    shown = NAMES[2 * np.where(rng.random(N) < 0.1, 1 - s, s) + u]
    return pd.DataFrame({"id": np.arange(N), "s": s, "shown": shown, "size": 2 * s + u})


@pytest.fixture(scope="module")
def randomised() -> DiscreteFunnel:
    data = people()
    funnel = DiscreteFunnel(budget=0.1, rng=0).fit(data["s"], data["shown"])
    assert not funnel.deterministic
    return funnel


@pytest.fixture(scope="module")
def merging() -> DiscreteFunnel:
    # Size is 2 s + u; a clean merge keeps u, and with it 1 of 2 bits.
    joint = np.array([[0.25, 0.25, 0.0, 0.0], [0.0, 0.0, 0.25, 0.25]])
    return DiscreteFunnel(utility=1.0, solver="ratio_greedy").fit(joint)


def information(s: np.ndarray, z: np.ndarray) -> float:
    table = pd.crosstab(s, z).to_numpy()
    return mutual_information(table / table.sum())


def check_drawn(funnel: DiscreteFunnel, out: pd.DataFrame) -> None:
    data = people()
    assert list(out.columns) == ["id", "z"]
    out = out.sort_values("id")
    assert (out["id"].to_numpy() == np.arange(N)).all()
    assert out["z"].notna().all()
    shares = pd.crosstab(data["shown"], out["z"].to_numpy(), normalize="index")
    expected = pd.DataFrame(funnel.channel, index=funnel.levels, columns=list(funnel.letters))
    aligned = shares.reindex(index=expected.index, columns=expected.columns).fillna(0.0)
    assert np.abs(aligned - expected).to_numpy().max() < 0.02
    leaked = information(data["s"].to_numpy(), out["z"].to_numpy())
    assert leaked == pytest.approx(funnel.leakage.value, abs=0.01)


def test_duckdb_draws_the_channel(randomised: DiscreteFunnel) -> None:
    with duckdb.connect() as base:
        base.register("my people", people())
        query = randomised.to_sql("my people", "shown", keep=["id"])
        check_drawn(randomised, base.sql(query).df())


def test_duckdb_joins_the_written_chances(randomised: DiscreteFunnel, tmp_path: Path) -> None:
    path = tmp_path / "chances.csv"
    randomised.to_csv(path)
    with duckdb.connect() as base:
        base.register("people", people())
        base.sql(f"CREATE TABLE chances AS SELECT * FROM read_csv('{path}')")
        query = randomised.to_sql("people", "shown", keep=["id"], weights="chances")
        assert "VALUES" not in query
        check_drawn(randomised, base.sql(query).df())


def test_chances_add_up(randomised: DiscreteFunnel) -> None:
    table = pd.DataFrame(randomised.to_table())
    for value, rows in table.groupby("value"):
        assert rows["low"].iloc[0] == 0.0
        assert rows["high"].iloc[-1] == 1.0
        assert (rows["high"].to_numpy()[:-1] == rows["low"].to_numpy()[1:]).all()
        row = randomised.channel[list(randomised.levels).index(value)]
        assert rows["probability"].sum() == pytest.approx(1.0)
        assert np.allclose(np.sort(rows["probability"]), np.sort(row[row > 1e-12]))


def test_a_merge_is_a_table_of_two_columns(merging: DiscreteFunnel, tmp_path: Path) -> None:
    assert merging.deterministic
    assert list(merging.to_table()) == ["value", "letter"]
    merging.to_csv(tmp_path / "merge.csv")
    with (tmp_path / "merge.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["value", "letter"]
    assert len(rows) == 5
    with duckdb.connect() as base:
        base.register("people", people())
        query = merging.to_sql("people", "size", name="kept")
        assert "random" not in query
        out = base.sql(query).df()
    assert list(out.columns) == ["kept"]
    assert out["kept"].nunique() == merging.channel.shape[1]


def test_the_value_itself_is_not_released(randomised: DiscreteFunnel) -> None:
    with duckdb.connect() as base:
        base.register("people", people().head(50))
        assert base.sql(randomised.to_sql("people", "shown")).columns == ["z"]
        base.sql("CREATE TABLE other AS SELECT 'never seen' AS shown")
        assert base.sql(randomised.to_sql("other", "shown")).fetchall() == [(None,)]
    with pytest.raises(ValueError, match="no name of a table or column"):
        randomised.to_sql("", "shown")


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow", "dict"])
def test_dataframes_of_any_kind(randomised: DiscreteFunnel, kind: str) -> None:
    data = people().head(500)
    made = {
        "pandas": lambda: data,
        "polars": lambda: pl.from_pandas(data),
        "pyarrow": lambda: pa.Table.from_pandas(data, preserve_index=False),
        "dict": lambda: {c: data[c].to_numpy() for c in data},
    }[kind]()
    out = randomised.apply(made, "shown", name="letter", rng=3)
    assert type(out) is type(made)
    names = out.column_names if kind == "pyarrow" else list(getattr(out, "columns", out))
    assert names == ["id", "s", "letter", "size"]
    letters = [str(v) for v in (out["letter"].to_pylist() if kind == "pyarrow" else out["letter"])]
    expected = np.array(randomised.letters)[randomised.transform(data["shown"], rng=3)]
    assert letters == expected.tolist()
    with pytest.raises(ValueError, match="no column 'nope'"):
        randomised.apply(made, "nope")
