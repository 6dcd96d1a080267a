"""Tables: every door leads to the same columns, and every bad file gets one clear line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest

from privfunnel.datasets import load_table
from privfunnel.tables import quantile_bins, read_table


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "town": rng.choice(["Ulm", "Bonn", "Köln"], 200),
            "children": rng.integers(0, 4, 200),
            "income": rng.lognormal(10, 1, 200),
            "member": rng.random(200) < 0.3,
            "born": pd.Timestamp("1950-01-01") + pd.to_timedelta(rng.integers(0, 9000, 200), "D"),
        }
    )


def test_kinds(frame: pd.DataFrame) -> None:
    table = read_table(frame)
    assert [c.kind for c in table] == [
        "discrete",
        "discrete",
        "continuous",
        "discrete",
        "continuous",
    ]
    assert table["town"].levels == ("Bonn", "Köln", "Ulm")
    assert table["member"].coded[1] == ("False", "True")
    assert table["children"].coded[1] == ("0", "1", "2", "3")
    days = (frame["born"] - pd.Timestamp("1970-01-01")).dt.days
    np.testing.assert_array_equal(table["born"].values, days)
    assert read_table(frame, kinds={"children": "continuous"})["children"].kind == "continuous"


def test_every_source_gives_the_same_table(frame: pd.DataFrame, tmp_path: Path) -> None:
    expected = read_table(frame).digest()
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_csv(tmp_path / "t.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "t.parquet")
    polars = pl.from_pandas(frame)
    sources = {
        "csv": tmp_path / "t.csv",
        "text": str(tmp_path / "t.csv"),
        "tsv": tmp_path / "t.tsv",
        "parquet": tmp_path / "t.parquet",
        "polars": polars,
        "lazy": polars.lazy(),
        "arrow": polars.to_arrow(),
        "duckdb": duckdb.sql("SELECT * FROM frame"),
        "category": frame.astype({"town": "category"}),
        "mapping": {name: frame[name].to_numpy() for name in frame},
        "table": read_table(frame),
    }
    assert {
        name: read_table(s).digest() == expected for name, s in sources.items()
    } == dict.fromkeys(sources, True)


def test_the_digest_notices_one_value(frame: pd.DataFrame) -> None:
    other = frame.copy()
    other.loc[7, "income"] += 1e-6
    assert read_table(frame).digest() != read_table(other).digest()
    assert read_table(frame).digest() != read_table(frame[frame.columns[::-1]]).digest()


def test_choosing_columns_and_rows(frame: pd.DataFrame) -> None:
    table = read_table(frame)
    assert table.select(["income", "town"]).names == ("income", "town")
    assert table.without("income").names == ("town", "children", "member", "born")
    half = table.take(np.arange(100))
    assert half.n == len(half) == 100
    assert read_table(frame, columns=["town"]).names == ("town",)


def test_codes_counts_and_features(frame: pd.DataFrame) -> None:
    table = read_table(frame)
    counts = table.contingency("town", ("children", "member"))
    expected = pd.crosstab(frame["town"], [frame["children"], frame["member"]]).to_numpy()
    np.testing.assert_array_equal(counts.dense(), expected)
    features = table.matrix("town", "income")
    np.testing.assert_array_equal(features[:, 2], frame["town"] == "Ulm")
    np.testing.assert_array_equal(features[:, 3], frame["income"])
    assert table.variable("town", "income").kind == "mixed"
    assert table.variable("town").name == "town"


def test_values_find_their_way_back(frame: pd.DataFrame) -> None:
    table = read_table(frame)
    for name in ("town", "children", "income"):
        np.testing.assert_array_equal(table[name].decode(table[name].values), frame[name])


def test_missing_values_are_refused_dropped_or_a_level(frame: pd.DataFrame) -> None:
    frame.loc[3:8, "income"] = np.nan
    frame.loc[5:9, "town"] = None
    with pytest.raises(ValueError, match=r"in 7 of 200 rows, columns town \(5\), income \(6\)"):
        read_table(frame)
    dropped = read_table(frame, missing="drop")
    assert dropped.n == 193
    assert dropped.notes == ("7 of 200 rows dropped for missing values in town (5), income (6)",)
    levels = read_table(frame, missing="level")
    assert levels.n == 200
    assert levels["town"].levels == ("(missing)", "Bonn", "Köln", "Ulm")
    assert levels["income"].kind == "discrete"
    assert len(levels["income"].coded[1]) == 11
    with pytest.raises(
        ValueError, match="missing must be 'refuse', 'drop' or 'level', not 'ignore'"
    ):
        read_table(frame, missing="ignore")  # type: ignore[arg-type]


def test_a_column_of_gaps_is_named_before_all_rows_are_dropped(frame: pd.DataFrame) -> None:
    frame["gap"] = np.nan
    with pytest.raises(ValueError, match="column 'gap' holds nothing but missing values"):
        read_table(frame, missing="drop")
    frame["gap"] = [1.0] + [np.nan] * 199
    with pytest.raises(ValueError, match=r"fewer than 2 rows are left.*gap \(199\)"):
        read_table(frame, missing="drop")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("a,b\n", "the table has no rows, need at least 2"),
        ("a,b\n1,2\n", "the table has 1 row, need at least 2"),
        ("a,b\n1,\n2,3\n", r"missing values in 1 of 2 rows, columns b \(1\)"),
    ],
)
def test_bad_files(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        read_table(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_files_that_are_not_tables(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "t.xlsx").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"unknown ending '.xlsx'; one of: .csv"):
        read_table(tmp_path / "t.xlsx")
    (tmp_path / "t.parquet").write_bytes(b"this is no parquet file at all")
    with pytest.raises(ValueError, match=r"t.parquet: cannot be read as parquet"):
        read_table(tmp_path / "t.parquet")


def test_wrong_names_come_with_the_close_ones(frame: pd.DataFrame) -> None:
    table = read_table(frame)
    with pytest.raises(ValueError, match=r"no column 'Incom'; did you mean 'income'\?"):
        table["Incom"]
    with pytest.raises(ValueError, match="no column 'zzz'; the columns are: town, children"):
        read_table(frame, columns=["zzz"])
    with pytest.raises(ValueError, match="no column 'kids'"):
        read_table(frame, kinds={"kids": "discrete"})


def test_bad_frames(frame: pd.DataFrame) -> None:
    with pytest.raises(TypeError, match="cannot read a int: give a path"):
        read_table(3)
    with pytest.raises(ValueError, match="columns must be arrays of one length"):
        read_table({"a": [1, 2], "b": [1]})
    with pytest.raises(ValueError, match="the table has no columns"):
        read_table({})
    with pytest.raises(ValueError, match="'town' holds text and cannot be continuous"):
        read_table(frame, kinds={"town": "continuous"})
    with pytest.raises(ValueError, match="must be 'discrete' or 'continuous', not 'number'"):
        read_table(frame, kinds={"town": "number"})  # type: ignore[dict-item]
    frame.loc[0, "income"] = np.inf
    with pytest.raises(
        ValueError, match=r"column 'income' holds NaN or infinite values in 1 of 200"
    ):
        read_table(frame)


def test_time_zones_are_the_same_instant() -> None:
    here = [datetime(2020, 1, day, tzinfo=UTC) for day in range(1, 31)]
    plain = [moment.replace(tzinfo=None) for moment in here]
    a, b = (read_table({"t": np.array(v, dtype=object)})["t"].values for v in (here, plain))
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(np.diff(a), 1)


@pytest.mark.parametrize("k", [1, 2, 7, 10])
def test_quantile_bins_are_even_and_ordered(k: int) -> None:
    values = np.random.default_rng(0).normal(size=1000)
    codes = quantile_bins(values, k)
    sizes = np.bincount(codes)
    assert len(sizes) == k
    assert sizes.max() - sizes.min() <= 2
    assert (np.diff(codes[np.argsort(values)]) >= 0).all()


def test_quantile_bins_of_equal_values_share_a_bin() -> None:
    values = np.repeat([0.0, 1.0, 2.0], [90, 5, 5])
    codes = quantile_bins(values, 10)
    assert all(len(set(codes[values == v])) == 1 for v in (0, 1, 2))
    with pytest.raises(ValueError, match="k must be a whole number >= 1, not 0"):
        quantile_bins(values, 0)
    with pytest.raises(ValueError, match="finite numbers"):
        quantile_bins([1.0, np.nan])


def test_shipped_tables_load() -> None:
    assert load_table("anes96").n == 944
    with pytest.raises(ValueError, match=r"no table 'anes'; did you mean 'anes96'\?"):
        load_table("anes")
