"""Reading variational bounds on people that no critic saw.

A critic T scores pairs. With any constant c, E_joint[T - c] - E_product[exp(T - c)] + 1 is at most
the information (Nguyen, Wainwright & Jordan 2010); the best c turns it into the bound of Donsker &
Varadhan. Here c comes from validation people, so that the reading on test people is an average
whose mean is a lower bound at any sample size; the logarithm of an average would not be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from privfunnel.entropy import FloatArray
from privfunnel.estimate import (
    Bound,
    Estimate,
    from_reading,
    normal_quantile,
    normal_tail,
)
from privfunnel.estimators.folds import Rows
from privfunnel.variables import Variable

Critic = Callable[[Rows, Rows], FloatArray]
Parts = tuple[Rows, Rows, Rows]
# Fewer rows cannot be split into people to train on, to choose with and to read.
MIN_ROWS = 40
# How far a critic may go; which of these is best is seen on validation people.
LEVELS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
# The fitted law is believed where its critic reads this share of what the best one does.
FITTED = 0.9
# Product pairs read for each person.
SHIFTS = 24


@dataclass(frozen=True)
class Scores:
    """A critic's scores of some people.

    Attributes
    ----------
    joint : (m,) x and y of the same person.
    product : (s, m) x of each person with y of others.
    shifts : (s,) how many places further the other person stands.
    """

    joint: FloatArray
    product: FloatArray
    shifts: Rows

    def clipped(self, level: float) -> Scores:
        """The scores bent smoothly to stay within +-level; still a critic, so still a bound."""
        bend = [level * np.tanh(t / level) for t in (self.joint, self.product)]
        return Scores(bend[0], bend[1], self.shifts)

    def below(self, top: float) -> Scores:
        """The scores cut off at `top`; still a critic."""
        return Scores(np.minimum(self.joint, top), np.minimum(self.product, top), self.shifts)


def score(critic: Critic, rows: Rows, *, shifts: int = SHIFTS) -> Scores:
    """Score people `rows` (m,) with themselves and with `shifts` others each."""
    m = len(rows)
    steps = np.unique(np.linspace(1, m - 1, min(shifts, m - 1)).round().astype(np.int64))
    others = rows[(np.arange(m)[None, :] + steps[:, None]) % m]
    return Scores(critic(rows, rows), critic(np.broadcast_to(rows, others.shape), others), steps)


def log_mean_exp(values: FloatArray) -> float:
    """ln of the mean of exp(values)."""
    top = float(values.max())
    return top + float(np.log(np.exp(values - top).mean()))


def donsker_varadhan(scores: Scores) -> float:
    """E_joint[T] - ln E_product[exp T] [nat]."""
    return float(scores.joint.mean()) - log_mean_exp(scores.product)


def nwj_terms(scores: Scores, constant: float) -> FloatArray:
    """One term (m,) per person whose mean is the reading and whose spread is its error [nat].

    The product part is a two-sample average; each person's term takes its own mean as x and as y
    (Hajek's projection).
    """
    weight = np.exp(scores.product - constant)
    return np.asarray(scores.joint - constant - _projected(scores, weight) + 1.0)


def smile_terms(scores: Scores, clip: float) -> FloatArray:
    """One term (m,) per person whose mean is the reading of Song & Ermon (2020) [nat].

    E_joint[T] - ln E_product[e^T clipped to e^-clip .. e^clip]: less spread than the bound of
    Donsker & Varadhan, and no bound, since the pairs that are left out were the dear ones.
    """
    weight = np.exp(np.clip(scores.product, -clip, clip))
    weight /= (mean := weight.mean())
    return np.asarray(scores.joint - math.log(mean) - _projected(scores, weight) + 1.0)


def _projected(scores: Scores, weight: FloatArray) -> FloatArray:
    # What each person adds (m,) to the mean of product weights (s, m), as x and as y, less that
    # mean once: the linear part of a two-sample average (Hajek).
    as_x = weight.mean(axis=0)
    as_y = np.zeros_like(as_x)
    for step, row in zip(scores.shifts, weight, strict=True):
        as_y += np.roll(row, step) / len(scores.shifts)
    return np.asarray(as_x + as_y - weight.mean())


@dataclass(frozen=True)
class FoldReading:
    """What one fold's best critic reads.

    Attributes
    ----------
    terms : (m,) of the test people; their mean is the reading [nat].
    in_sample : the same critic on its training people, which reads too much [nat].
    critic : the chosen candidate, "none" if all of them read nothing on validation people.
    fitted : mean logarithm of the fitted density ratio of test people, if the closed form does
        about as well as any critic. It has no ceiling, and is a bound only where the fitted law
        of each side is right [nat].
    """

    terms: FloatArray
    in_sample: float
    critic: str
    fitted: float = math.nan


def first_look(critic: Critic, aside: Rows) -> float:
    """A quick reading of a fitted closed form on validation rows."""
    return donsker_varadhan(score(critic, aside, shifts=8).clipped(8.0))


def read_fold(
    candidates: Mapping[str, Critic], parts: Parts, *, closed: str | None = None
) -> FoldReading:
    """Choose critic and clip level on the validation part, then read the test part once.

    `closed` names the candidate that is the logarithm of a fitted density ratio.
    """
    train, aside, test = parts
    best: tuple[float, str, float, float] = (0.0, "none", 0.0, 0.0)
    seen = dict.fromkeys(candidates, 0.0)
    for name, critic in candidates.items():
        every = score(critic, aside)
        for level in LEVELS:
            scores = every.clipped(level)
            top = _top(scores)
            value = donsker_varadhan(scores.below(top))
            seen[name] = max(seen[name], value)
            if value > best[0]:
                best = (value, name, level, top)
    value, name, level, top = best
    if name == "none":
        return FoldReading(np.zeros(len(test)), 0.0, name)
    critic = candidates[name]

    def read(rows: Rows) -> Scores:
        return score(critic, rows).clipped(level).below(top)

    terms = nwj_terms(read(test), log_mean_exp(read(aside).product))
    fitted = math.nan
    if closed is not None and seen[closed] > FITTED * value:
        fitted = float(candidates[closed](test, test).mean())
    return FoldReading(terms, donsker_varadhan(read(train)), name, fitted)


def read_smile(critic: Critic, parts: Parts, *, name: str, clip: float) -> FoldReading:
    """SMILE's reading of the test people by one critic; a point estimate, not a bound."""
    train, _, test = parts
    in_sample = smile_terms(score(critic, train), clip).mean()
    return FoldReading(smile_terms(score(critic, test), clip), float(in_sample), name)


def _top(scores: Scores) -> float:
    # Product pairs this rare are not in the sample, so their e^T would go unseen: a ratio of
    # more than the number of pairs cannot be proved by them (McAllester & Stratos 2020).
    return log_mean_exp(scores.product) + math.log(scores.product.size) - 1.0


def held_out(
    readings: list[FoldReading],
    *,
    method: str,
    confidence: float,
    bound: Bound = "lower",
    **details: Any,
) -> Estimate:
    """The cross-fitted reading of some folds, each person read once [nat]."""
    terms = np.concatenate([fold.terms for fold in readings])
    centred = np.concatenate([fold.terms - fold.terms.mean() for fold in readings])
    n = len(terms)
    raw, error = float(terms.mean()), float(np.sqrt((centred**2).sum() / (n - len(readings)) / n))
    power = normal_quantile(confidence) + normal_quantile(0.8)
    half, least = normal_quantile(0.5 + confidence / 2) * error, 2 * power**2 / n
    weights = [len(fold.terms) for fold in readings]
    in_sample = float(np.average([fold.in_sample for fold in readings], weights=weights))
    fitted = np.array([fold.fitted for fold in readings])
    trusted = np.isfinite(fitted)
    if trusted.mean() > 0.5:
        details["fitted"] = float(fitted[trusted].mean())
    return from_reading(
        raw,
        method=method,
        n=n,
        bound=bound,
        # Critics that gave up read 0 with no spread: that says only what they would have found.
        interval=(raw - half, max(raw + half, least)),
        standard_error=error,
        confidence=confidence,
        p_value=normal_tail(raw / error) if error else 1.0,
        # A leak of I nats gives a perfect critic terms of variance about 2 I.
        least_detectable=least,
        in_sample=in_sample,
        critics=[fold.critic for fold in readings],
        pointwise_nats=terms,
        **details,
    )


def too_few(side: Variable, method: str) -> Estimate:
    """The empty answer for a sample that cannot be split."""
    note = f"{len(side)} rows are too few to train on and hold out (need {MIN_ROWS})"
    nothing = (0.0, math.inf)
    return from_reading(0.0, method=method, n=len(side), bound="lower", interval=nothing, note=note)
