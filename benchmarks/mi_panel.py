"""The panel of tasks with known information: error, coverage, false alarms and seconds.

`python3 dev.py bench mi [--sizes 300,1000] [--methods ksg,auto] [--peers] [--tasks TEXT]
[--seeds 1] [--minutes M] [--out FOLDER] [--coverage REPETITIONS]`. Each finished cell is appended
to FOLDER/mi_panel.csv and skipped on the next run, so a run may be interrupted at any time; with
--minutes it stops by itself. Tasks are those of `privfunnel.panel`. With --coverage the
classifier's lower ends are counted instead (`benchmarks.mi_coverage`).
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.mi_coverage import coverage
from benchmarks.mi_knn import installed
from privfunnel import METHODS, estimate_mi
from privfunnel.datasets import Task
from privfunnel.panel import continuous_tasks, discrete_tasks, independent_tasks

SIZES = (300, 1000, 5000, 10_000)
OURS = ("ksg", "gaussian", "copula", "elliptical", "auto")
DISCRETE = ("corrected", "miller_madow", "grassberger", "shrinkage", "classifier", "auto")
NUMBERS = ("truth", "value", "lower", "upper", "held_out", "seconds")
FIELDS = ("task", "group", "n", "method", "seed", *NUMBERS)
Cell = dict[str, Any]
Key = tuple[str, int, str, int]


def groups() -> dict[str, list[Task]]:
    return {
        "continuous": continuous_tasks(),
        "discrete": discrete_tasks(),
        "independent": independent_tasks(),
    }


def read_ours(method: str) -> Callable[[np.ndarray, np.ndarray, int], Cell]:
    def read(x: np.ndarray, y: np.ndarray, seed: int) -> Cell:
        found = estimate_mi(x, y, method=method, base=math.e, rng=seed)
        ends = {"value": found.value, "lower": found.lower, "upper": found.upper}
        # The lower bound that `auto` reads on people nobody saw, before it aims at the value.
        return {**ends, "held_out": found.details.get("held_out_nats", "")}

    return read


def readers(
    group: str, task: Task, names: Iterable[str], peers: bool
) -> dict[str, Callable[[np.ndarray, np.ndarray, int], Cell]]:
    """What can read this task: our methods by name, and peers where both sides are numbers."""
    chosen = {name: read_ours(name) for name in names}
    if peers and group != "discrete":
        x, y = task.sample(2, 0)
        for package, version, read, columns, _ in installed():
            if max(x.shape[1], y.shape[1]) <= columns:
                chosen[f"{package} {version}"] = lambda a, b, seed, read=read: {"value": read(a, b)}
    return chosen


def done(path: Path) -> set[Key]:
    """Cells that an earlier run finished; a line cut short by an interruption is run again."""
    if not path.exists():
        return set()
    return {key(cell) for cell in load(path)}


def key(cell: Cell) -> Key:
    return str(cell["task"]), int(cell["n"]), str(cell["method"]), int(cell["seed"])


def load(path: Path) -> list[Cell]:
    cells = []
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row.get("seconds"):
                numbers = {f: float(row[f] or "nan") for f in NUMBERS}
                counts = {f: int(row[f]) for f in ("n", "seed")}
                cells.append({**row, **numbers, **counts})
    return cells


def append(path: Path, cell: Cell) -> None:
    new = not path.exists()
    # A line cut short by an interruption is closed first.
    cut = not new and not path.read_bytes().endswith(b"\n")
    with path.open("a", newline="") as file:
        if cut:
            file.write("\n")
        writer = csv.DictWriter(file, FIELDS, restval="", lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(cell)


def measure(path: Path, options: argparse.Namespace) -> None:
    plan = []
    finished = done(path)
    for group, tasks in groups().items():
        names = options.methods or (DISCRETE if group == "discrete" else OURS)
        for task in tasks:
            if options.tasks not in task.name:
                continue
            able = readers(group, task, names, options.peers)
            for n in options.sizes:
                for seed in range(options.seeds):
                    for name, read in able.items():
                        if (task.name + f" [{group}]", n, name, seed) not in finished:
                            plan.append((group, task, n, seed, name, read))
    plan.sort(key=lambda step: step[2])
    stop = time.monotonic() + 60 * options.minutes
    for group, task, n, seed, name, read in tqdm(plan, desc="panel", unit="cell"):
        if time.monotonic() > stop:
            break
        x, y = task.sample(n, 1000 * seed + 1)
        start = time.process_time()
        cell = read(x, y, seed)
        cell["seconds"] = time.process_time() - start
        about = {"task": f"{task.name} [{group}]", "group": group, "n": n, "seed": seed}
        append(path, {**about, "method": name, "truth": task.nats, **cell})


def summary(cells: list[Cell]) -> list[dict[str, object]]:
    """One row per group, method and n."""
    together: dict[tuple[str, str, int], list[Cell]] = defaultdict(list)
    for cell in cells:
        together[cell["group"], cell["method"], cell["n"]].append(cell)
    result: list[dict[str, object]] = []
    for (group, method, n), part in sorted(together.items()):
        truth, value, lower, upper, held, seconds = (
            np.array([cell[f] for cell in part]) for f in NUMBERS
        )
        row: dict[str, object] = {
            "group": group,
            "method": method,
            "n": n,
            "tasks": len(part),
            "error": float(np.abs(value - truth).mean()),
            "worst": float(np.abs(value - truth).max()),
            "cpu_s": float(seconds.mean()),
            "most_s": float(seconds.max()),
        }
        read = np.isfinite(held)
        if read.any():
            # Where `auto` goes to networks: the error of the held-out lower bound by itself.
            row["held_out"] = float(np.abs(held - truth)[read].mean())
        if not np.isnan(lower).any():
            # How far the guaranteed end stays below the truth.
            row["short"] = float(np.maximum(truth - lower, 0).mean())
            row["cover"] = float(((lower <= truth) & (truth <= upper)).mean())
            # The lower end above the truth: a false alarm where nothing is there.
            row["above"] = float((lower > truth + 1e-9).mean())
        result.append(row)
    return result


def picture(cells: list[Cell], path: Path) -> None:
    """Mean error against n on all numeric tasks of each method, and each task at the largest n."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    table = [row for row in summary(cells) if row["group"] == "continuous"]
    # Peers that take single columns only are in the table, not beside those that read all tasks.
    every = max(int(str(row["tasks"])) for row in table)
    table = [row for row in table if row["tasks"] == every]
    methods = sorted({str(row["method"]) for row in table}, key=lambda name: (name != "auto", name))
    colours = {name: f"C{i % 10}" for i, name in enumerate(methods)}
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(11, 7.5), layout="constrained", width_ratios=(2, 3)
    )
    for name in methods:
        part = [row for row in table if row["method"] == name]
        style = {"lw": 2.5, "ms": 7} if name == "auto" else {"lw": 1.2, "ms": 4}
        left.plot(
            [r["n"] for r in part],
            [r["error"] for r in part],
            "o-",
            color=colours[name],
            label=name,
            **style,
        )
    left.set(xscale="log", yscale="log", xlabel="rows", ylabel="mean absolute error [nat]")
    left.set_title(f"{every} numeric tasks", fontsize=10)
    left.legend(fontsize=8, loc="lower left")
    most = max(cell["n"] for cell in cells)
    last = [c for c in cells if c["n"] == most and c["group"] == "continuous"]
    names = list(dict.fromkeys(cell["task"].split(" [")[0] for cell in last))
    places = {name: i for i, name in enumerate(names)}
    for name in methods:
        own = [cell for cell in last if cell["method"] == name]
        right.plot(
            [cell["value"] - cell["truth"] for cell in own],
            [places[cell["task"].split(" [")[0]] for cell in own],
            "o" if name == "auto" else "x",
            color=colours[name],
            ms=6 if name == "auto" else 4,
        )
    right.axvline(0, color="0.6", lw=0.8)
    right.set_yticks(range(len(names)), names, fontsize=7)
    right.invert_yaxis()
    right.set_xlabel(f"reading - truth at {most} rows [nat]")
    right.set_xscale("symlog", linthresh=0.05)
    right.set_xticks(
        [-1, -0.3, -0.1, -0.03, 0, 0.03, 0.1], ["-1", "-.3", "-.1", "-.03", "0", ".03", ".1"]
    )
    right.grid(lw=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def rows(argv: list[str]) -> list[dict[str, object]]:
    parser = argparse.ArgumentParser(prog="dev.py bench mi", description=__doc__)
    parser.add_argument("--sizes", type=_numbers, default=SIZES)
    parser.add_argument("--methods", type=_names, help="of our own; default: a set per group")
    parser.add_argument("--peers", action="store_true", help="also those that import")
    parser.add_argument("--tasks", default="", help="only tasks whose name holds this text")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--out", type=Path, default=Path("out/mi_panel"))
    parser.add_argument("--coverage", type=int, default=0)
    options = parser.parse_args(argv)
    if options.coverage:
        return coverage(options.coverage, 60 * options.minutes)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "mi_panel.csv"
    measure(path, options)
    if not path.exists():
        return []
    cells = load(path)
    if any(cell["group"] == "continuous" for cell in cells):
        picture(cells, options.out / "mi_panel.png")
    return summary(cells)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    for name in names:
        if name not in METHODS:
            raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(METHODS)}")
    return names
