"""Who could guess: attackers with all released columns before them."""

from __future__ import annotations

import math

import numpy as np

from privfunnel.audit.findings import Attacker
from privfunnel.entropy import FloatArray
from privfunnel.estimate import Estimate, Progress
from privfunnel.estimators.attackers import FAMILIES, Attack, attack
from privfunnel.variables import Codes

# Attackers learn little more from more people than this; the sample is drawn at random.
MOST_PEOPLE = 20_000


def attack_together(
    features: FloatArray,
    secret: Codes,
    *,
    confidence: float,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> tuple[Attacker, ...]:
    """Every family of attackers, cross-fitted, the strongest first.

    Their intervals hold at the confidence for all of them at once.
    """
    if len(secret) > MOST_PEOPLE:
        rows = rng.choice(len(secret), MOST_PEOPLE, replace=False)
        features, secret = features[rows], _closed(secret[rows])
    level = 1.0 - (1.0 - confidence) / len(FAMILIES)
    found = []
    for i, name in enumerate(FAMILIES):
        if progress is not None:
            progress(i / len(FAMILIES), f"attacker: {name}")
        found.append(describe(attack(features, secret, name, rng=rng), level))
    return tuple(sorted(found, key=lambda a: -float(a.leakage.details["raw"])))


def describe(result: Attack, confidence: float) -> Attacker:
    """An attack in the words of a report."""
    reading: Estimate = result.reading(confidence=confidence).to_base(2)
    gain = max(1.0, result.accuracy / result.majority)
    sure = float(result.probabilities.max(axis=1).mean())
    return Attacker(result.attacker, reading, result.accuracy, sure, math.log2(gain))


def _closed(codes: Codes) -> Codes:
    # A level that the sample misses leaves no gap.
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)
