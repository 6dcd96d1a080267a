"""How often the classifier's lower end lies above the truth: at most one time in twenty is fair.

`python3 dev.py bench mi --coverage REPETITIONS [--minutes M]`. One-sided: the interval is asked
for at 90 %, whose lower end is the one-sided 95 % bound. Where the truth is 0 the rate is that of
false alarms.
"""

from __future__ import annotations

import math
import time

import numpy as np
from scipy.stats import beta
from tqdm import tqdm

from privfunnel import estimate_mi
from privfunnel.datasets import (
    Task,
    erasure_channel,
    from_joint,
    gap_gaussian,
    symmetric_channel,
)

CASES: tuple[Task, ...] = (
    from_joint("independent 2x5", np.full((2, 5), 0.1)),
    from_joint("independent 3x10", np.full((3, 10), 1 / 30)),
    from_joint("flipped bit .4", symmetric_channel(0.4)),
    from_joint("flipped rare bit .1", symmetric_channel(0.1, 0.05)),
    from_joint("erased bit .3", erasure_channel(0.3)),
    gap_gaussian(0.5),
    gap_gaussian(2.0),
)
SIZES = (200, 1000, 5000)
METHODS = ("logistic", "classifier")


def coverage(repetitions: int, seconds: float = math.inf) -> list[dict[str, object]]:
    """One row per method, task and n; stops after `seconds` with what is counted by then."""
    stop = time.monotonic() + seconds
    plan = [(m, n, t) for n in SIZES for m in METHODS for t in CASES]
    counts = {step: [0, 0, 0.0] for step in range(len(plan))}
    for seed in tqdm(range(repetitions), desc="coverage", unit="round"):
        for step, (method, n, task) in enumerate(plan):
            # Trees are dear: they get a tenth of the rounds.
            if (method != "logistic" and seed % 10) or time.monotonic() > stop:
                continue
            x, y = task.sample(n, 7919 * seed + step)
            found = estimate_mi(x, y, method=method, confidence=0.9, base=math.e, rng=seed)
            counts[step][0] += found.lower > task.nats + 1e-9
            counts[step][1] += 1
            counts[step][2] += found.value - task.nats
    return [_row(*plan[step], *counts[step]) for step in counts if counts[step][1]]


def _row(
    method: str, n: int, task: Task, above: float, runs: float, excess: float
) -> dict[str, object]:
    return {
        "method": method,
        "n": n,
        "task": task.name,
        "truth": task.nats,
        "mean_error": excess / runs,
        "runs": int(runs),
        "above": above / runs,
        # What the rate may still be at 97.5 %, by Clopper & Pearson.
        "at_most": float(beta.ppf(0.975, above + 1, runs - above)) if above < runs else 1.0,
    }
