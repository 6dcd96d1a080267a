"""Who could guess: attackers with all released columns before them."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from privfunnel.audit.findings import Attacker, Secret
from privfunnel.audit.measure import nothing
from privfunnel.columns import Table
from privfunnel.entropy import FloatArray
from privfunnel.estimate import Estimate, Progress
from privfunnel.estimators.attackers import FAMILIES, Attack, attack
from privfunnel.variables import Codes

# Attackers learn little more from more people than this; the sample is drawn at random.
MOST_PEOPLE = 20_000
ROUNDING = 1e-9
BLIND = "no data: always the most frequent value"


@final
@dataclass(frozen=True)
class Crowd:
    """All attackers, the strongest first.

    Attributes
    ----------
    attackers : in the words of a report.
    best : what the strongest said about each person; None if there was nothing to learn from.
    rows : (m,) the people attacked, as rows of the table.
    """

    attackers: tuple[Attacker, ...]
    best: Attack | None
    rows: npt.NDArray[np.int64]


def attack_table(
    chosen: Table,
    codes: Codes,
    secret: Secret,
    *,
    confidence: float,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> Crowd:
    """Every family of attackers on the columns that vary.

    `confidence` is that of each interval: correct it for their number.
    """
    varying = [c.name for c in chosen if not c.variable.constant]
    if not varying or secret.n_levels < 2:
        return Crowd((blind(secret, len(codes)),), None, np.arange(0))
    return attack_together(
        chosen.matrix(*varying), codes, confidence=confidence, rng=rng, progress=progress
    )


def attack_together(
    features: FloatArray,
    secret: Codes,
    *,
    confidence: float,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> Crowd:
    """Every family of attackers, cross-fitted."""
    rows = np.arange(len(secret))
    if len(secret) > MOST_PEOPLE:
        rows = np.sort(rng.choice(len(secret), MOST_PEOPLE, replace=False))
        features, secret = features[rows], secret[rows]
    # A level that the sample misses leaves no gap.
    secret = np.unique(secret, return_inverse=True)[1].astype(np.int64)
    attacks = []
    for i, name in enumerate(FAMILIES):
        if progress is not None:
            progress(i / len(FAMILIES), f"attacker: {name}")
        attacks.append(attack(features, secret, name, rng=rng))
    found = [(describe(a, confidence), a) for a in attacks]
    found.sort(key=lambda pair: -float(pair[0].leakage.details["raw"]))
    return Crowd(tuple(a for a, _ in found), found[0][1], rows)


def describe(result: Attack, confidence: float) -> Attacker:
    """An attack in the words of a report."""
    reading: Estimate = result.reading(confidence=confidence).to_base(2)
    if abs(float(reading.details["raw"])) < ROUNDING:
        # An attacker who gave up says the prior: rounding is not a leak.
        reading = dataclasses.replace(reading, value=0.0, lower=0.0, p_value=1.0)
    gain = max(1.0, result.accuracy / result.majority)
    sure = float(result.probabilities.max(axis=1).mean())
    return Attacker(result.attacker, reading, result.accuracy, sure, math.log2(gain))


def blind(secret: Secret, n: int) -> Attacker:
    """The attacker who has nothing to look at."""
    return Attacker(BLIND, nothing(n), secret.majority, secret.majority, 0.0)
