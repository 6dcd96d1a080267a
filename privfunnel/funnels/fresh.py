"""Fresh readings: what attackers who took no part in training find, on people nobody saw.

The adversary inside a training loop lies in the dangerous direction. Whatever a funnel reports
comes from here.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from scipy.special import ndtr

from privfunnel.columns import quantile_bins
from privfunnel.entropy import FloatArray
from privfunnel.estimate import Estimate, estimate_mi, from_reading, normal_quantile
from privfunnel.estimators.attackers import FAMILIES, Attack, attack
from privfunnel.variables import Codes

Status = Literal["within", "over", "undecided"]
# Groups that a continuous secret is cut into: merging values can only lower a reading.
SECRET_BINS = 4
MINE = "mine"
ATTACKERS = (*FAMILIES, MINE)
_QUICK = 2000
# Normal score that the outermost groups of a continuous secret begin at.
_FARTHEST = 2.5


def fresh_leakage(
    released: FloatArray,
    secret: Codes,
    *,
    confidence: float,
    rng: np.random.Generator,
    numbers: FloatArray | None = None,
    attackers: tuple[str, ...] = ATTACKERS,
    known: tuple[Attack, ...] = (),
    believed: Callable[[float], Estimate] | None = None,
) -> Estimate:
    """The worst of all attackers on released features (m, d), secret (m,) [nat].

    MINE reads the secret as `numbers` (m,) where it is continuous, the classifiers its groups.
    `known` are more attacks, by those who know the channel; `believed` reads, at some confidence,
    what the channel gives away if beliefs about people are right. If that is the most, it is the
    value, and the lower end stays that of the worst attacker.
    `details["attackers"]` holds every reading [bit]; the interval is corrected for their number.
    """
    closed = np.unique(secret, return_inverse=True)[1].astype(np.int64)
    if closed.max() < 1:
        return from_reading(0.0, method="none", n=len(secret), bound="lower", note="one level")
    level = 1.0 - (1.0 - confidence) / (len(attackers) + len(known) + (believed is not None))
    readings = [made.reading(confidence=level) for made in known]
    readings += [
        attack(released, closed, name, rng=rng).reading(confidence=level)
        for name in attackers
        if name != MINE
    ]
    if MINE in attackers:
        readings.append(_fresh_mine(released, closed, numbers, level, rng))
    worst = max(readings, key=lambda e: float(e.details["raw"]))
    if believed is not None:
        readings.append(believed(level))
        if readings[-1].value > worst.value:
            most = max(worst.upper, readings[-1].upper)
            worst = dataclasses.replace(readings[-1], lower=worst.lower, upper=most)
    said = {e.method: float(e.details["raw"]) / math.log(2) for e in readings}
    return dataclasses.replace(worst, details={**worst.details, "attackers": said})


def check_attackers(attackers: tuple[str, ...]) -> tuple[str, ...]:
    """The names, or ValueError if there are none or unknown ones."""
    unknown = [name for name in attackers if name not in ATTACKERS]
    if unknown or not attackers:
        raise ValueError(f"attackers must be some of {', '.join(ATTACKERS)}, not {attackers}")
    return tuple(attackers)


def _fresh_mine(
    released: FloatArray,
    secret: Codes,
    numbers: FloatArray | None,
    confidence: float,
    rng: np.random.Generator,
) -> Estimate:
    # A new critic, cross-fitted like the other attackers.
    found = estimate_mi(
        released,
        secret if numbers is None else numbers,
        method=MINE,
        confidence=confidence,
        base=math.e,
        rng=rng,
        discrete_y=numbers is None,
    )
    # As for the other attackers: one that gave up proves nothing below what could be seen.
    power = normal_quantile(confidence) + normal_quantile(0.8)
    least = 2.0 * power**2 / len(secret)
    return dataclasses.replace(found, upper=max(found.upper, least))


def quick_leakage(released: FloatArray, secret: Codes, rng: np.random.Generator) -> float:
    """The larger of two cheap cross-fitted attackers [nat]: what steers training, not a report."""
    closed = np.unique(secret, return_inverse=True)[1].astype(np.int64)
    if closed.max() < 1:
        return 0.0
    if len(closed) > _QUICK:
        rows = rng.choice(len(closed), _QUICK, replace=False)
        released, closed = released[rows], np.unique(closed[rows], return_inverse=True)[1]
    readings = [
        float(attack(released, closed, name, n_folds=3, rng=rng).gains().mean())
        for name in ("logistic", "boosted trees")
    ]
    return max(readings)


def secret_codes(values: FloatArray, discrete: bool, n_groups: int = SECRET_BINS) -> Codes:
    """Codes (n,) of one column of secrets: levels, or quantile groups of numbers."""
    if discrete:
        return np.unique(values, return_inverse=True)[1].astype(np.int64)
    return quantile_bins(values, n_groups)


def even_groups(values: FloatArray, n_groups: int) -> Codes:
    """Codes (n,) of groups of numbers that are equally wide as normal scores: fine at the ends.

    Of a Gaussian, groups of as many people each hide twice as much, all of it in the tails.
    """
    ends = ndtr(np.linspace(-_FARTHEST, _FARTHEST, n_groups - 1))
    edges = np.unique(np.quantile(values, ends))
    return np.unique(np.searchsorted(edges, values, side="left"), return_inverse=True)[1].astype(
        np.int64
    )


def status_of(leakage: Estimate, budget: float) -> Status:
    """Where a fresh reading stands to a budget in the same unit: never "within" by luck alone."""
    if leakage.value > budget:
        return "over"
    return "within" if leakage.upper <= budget else "undecided"


def aim(budget: float, n_people: int, *, confidence: float) -> float:
    """The leakage [nat] to train for, so that a fresh reading and its interval fit the budget.

    A leak of I nats is read from n people with a standard error of about sqrt(2 I / n). At most
    80 % of the budget: the loop reads too little; at least 30 %: then the data decides.
    """
    z = normal_quantile(0.5 + confidence / 2)
    slope = z * math.sqrt(2.0 / n_people)
    root = 0.5 * (math.sqrt(slope**2 + 4.0 * budget) - slope)
    return float(np.clip(root**2, 0.3 * budget, 0.8 * budget))
