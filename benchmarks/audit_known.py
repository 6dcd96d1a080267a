"""How often an audit's numbers hold on tables whose leakage is known; resumable.

`python3 dev.py bench audit_known [--sizes N,...] [--cells C,...] [--repeat R] [--minutes M]
[--out FOLDER]`. Each audit is a line of FOLDER/audit_known.csv and is not repeated by the next
run. Designs: "even", one column that shows a fair bit with errors among levels that mean nothing;
"uneven", four levels of unequal shares and cells of unequal size (Zipf) that point to them more or
less; "pair", the same cells as two columns, known only side by side.

An error is a lower end above the truth, "within" for a budget 1.5 times below it, "over" for one
1.5 times above it. "Undecided" is no error and is counted by itself.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.audit_tables import error_of
from privfunnel.audit.audit import audit
from privfunnel.audit.report import AuditReport
from privfunnel.audit.together import verdict_of
from privfunnel.entropy import entropy, mutual_information

SHARES = (0.0, 0.02, 0.1, 0.3, 0.6, 1.0)
DESIGNS = ("even", "uneven", "pair")
FACTOR = 1.5
LEVELS = (0.5, 0.25, 0.15, 0.1)
KEY = ("design", "n", "cells", "share", "seed")
FIELDS = (
    *KEY, "truth", "entropy", "value", "lower", "upper", "columns_above", "columns",
    "below", "above", "says_no_leak", "could_have_seen", "seconds",
)  # fmt: skip
Row = dict[str, Any]


def joint_table(design: str, cells: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """p(s, z) whose information is `share` of the most that such a table can hold."""
    if design == "even":
        # The most is 1 bit: half of the levels for each value of the bit.
        error = error_of(share)
        shown = np.array([[1 - error, error], [error, 1 - error]]) / 2
        return np.repeat(shown, cells // 2, axis=1) / (cells // 2)
    prior = np.array(LEVELS)
    size = 1.0 / np.arange(1, cells + 1) ** 0.7
    size = rng.permutation(size / size.sum())
    pull = rng.normal(size=(len(prior), cells))
    # Every level has a cell of its own at least, where there are so many.
    pull[np.arange(min(4, cells)), np.arange(min(4, cells))] += 6.0

    def tilted(strength: float) -> np.ndarray:
        logs = np.log(prior)[:, None] + strength * pull
        weights = np.exp(logs - logs.max(axis=0))
        return size * weights / weights.sum(axis=0)

    goal, low, high = share * mutual_information(tilted(1e6)), 0.0, 1e3
    if share == 1.0:
        return tilted(1e6)
    for _ in range(60 if share > 0.0 else 0):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if mutual_information(tilted(middle)) < goal else (low, middle)
    return tilted(low)


def draw(design: str, joint: np.ndarray, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """n people of this joint table, as the columns that an audit would see."""
    flat = np.cumsum(joint.ravel())
    cell = np.searchsorted(flat / flat[-1], rng.random(n), side="right")
    s, z = np.divmod(cell, joint.shape[1])
    if design == "pair":
        side = _side(joint.shape[1])
        return {"s": s, "a": np.char.mod("a%d", z // side), "b": np.char.mod("b%d", z % side)}
    return {"s": s, "z": np.char.mod("z%d", z)}


def _side(cells: int) -> int:
    return max(2, math.isqrt(cells))


def truths(design: str, joint: np.ndarray) -> dict[str, float]:
    """I(S; column) [bit] of each column by itself."""
    if design != "pair":
        return {"z": mutual_information(joint)}
    side = _side(joint.shape[1])
    first = np.arange(joint.shape[1]) // side
    parts = {"a": first, "b": np.arange(joint.shape[1]) % side}
    found = {}
    for name, part in parts.items():
        table = np.stack([np.bincount(part, weights=row) for row in joint])
        found[name] = mutual_information(table)
    return found


def measure(design: str, n: int, cells: int, share: float, seed: int) -> Row:
    """One table, drawn and audited."""
    key = (DESIGNS.index(design), n, cells, round(1000 * share), seed)
    rng = np.random.default_rng(key)
    joint = joint_table(design, cells, share, rng)
    data = draw(design, joint, n, rng)
    start = time.process_time()
    report = audit(data, sensitive="s", rng=seed)
    seconds = time.process_time() - start
    found, truth = report.findings, mutual_information(joint)
    leak, alone = found.together.leakage, truths(design, joint)
    return {
        **dict(zip(KEY, (design, n, cells, share, seed), strict=True)),
        "truth": round(truth, 9),
        "entropy": round(entropy(joint.sum(axis=1)), 9),
        "value": round(leak.value, 6),
        "lower": round(leak.lower, 6),
        "upper": round(leak.upper, 6),
        "columns_above": sum(f.leakage.lower > alone[f.name] + 1e-9 for f in found.columns),
        "columns": len(found.columns),
        "below": _verdict(report, truth / FACTOR, truth),
        "above": _verdict(report, truth * FACTOR, truth),
        "says_no_leak": int(report.headline.startswith("No leak")),
        "could_have_seen": "" if leak.lower > 0 else round(found.together.least_detectable or 0, 6),
        "seconds": round(seconds, 2),
    }


def _verdict(report: AuditReport, budget: float, truth: float) -> str:
    # No leakage has no budget 1.5 times apart; a budget above H(S) is no budget.
    found = report.findings
    if truth <= 1e-9 or budget > found.secret.entropy:
        return ""
    return verdict_of(
        found.together,
        found.columns,
        found.secret,
        budget,
        None,
        sets=found.sets,
        hidden=found.hidden,
    )


def load(path: Path) -> list[Row]:
    """Finished audits; a line cut short by an interruption is run again."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row.get("seconds")]


