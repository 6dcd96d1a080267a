"""Fresh readings: what attackers who took no part in training find, on people nobody saw.

The adversary inside a training loop lies in the dangerous direction. Whatever a funnel reports
comes from here.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

import numpy as np
from scipy.special import logsumexp

from privfunnel.columns import quantile_bins
from privfunnel.entropy import FloatArray
from privfunnel.estimate import Estimate, estimate_mi, from_reading, normal_quantile
from privfunnel.estimators.attackers import FAMILIES, Attack, attack
from privfunnel.variables import Codes

Status = Literal["within", "over", "undecided"]
# Groups that a continuous secret is cut into: merging values can only lower a reading.
SECRET_BINS = 4
MINE = "mine"
CHANNEL = "known channel"
_FLOOR = 1e-4
ATTACKERS = (*FAMILIES, MINE)
_QUICK = 2000


def fresh_leakage(
    released: FloatArray,
    secret: Codes,
    *,
    confidence: float,
    rng: np.random.Generator,
    numbers: FloatArray | None = None,
    attackers: tuple[str, ...] = ATTACKERS,
    known: Attack | None = None,
) -> Estimate:
    """The worst of all attackers on released features (m, d), secret (m,) [nat].

    MINE reads the secret as `numbers` (m,) where it is continuous, the classifiers its groups.
    `known` is one more attack, by somebody who knows the channel.
    `details["attackers"]` holds every reading [bit]; the interval is corrected for their number.
    """
    closed = np.unique(secret, return_inverse=True)[1].astype(np.int64)
    if closed.max() < 1:
        return from_reading(0.0, method="none", n=len(secret), bound="lower", note="one level")
    level = 1.0 - (1.0 - confidence) / (len(attackers) + (known is not None))
    readings = [] if known is None else [known.reading(confidence=level)]
    readings += [
        attack(released, closed, name, rng=rng).reading(confidence=level)
        for name in attackers
        if name != MINE
    ]
    if MINE in attackers:
        readings.append(_fresh_mine(released, closed, numbers, level, rng))
    worst = max(readings, key=lambda e: float(e.details["raw"]))
    said = {e.method: float(e.details["raw"]) / math.log(2) for e in readings}
    return dataclasses.replace(worst, details={**worst.details, "attackers": said})


def known_channel(
    z: FloatArray,
    codes: Codes,
    law: FloatArray,
    law_codes: Codes,
) -> Attack:
    """The guess of somebody who knows the noise and has other people's X and S: Bayes' rule.

    Parameters
    ----------
    z, codes : (m, k), (m,) released people and their secrets, in levels 0 to n - 1.
    law, law_codes : (r, 2 k), (r,) means and log standard deviations of other people's releases.
    """
    k, n = z.shape[1], int(max(codes.max(), law_codes.max())) + 1
    mean, log_spread = law[:, :k], law[:, k:]
    weight = np.exp(-2.0 * log_spread)
    apart = -0.5 * (z**2 @ weight.T - 2.0 * z @ (mean * weight).T + (mean**2 * weight).sum(axis=1))
    apart -= log_spread.sum(axis=1)
    near = np.exp(apart - apart.max(axis=1, keepdims=True))
    chances = near @ np.eye(n)[law_codes] + 1e-12
    chances = np.maximum(chances / chances.sum(axis=1, keepdims=True), _FLOOR)
    prior = np.maximum(np.bincount(codes, minlength=n) / len(codes), 1e-9)
    return Attack(CHANNEL, codes, chances / chances.sum(axis=1, keepdims=True), prior)


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


def known_noise_information(
    mean: FloatArray, z: FloatArray, spread: FloatArray | float
) -> Estimate:
    """I(X;Z) [nat] of Z = mean(X) + spread N(0, I), between two bounds that need no critic.

    Mean, draws and spread (m, k), the last may be one number. With the person's own term in the
    mixture the reading is a lower bound (at most ln m), without it an upper bound (Poole et al.
    2019, eqs. 10 and 12).
    """
    m = len(z)
    scale = np.broadcast_to(np.asarray(spread, dtype=np.float64), mean.shape)
    weight = scale**-2.0
    apart = -0.5 * (z**2 @ weight.T - 2.0 * z @ (mean * weight).T + (mean**2 * weight).sum(axis=1))
    apart -= np.log(scale).sum(axis=1)
    own = np.diag(apart).copy()
    with_own = own - logsumexp(apart, axis=1) + math.log(m)
    np.fill_diagonal(apart, -np.inf)
    without = own - logsumexp(apart, axis=1) + math.log(m - 1)
    error = float(with_own.std(ddof=1)) / math.sqrt(m)
    value, top = float(with_own.mean()), float(without.mean())
    return from_reading(
        value,
        method="known noise",
        n=m,
        bound="lower",
        interval=(value - 1.96 * error, top + 1.96 * error),
        standard_error=error,
        upper_bound_nats=top,
    )
