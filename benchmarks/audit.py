"""Audits: time of a full one, of a big one out of core, and how often its numbers hold.

    dev.py bench audit [--rows N] [--columns K] [--repeat R] [--sizes N,...] [--cells C,...]

`--rows` is the size of the Parquet file (5,000,000; the target is 50,000,000), `--repeat` the
number of simulated tables per cell of the last table (2).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.audit_tables import small_table, write_parquet
from privfunnel.audit.audit import audit
from privfunnel.audit.together import verdict_of

SHARES = (0.0, 0.05, 0.3, 1.0)


def rows(argv: list[str]) -> list[dict[str, object]]:
    """Every part; see the module's text."""
    parser = argparse.ArgumentParser(prog="dev.py bench audit")
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--sizes", default="200,2000")
    parser.add_argument("--cells", default="2,20,200,2000,10000")
    args = parser.parse_args(argv)
    found: list[dict[str, object]] = [full()]
    if args.rows:
        found.append(big(args.rows, args.columns))
    for n in map(int, args.sizes.split(",") if args.repeat else ()):
        found += [simulated(n, int(cells), args.repeat) for cells in args.cells.split(",")]
    return found


def full(n: int = 32_000, columns: int = 13) -> dict[str, object]:
    """Ranking, sets of up to three, attackers, intervals and the page of 32,000 x 14."""
    rng = np.random.default_rng(0)
    s = rng.integers(0, 2, n)
    data: dict[str, np.ndarray] = {"s": s}
    for j in range(columns):
        if j % 3 == 2:
            data[f"c{j}"] = rng.normal(size=n) + 0.05 * j * s
        else:
            shown = s ^ (rng.random(n) < 0.5 - 0.02 * j)
            free = rng.integers(0, (1, 4, 8, 20)[j % 4], n)
            data[f"c{j}"] = np.char.mod("v%d", shown + 2 * free)
    start = time.perf_counter()
    report = audit(data, sensitive="s", rng=0)
    report.to_html()
    seconds = time.perf_counter() - start
    return {"case": "full audit and page", "rows": n, "columns": columns + 1, "seconds": seconds}


def big(n: int, columns: int) -> dict[str, object]:
    """A Parquet file audited in a process of its own, so that its memory can be read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "big.parquet"
        start = time.perf_counter()
        truths = write_parquet(path, n, columns)
        making = time.perf_counter() - start
        code = (
            "import resource, sys, time\n"
            "from privfunnel.audit.audit import audit\n"
            "start = time.perf_counter()\n"
            "found = audit(sys.argv[1], sensitive='s', rng=0).findings\n"
            "seconds = time.perf_counter() - start\n"
            "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
            "print(seconds, peak, *(f'{f.name}={f.leakage.value}' for f in found.columns))\n"
        )
        run = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
        )
        size = path.stat().st_size
    seconds, peak, *read = run.stdout.split()
    values = {name: float(bits) for name, bits in (item.split("=") for item in read)}
    worst = max(abs(values[name] - truth) for name, truth in truths.items())
    # ru_maxrss is in kilobytes on Linux and in bytes on macOS.
    unit = 1e9 if sys.platform == "darwin" else 1e6
    return {
        "case": f"Parquet of {size / 1e9:.2f} GB",
        "rows": n,
        "columns": columns + 1,
        "seconds": float(seconds),
        "peak GB": float(peak) / unit,
        "made in s": making,
        "worst error [bit]": worst,
    }


def simulated(n: int, cells: int, repeat: int) -> dict[str, object]:
    """Tables of known leakage: how often a lower end is above it, and a verdict wrong.

    The budget is 1.5 times below and 1.5 times above the truth; "within" the first and "over" the
    second are wrong, "inconclusive" is not.
    """
    start = time.perf_counter()
    above = wrong = open_ = verdicts = audits = 0
    for share in SHARES:
        for seed in range(repeat):
            report = audit(
                small_table(n, cells, share, 1000 * seed + int(100 * share)),
                sensitive="s",
                rng=seed,
            )
            found = report.findings
            truth = share
            audits += 1
            above += found.together.leakage.lower > truth + 1e-9
            for budget, bad in ((truth / 1.5, "within"), (min(1.0, 1.5 * truth), "over")):
                if truth > 0.0 and not (bad == "over" and budget <= truth):
                    verdict = verdict_of(
                        found.together,
                        found.columns,
                        found.secret,
                        budget,
                        None,
                        sets=found.sets,
                        hidden=found.hidden,
                    )
                    verdicts += 1
                    wrong += verdict == bad
                    open_ += verdict == "inconclusive"
    return {
        "case": "known leakage 0 to 1 bit",
        "rows": n,
        "cells": cells,
        "seconds": time.perf_counter() - start,
        "audits": audits,
        "lower end above": above,
        "verdicts": verdicts,
        "wrong": wrong,
        "undecided": open_,
    }
