"""The bookkeeping of the exploration benchmark: pairs, clusters, intervals, going on later."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import explore


def row(family: str, seed: int, start: int, strategy: str, metres: float) -> dict[str, Any]:
    key = (family, str(seed), str(start), "8m", "off", strategy)
    return {**dict(zip(explore.KEY, key, strict=True)), "to99": metres}


def rows(ratio: float, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Eight maps with three starts; the maps differ, the ratio holds on average."""
    out = []
    for seed in range(8):
        effect = rng.normal(0.0, 0.2)
        for start in range(3):
            metres = float(rng.uniform(20.0, 60.0))
            out.append(row("office", seed, start, "nearest", metres))
            mine = metres * ratio * math.exp(effect + rng.normal(0.0, 0.01))
            out.append(row("office", seed, start, "tour", mine))
    return out


def test_ratios_are_paired_and_clustered_by_map() -> None:
    found = rows(0.8, np.random.default_rng(1))
    result = explore.compare(found, "to99", "tour", "nearest")
    assert (result["pairs"], result["maps"]) == (24, 8)
    logs = explore.ratios(found, "to99", "tour", "nearest")
    flat = np.array([v for starts in logs.values() for some in starts.values() for v in some])
    assert result["ratio"] == pytest.approx(math.exp(flat.mean()))
    low, high = float(str(result["low"])), float(str(result["high"]))
    assert low < math.exp(flat.mean()) < high
    # Runs in one map are not independent: the interval is wider than that of 24 pairs.
    alone = np.random.default_rng(0).choice(flat, (4000, 24)).mean(axis=1)
    assert math.log(high / low) > 1.3 * np.ptp(np.quantile(alone, (0.025, 0.975)))


def test_what_was_never_reached_is_counted_and_left_out() -> None:
    found = rows(0.8, np.random.default_rng(2))
    found[1]["to99"] = math.inf
    found[2]["to99"] = found[3]["to99"] = math.inf
    result = explore.compare(found, "to99", "tour", "nearest")
    assert (result["pairs"], result["unreached"], result["unreached_baseline"]) == (22, 1, 0)
    assert math.isfinite(float(str(result["ratio"])))
    back = explore.compare(found, "to99", "nearest", "tour")
    assert (back["pairs"], back["unreached"], back["unreached_baseline"]) == (22, 0, 1)
    assert float(str(back["ratio"])) == pytest.approx(1.0 / float(str(result["ratio"])))
    assert explore.compare(found, "to99", "random", "nearest")["pairs"] == 0
    assert explore.alone(found, "random")["runs"] == 0


def test_the_protocol_is_all_there_and_paired() -> None:
    wanted = list(
        explore.tasks(
            explore.FAMILIES, range(10), 3, tuple(explore.SENSORS), tuple(explore.NOISES),
            explore.STRATEGIES,
        )
    )  # fmt: skip
    assert len(wanted) == len({t.key() for t in wanted}) == 5 * 10 * 3 * 3 * 2 * 8
    # Runs that are compared stand next to each other, and every first start before a second.
    assert len({t.key()[:-1] for t in wanted[:8]}) == 1
    assert [t.start for t in wanted] == sorted(t.start for t in wanted)


def test_an_interrupted_benchmark_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[explore.Task] = []

    def once(task: explore.Task) -> dict[str, Any]:
        ran.append(task)
        if len(ran) == 2:
            raise KeyboardInterrupt
        values = dict.fromkeys(explore.FIELDS, 1.0)
        return {**values, **dict(zip(explore.KEY, task.key(), strict=True)), "status": "done"}

    monkeypatch.setattr(explore, "once", once)
    path = tmp_path / "new" / "runs.csv"
    wanted = list(explore.tasks(("maze",), range(3), 1, ("8m",), ("off",), ("nearest",)))
    with pytest.raises(KeyboardInterrupt):
        explore.run_all(wanted, path, 1)
    assert explore.run_all(wanted, path, 1, minutes=0.0) == explore.read(path)
    assert len(explore.read(path)) == 1
    assert len(explore.run_all(wanted, path, 1)) == 3
    assert len(ran) == 4
    with path.open() as file:
        assert len(list(csv.reader(file))) == 4
