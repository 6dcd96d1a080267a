"""Funnels against optima, published greedy and the linear curve; resumable.

`python3 dev.py bench funnel [--parts discrete,neural] [--sizes 3,8,20,100] [--seeds 1]
[--out FOLDER]`. Each finished case is appended to FOLDER/funnel.csv and skipped on the next run.
Tables are seeded by size and number; the 3 x 3 one is that of Huang & El Gamal. All in nats.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.funnel_learned import cases, learned
from privfunnel.funnels.mechanisms import Source
from privfunnel.funnels.merging import merge_path
from privfunnel.funnels.posteriors import Goal
from privfunnel.funnels.solvers import SOLVERS, solve_all

NUMBERS = (
    *("r25", "r50", "r75", "budget", "exact_leak", "utility", "linear", "distortion", "optimum"),
    *("over_optimum", "fresh", "lower", "upper", "cpu_s"),
)
FIELDS = ("case", "method", "seed", *NUMBERS, "status", "fresh_too_low", "earlier")
SHARES = (0.25, 0.5, 0.75)
# Nine utilities: what a frontier asks for.
NINE = tuple(k / 10 for k in range(1, 10))
LITERATURE = np.array([[0.9, 0.08, 0.4], [0.025, 0.82, 0.05], [0.075, 0.1, 0.55]]) / 3
# Slow beyond these sizes for what they give.
MOST = {"softmax": 20, "columns": 8, "submodular": 20}
Row = dict[str, Any]


def source(size: int, seed: int) -> Source:
    if size == 3:
        return Source(LITERATURE)
    rng = np.random.default_rng(1000 * size + seed)
    rows = rng.dirichlet(np.full(size, 0.1), size).T * rng.dirichlet(np.full(size, 2.0))
    return Source(rows / rows.sum())


def discrete(method: str, size: int, seed: int) -> Row:
    pair = source(size, seed)
    if method == "published greedy":
        leaks = [merge_path(pair, "greedy", floor=share * pair.h_x)[-1].leakage for share in SHARES]
    else:
        shares = (*SHARES, *(s for s in NINE if s not in SHARES))
        goals = [Goal("utility", share * pair.h_x) for share in shares]
        leaks = [m.leakage for m in solve_all(pair, goals, method, 0)]
    return dict(zip(("r25", "r50", "r75"), leaks, strict=False))


def plan(options: argparse.Namespace) -> Iterator[tuple[str, str, int, Callable[[], Row]]]:
    for seed in range(options.seeds):
        if "discrete" in options.parts:
            for size in options.sizes:
                for method in ("published greedy", *SOLVERS):
                    if size <= MOST.get(method, size) and not (size == 3 and seed):
                        case = f"{size}x{size}"
                        yield case, method, seed, lambda m=method, n=size, k=seed: discrete(m, n, k)
        if "neural" in options.parts:
            for name, budget in cases():
                run = partial(learned, name, budget, seed)
                yield f"{name}, budget {budget}", "neural", seed, run


def load(path: Path) -> list[Row]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row.get("cpu_s")]


def append(path: Path, row: Row) -> None:
    new = not path.exists()
    # A line cut short by an interruption is closed first.
    cut = not new and not path.read_bytes().endswith(b"\n")
    with path.open("a", newline="") as file:
        if cut:
            file.write("\n")
        writer = csv.DictWriter(file, FIELDS, restval="", lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)


def rows(argv: list[str]) -> list[dict[str, object]]:
    parser = argparse.ArgumentParser(prog="dev.py bench funnel", description=__doc__)
    parser.add_argument("--parts", type=lambda t: t.split(","), default=["discrete", "neural"])
    parser.add_argument(
        "--sizes", type=lambda t: [int(v) for v in t.split(",")], default=[3, 8, 20, 100]
    )
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("out/funnel"))
    options = parser.parse_args(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "funnel.csv"
    finished = {(r["case"], r["method"], r["seed"]) for r in load(path)}
    left = [c for c in plan(options) if (c[0], c[1], str(c[2])) not in finished]
    for case, method, seed, run in tqdm(left, desc="funnel", unit="case"):
        start = time.process_time()
        found = run()
        seconds = time.process_time() - start
        append(path, {"case": case, "method": method, "seed": seed, **found, "cpu_s": seconds})
    found_rows = load(path)
    used = [k for k in FIELDS if any(row.get(k) for row in found_rows)]
    return [
        {k: float(row[k]) if k in NUMBERS and row[k] else row[k] for k in used}
        for row in found_rows
    ]
