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

import numpy as np

from privfunnel.entropy import FloatArray
from privfunnel.estimate import Estimate, from_reading, normal_quantile, normal_tail
from privfunnel.estimators.folds import Rows
from privfunnel.variables import Variable

Critic = Callable[[Rows, Rows], FloatArray]
Parts = tuple[Rows, Rows, Rows]
# Fewer rows cannot be split into people to train on, to choose with and to read.
MIN_ROWS = 40
# How far a critic may go; which of these is best is seen on validation people.
LEVELS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
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
    as_x = weight.mean(axis=0)
    as_y = np.zeros_like(as_x)
    for step, row in zip(scores.shifts, weight, strict=True):
        as_y += np.roll(row, step) / len(scores.shifts)
    return np.asarray(scores.joint - constant - as_x - as_y + weight.mean() + 1.0)


@dataclass(frozen=True)
class FoldReading:
    """What one fold's best critic reads.

    Attributes
    ----------
    terms : (m,) of the test people; their mean is the reading [nat].
    in_sample : the same critic on its training people, which reads too much [nat].
    critic : the chosen candidate, "none" if all of them read nothing on validation people.
    """

    terms: FloatArray
    in_sample: float
    critic: str


def first_look(critic: Critic, aside: Rows) -> float:
    """A quick reading of a fitted closed form on validation rows."""
    return donsker_varadhan(score(critic, aside, shifts=8).clipped(8.0))


def read_fold(candidates: Mapping[str, Critic], parts: Parts) -> FoldReading:
    """Choose critic and clip level on the validation part, then read the test part once."""
    train, aside, test = parts
    best: tuple[float, str, float] = (0.0, "none", 0.0)
    for name, critic in candidates.items():
        seen = score(critic, aside)
        for level in LEVELS:
            value = donsker_varadhan(seen.clipped(level))
            if value > best[0]:
                best = (value, name, level)
    _, name, level = best
    if name == "none":
        return FoldReading(np.zeros(len(test)), 0.0, name)
    critic = candidates[name]
    constant = log_mean_exp(score(critic, aside).clipped(level).product)
    terms = nwj_terms(score(critic, test).clipped(level), constant)
    return FoldReading(terms, donsker_varadhan(score(critic, train).clipped(level)), name)


def held_out(readings: list[FoldReading], *, method: str, confidence: float) -> Estimate:
    """The cross-fitted lower bound of some folds, each person read once [nat]."""
    terms = np.concatenate([fold.terms for fold in readings])
    centred = np.concatenate([fold.terms - fold.terms.mean() for fold in readings])
    n = len(terms)
    raw, error = float(terms.mean()), float(np.sqrt((centred**2).sum() / (n - len(readings)) / n))
    power = normal_quantile(confidence) + normal_quantile(0.8)
    half, least = normal_quantile(0.5 + confidence / 2) * error, 2 * power**2 / n
    in_sample = float(
        np.average([f.in_sample for f in readings], weights=[len(f.terms) for f in readings])
    )
    return from_reading(
        raw,
        method=method,
        n=n,
        bound="lower",
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
    )


def too_few(side: Variable, method: str) -> Estimate:
    """The empty answer for a sample that cannot be split."""
    note = f"{len(side)} rows are too few to train on and hold out (need {MIN_ROWS})"
    nothing = (0.0, math.inf)
    return from_reading(0.0, method=method, n=len(side), bound="lower", interval=nothing, note=note)