def append(path: Path, row: Row) -> None:
    """One more line; one cut short is closed first."""
    new = not path.exists()
    cut = not new and not path.read_bytes().endswith(b"\n")
    with path.open("a", newline="") as file:
        if cut:
            file.write("\n")
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)


def summary(cells: list[Row]) -> list[dict[str, object]]:
    """One line for each number of people, then all of them."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(cells, key=lambda r: int(r["n"])):
        groups[f"{int(row['n']):,}"].append(row)
    groups["all"] = cells
    return [{"people": name, **_counts(part)} for name, part in groups.items()]


def _counts(part: list[Row]) -> dict[str, object]:
    lower = sum(float(r["lower"]) > float(r["truth"]) + 1e-6 for r in part)
    columns = sum(int(r["columns"]) for r in part)
    below = [r["below"] for r in part if r["below"]]
    above = [r["above"] for r in part if r["above"]]
    independent = [r for r in part if float(r["share"]) == 0.0]
    silent = sum(
        int(r["says_no_leak"]) and float(r["could_have_seen"] or 0) > 0 for r in independent
    )
    wrong = below.count("within") + above.count("over")
    verdicts = len(below) + len(above)
    return {
        "tables": len(part),
        "lower end above": lower,
        "%": 100 * lower / max(1, len(part)),
        "columns above": f"{sum(int(r['columns_above']) for r in part)} of {columns}",
        "verdicts": verdicts,
        "wrong": wrong,
        "wrong %": 100 * wrong / max(1, verdicts),
        "undecided": below.count("inconclusive") + above.count("inconclusive"),
        "independent": len(independent),
        "no leak found": silent,
    }


def rows(argv: list[str]) -> list[dict[str, object]]:
    """Audits that are not in the file yet, the smallest first, then the summary of all."""
    parser = argparse.ArgumentParser(prog="dev.py bench audit_known", description=__doc__)
    parser.add_argument("--sizes", default="200,2000,20000,100000")
    parser.add_argument("--cells", default="2,20,200,2000,10000")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "audit_known.csv"
    known = {tuple(str(row[k]) for k in KEY) for row in load(path)}
    plan = [
        (design, int(n), int(cells), share, seed)
        for n in options.sizes.split(",")
        for seed in range(options.repeat)
        for cells in options.cells.split(",")
        for share in SHARES
        for design in DESIGNS
        if not (design == "pair" and int(cells) < 4)
    ]
    plan = [step for step in plan if tuple(map(str, step)) not in known]
    stop = time.monotonic() + 60 * options.minutes
    for step in tqdm(plan, desc="audits", unit="table"):
        if time.monotonic() > stop:
            break
        append(path, measure(*step))
    return summary(load(path))
