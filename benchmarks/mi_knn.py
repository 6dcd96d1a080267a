"""Nearest-neighbour estimators beside their peers: CPU time of one thread, in one run.

Ours goes through `estimate_mi`, interval included; a peer gets arrays as it wants them. Both take
turns and the shortest of a few runs counts. Peers that are not installed give no rows.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from privfunnel import estimate_mi

RHO = 0.6
K = 3
CASES = [(10_000, 1), (100_000, 1), (10_000, 3), (10_000, 10)]
Reader = Callable[[np.ndarray, np.ndarray], float]


def ours(x: np.ndarray, y: np.ndarray) -> float:
    return estimate_mi(x, y, method="ksg", k=K, base=math.e, rng=0).value


def scikit_learn(module: Any) -> Reader:
    def read(x: np.ndarray, y: np.ndarray) -> float:
        return float(module.mutual_info_regression(x, y[:, 0], n_neighbors=K, random_state=0)[0])

    return read


def npeet(module: Any) -> Reader:
    return lambda x, y: float(module.mi(x, y, k=K, base=math.e))


def ennemi(module: Any) -> Reader:
    return lambda x, y: float(module.estimate_mi(y[:, 0], x[:, 0], k=K).item())


def infomeasure(module: Any) -> Reader:
    def read(x: np.ndarray, y: np.ndarray) -> float:
        return float(module.mutual_information(x, y, approach="ksg", k=K, base="e"))

    return read


# package -> (module, adapter, most columns a side may have, most rows to wait for)
PEERS: dict[str, tuple[str, Callable[[Any], Reader], int, int]] = {
    "scikit-learn": ("sklearn.feature_selection", scikit_learn, 1, 10**6),
    "npeet": ("npeet.entropy_estimators", npeet, 100, 10**6),
    "ennemi": ("ennemi", ennemi, 1, 10**6),
    "infomeasure": ("infomeasure", infomeasure, 100, 20_000),
}


def installed() -> Iterator[tuple[str, str, Reader, int, int]]:
    """Name, version, reader and limits of each peer that imports."""
    for package, (module, adapter, columns, most) in PEERS.items():
        try:
            loaded = importlib.import_module(module)
        except ImportError:
            continue
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            version = "source"
        yield package, version, adapter(loaded), columns, most


def sample(n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n + d)
    x, noise = rng.standard_normal((2, n, d))
    return x, RHO * x + math.sqrt(1 - RHO**2) * noise


def turns(
    first: Reader, second: Reader, x: np.ndarray, y: np.ndarray, repeats: int
) -> tuple[list[float], list[float]]:
    """Shortest CPU seconds of each, and what they read."""
    seconds, values = [math.inf, math.inf], [math.nan, math.nan]
    for _ in range(repeats):
        for i, read in enumerate((first, second)):
            start = time.process_time()
            values[i] = read(x, y)
            seconds[i] = min(seconds[i], time.process_time() - start)
    return seconds, values


def rows(argv: list[str]) -> list[dict[str, object]]:
    parser = argparse.ArgumentParser(prog="dev.py bench knn", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = max(1, parser.parse_args(argv).repeats)
    result: list[dict[str, object]] = []
    for n, d in CASES:
        x, y = sample(n, d)
        for package, version, read, columns, most in installed():
            if d > columns or n > most:
                continue
            seconds, values = turns(ours, read, x, y, repeats)
            result.append(
                {
                    "n": n,
                    "d": d,
                    "peer": f"{package} {version}",
                    "ours_ms": 1e3 * seconds[0],
                    "peer_ms": 1e3 * seconds[1],
                    "ratio": seconds[1] / seconds[0],
                    "ours_nats": values[0],
                    "peer_nats": values[1],
                    "truth_nats": -0.5 * d * math.log(1 - RHO**2),
                }
            )
    return result
