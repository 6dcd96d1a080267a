"""Counted information: time for 10^7 rows beside peers, and what the intervals cover.

Without options, the plug-in information of two columns of one-byte codes, from codes to bits, ours
and each installed peer in turn, shortest of a few runs. With `--coverage`, how often the 95 %
intervals of `estimate_mi(..., method="corrected")` and of KSG hold the truth, and how often each
end misses it, over a grid of shapes, margins, strengths and sample sizes.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import math
import time
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from privfunnel import mutual_information
from privfunnel.counting import count, plugin_nats
from privfunnel.estimate import Estimate, estimate_mi
from privfunnel.estimators.plugin import table_mi

ROWS = 10**7
LEVELS = 10
Array = np.ndarray
Reader = Callable[[Array, Array], float]

SHAPES = ((2, 2), (3, 3), (5, 5), (5, 10), (10, 10), (20, 20))
PEOPLE = (100, 300, 1_000, 10_000)
# name -> share of the people for whom one side says the other (as far as the margins let it).
STRENGTHS = {"none": 0.0, "weak": 0.15, "medium": 0.5, "strong": 0.9, "copy": 0.98}
KSG_ROWS = (100, 200, 500, 1_000, 2_000)
CORRELATIONS = (0.0, 0.3, 0.6, 0.9, 0.99)


def ours(x: Array, y: Array) -> float:
    return plugin_nats(count(x, y))


def from_joint_counts(counts: Array) -> float:
    return mutual_information(counts / counts.sum(), base=math.e)


def bincount(x: Array, y: Array) -> float:
    joint = x.astype(np.int64) * LEVELS + y
    return from_joint_counts(np.bincount(joint, minlength=LEVELS**2).reshape(LEVELS, LEVELS))


def whole_door(x: Array, y: Array) -> float:
    return estimate_mi(x, y, method="plugin", base=math.e, rng=0).value


def scikit_learn(x: Array, y: Array) -> float:
    return float(importlib.import_module("sklearn.metrics").mutual_info_score(x, y))


def pandas(x: Array, y: Array) -> float:
    frame = importlib.import_module("pandas").DataFrame({"x": x, "y": y})
    cells = frame.groupby(["x", "y"]).size().reset_index(name="k")
    return from_joint_counts(_table(cells["x"], cells["y"], cells["k"]))


def polars(x: Array, y: Array) -> float:
    module = importlib.import_module("polars")
    cells = module.DataFrame({"x": x, "y": y}).group_by("x", "y").len()
    return from_joint_counts(_table(cells["x"], cells["y"], cells["len"]))


def duckdb(x: Array, y: Array) -> float:
    connection = importlib.import_module("duckdb").connect()
    connection.register("people", {"x": x, "y": y})
    cells = connection.execute("select x, y, count(*) as k from people group by x, y").fetchnumpy()
    return from_joint_counts(_table(cells["x"], cells["y"], cells["k"]))


def _table(x: npt.ArrayLike, y: npt.ArrayLike, counts: npt.ArrayLike) -> Array:
    table = np.zeros((LEVELS, LEVELS))
    table[np.asarray(x), np.asarray(y)] = np.asarray(counts)
    return table


# package -> reader; the slow ones are read once.
PEERS: dict[str, tuple[Reader, bool]] = {
    "numpy": (bincount, False),
    "duckdb": (duckdb, False),
    "polars": (polars, False),
    "pandas": (pandas, True),
    "scikit-learn": (scikit_learn, True),
}


def shortest(read: Reader, x: Array, y: Array, repeats: int) -> tuple[float, float]:
    """Seconds on the wall of the fastest of a few runs, and what was read."""
    best, value = math.inf, math.nan
    for _ in range(repeats):
        start = time.perf_counter()
        value = read(x, y)
        best = min(best, time.perf_counter() - start)
    return best, value


def speed(n: int, repeats: int) -> Iterator[dict[str, object]]:
    rng = np.random.default_rng(0)
    x = rng.integers(0, LEVELS, n).astype(np.uint8)
    y = ((x + rng.integers(0, 4, n)) % LEVELS).astype(np.uint8)
    ours(x, y)  # compiles, or loads what was compiled
    base, value = shortest(ours, x, y, repeats)
    yield {"what": "privfunnel, codes", "ms": 1e3 * base, "ratio": 1.0, "nats": value}
    seconds, value = shortest(whole_door, x, y, repeats)
    what = "privfunnel, estimate_mi with interval"
    yield {"what": what, "ms": 1e3 * seconds, "ratio": seconds / base, "nats": value}
    for package, (read, slow) in PEERS.items():
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
        seconds, value = shortest(read, x, y, 1 if slow else repeats)
        what = f"{package} {version}"
        yield {"what": what, "ms": 1e3 * seconds, "ratio": seconds / base, "nats": value}


def joint_table(shape: tuple[int, int], skewed: bool, share: float) -> Array:
    """A mixture of independent sides with the strongest dependence that the margins allow."""
    first, second = (_margin(size, skewed) for size in shape)
    ends = [np.concatenate([[0.0], np.cumsum(side)]) for side in (first, second)]
    highest = np.minimum.outer(ends[0][1:], ends[1][1:])
    overlap = np.maximum(0.0, highest - np.maximum.outer(ends[0][:-1], ends[1][:-1]))
    return (1 - share) * np.outer(first, second) + share * overlap


def _margin(size: int, skewed: bool) -> Array:
    masses = np.arange(1, size + 1) ** -1.5 if skewed else np.ones(size)
    return masses / masses.sum()


def counted_coverage(repetitions: int, people: list[int]) -> Iterator[dict[str, object]]:
    for n in people:
        for shape in SHAPES:
            for skewed in (False, True):
                for name, share in STRENGTHS.items():
                    joint = joint_table(shape, skewed, share)
                    rng = np.random.default_rng(1)
                    readings = [
                        table_mi(rng.multinomial(n, joint.ravel()).reshape(shape), rng=rng)
                        for _ in range(repetitions)
                    ]
                    yield {
                        "table": f"{shape[0]}x{shape[1]}",
                        "margins": "skewed" if skewed else "even",
                        "dependence": name,
                        "n": n,
                        "per_cell": n / joint.size,
                        **_covered(readings, mutual_information(joint, base=math.e)),
                    }


def neighbour_coverage(repetitions: int) -> Iterator[dict[str, object]]:
    for n in KSG_ROWS:
        for rho in CORRELATIONS:
            rng = np.random.default_rng(2)
            readings = []
            for _ in range(repetitions):
                x, noise = rng.standard_normal((2, n))
                y = rho * x + math.sqrt(1 - rho**2) * noise
                readings.append(estimate_mi(x, y, method="ksg", base=math.e, rng=rng))
            truth = -0.5 * math.log(1 - rho**2)
            yield {"rho": rho, "n": n, **_covered(readings, truth)}


def _covered(readings: list[Estimate], truth: float) -> dict[str, object]:
    above = np.mean([reading.lower > truth + 1e-12 for reading in readings])
    below = np.mean([reading.upper < truth - 1e-12 for reading in readings])
    small = [r.p_value <= 0.05 for r in readings if r.p_value is not None]
    return {
        "truth": truth,
        "covered": float(1 - above - below),
        "lower_above": float(above),
        "upper_below": float(below),
        "width": float(np.mean([reading.upper - reading.lower for reading in readings])),
        "p_below_0.05": float(np.mean(small)) if small else "",
    }


def rows(argv: list[str]) -> list[dict[str, object]]:
    parser = argparse.ArgumentParser(prog="dev.py bench mi_counts", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--coverage", choices=("counts", "ksg"), nargs="?", const="counts", help="intervals"
    )
    parser.add_argument("--repetitions", type=int, default=400, help="samples a row of coverage")
    parser.add_argument("--people", type=int, nargs="+", default=list(PEOPLE))
    args = parser.parse_args(argv)
    if args.coverage == "counts":
        return list(counted_coverage(args.repetitions, args.people))
    if args.coverage == "ksg":
        return list(neighbour_coverage(args.repetitions))
    return list(speed(args.rows, args.repeats))
