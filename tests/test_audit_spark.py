"""Audits of Spark dataframes in local mode: needs Java, so CI runs them apart (-m spark)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from privfunnel.audit import sources
from privfunnel.audit.audit import audit
from privfunnel.audit.counted import Rows
from privfunnel.audit.grouping import fit_grouping
from privfunnel.audit.measure import most_groups, secret_grouping
from privfunnel.audit.sources import open_source
from privfunnel.tables import read_table

pytestmark = pytest.mark.spark
N = 1500


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    from pyspark.sql import SparkSession

    options = {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "512m",
    }
    session = SparkSession.builder.master("local[1]").appName("privfunnel").config(map=options)
    running = session.getOrCreate()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def people() -> pa.Table:
    """Text, whole and broken numbers, flags and dates, all telling something of the secret."""
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


def stay_put(monkeypatch: pytest.MonkeyPatch, sample: int) -> None:
    monkeypatch.setattr(sources, "BIG", 1000)
    monkeypatch.setattr(sources, "SAMPLE", sample)


def test_spark_counts_what_memory_counts(
    spark: Any, people: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    stay_put(monkeypatch, 700)
    source = open_source(spark.createDataFrame(people))
    assert source.n == N
    assert 550 < source.table.n < 850
    whole = read_table(people)
    secret, _ = secret_grouping(whole["s"])
    rows, engine = Rows(whole, secret.codes(whole["s"]), 2), source.counter(secret)
    assert engine is not None
    cut = [fit_grouping(c, most_groups(N, 2)) for c in source.table.without("s")]
    engine.prepare(cut)
    for groupings in [(), *((g,) for g in cut), (cut[0], cut[2])]:
        counted = engine.counts(groupings).dense()
        assert np.array_equal(counted, rows.counts(groupings).dense()), [g.name for g in groupings]


def test_the_audit_equals_that_of_pandas(
    spark: Any, people: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Everything in the sample: the groups are the same, and so are all counts.
    stay_put(monkeypatch, N)
    frame = people.to_pandas()
    monkeypatch.setattr(sources, "BIG", 10)
    found = audit(spark.createDataFrame(people), sensitive="s", rng=0).findings
    memory = audit(frame, sensitive="s", rng=0).findings
    assert any("1,500 rows were counted where they are" in note for note in found.notes)
    assert found.columns == memory.columns
    assert found.sets == memory.sets
    assert found.secret == memory.secret
    assert found.levels == memory.levels


def test_gaps_and_failures_of_spark(
    spark: Any, people: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    stay_put(monkeypatch, N)
    text, number = people["text"].to_pylist(), people["number"].to_pylist()
    text[5], number[7] = None, float("nan")
    gaps = people.set_column(1, "text", pa.array(text)).set_column(3, "number", pa.array(number))
    frame = spark.createDataFrame(gaps)
    with pytest.raises(ValueError, match=r"missing values in columns text \(1\), number \(1\)"):
        open_source(frame)
    assert open_source(frame, missing="drop").n == N - 2
    # What Spark finds only when it comes to the rows is one line.
    broken = spark.createDataFrame(people).selectExpr("s", "CAST(text AS INT) AS number")
    with pytest.raises(ValueError, match="cannot be read: ") as caught:
        open_source(broken)
    assert "\n" not in str(caught.value)
