"""Attackers who know the channel: Bayes' rule on other people's laws, and I(X;Z) between bounds."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import logsumexp

from privfunnel.entropy import FloatArray
from privfunnel.estimate import Estimate, from_reading, normal_quantile
from privfunnel.estimators.attackers import Attack
from privfunnel.variables import Codes

CHANNEL = "known channel"
BELIEFS = "known channel, smooth"
BELIEVED = "known channel, believed"
_FLOOR = 1e-4
# Pairs of a person and a law that are looked at together.
_MOST_PAIRS, _MOST_IN_ALL = 2_000_000, 150_000_000
_MOST_DRAWS = 8
# Points of the table that one-dimensional releases are looked up in.
_TABLE = 3000


def known_channel(
    draws: FloatArray, codes: Codes, law: FloatArray, chances: FloatArray, name: str = CHANNEL
) -> Attack:
    """The guess of somebody who knows the noise and has other people's X: Bayes' rule.

    Several draws of the same people tell more exactly what one of them gives away: logarithms of
    the chances are averaged over draws, whose gains then are those of one draw on average.

    Parameters
    ----------
    draws : (m, k) or (r, m, k) released people, once or several times.
    codes : (m,) their secrets, in levels 0 to n - 1.
    law : (q, 2 k) means and log standard deviations of other people's releases.
    chances : (q, n) what is held of their secrets: 0 and 1 if they are known, else beliefs.
    """
    n = chances.shape[1]
    prior = np.maximum(np.bincount(codes, minlength=n) / len(codes), 1e-9)
    logs = log_guesses(draws.reshape(-1, draws.shape[-1]), law, chances)
    guesses = np.exp(logs.reshape(-1, len(codes), n).mean(axis=0))
    return Attack(name, codes, guesses, prior)


def believed_leakage(
    draws: FloatArray, held: FloatArray, law: FloatArray, chances: FloatArray, confidence: float
) -> Estimate:
    """I(S;Z) [nat] of a known channel if the beliefs about S are right: no S is looked at.

    It varies less than what an attacker was seen to guess, and is no bound: beliefs that are too
    sure of themselves read too much, which errs on the safe side.

    Parameters
    ----------
    draws : (r, m, k) releases of people, or (r, m, n, k) of people with each group's S in turn.
    held : (m, n) beliefs about them.
    law, chances : as for `known_channel`.
    """
    m, n = held.shape
    logs = log_guesses(draws.reshape(-1, draws.shape[-1]), law, chances)
    if draws.ndim == 4:
        logs = np.einsum("rmgg->rmg", logs.reshape(-1, m, n, n))
    prior = np.maximum(held.mean(axis=0), 1e-9)
    gains = ((logs.reshape(-1, m, n).mean(axis=0) - np.log(prior)) * held).sum(axis=1)
    mean, error = float(gains.mean()), float(gains.std(ddof=1)) / math.sqrt(m)
    half = normal_quantile(0.5 + confidence / 2) * error
    return from_reading(
        mean,
        method=BELIEVED,
        n=m,
        standard_error=error,
        interval=(mean - half, mean + half),
        confidence=confidence,
    )


def log_guesses(z: FloatArray, law: FloatArray, chances: FloatArray) -> FloatArray:
    """ln P(group | z) by Bayes' rule on other people, (m, n); from a table where one will do."""
    if law.shape[1] == z.shape[1]:
        table = _log_guesses(np.eye(z.shape[1]), law, chances)
        return np.asarray(table[z.argmax(axis=1)])
    if z.shape[1] == 1 and len(z) > _TABLE:
        at = np.linspace(z.min(), z.max(), _TABLE)
        table = _log_guesses(at[:, None], law, chances)
        return np.stack([np.interp(z[:, 0], at, column) for column in table.T], axis=1)
    return _log_guesses(z, law, chances)


def _log_guesses(z: FloatArray, law: FloatArray, chances: FloatArray) -> FloatArray:
    logs = np.empty((len(z), chances.shape[1]))
    step = max(1, _MOST_PAIRS // len(law))
    for start in range(0, len(z), step):
        rows = slice(start, start + step)
        apart = log_likelihoods(z[rows], law)
        said = np.exp(apart - apart.max(axis=1, keepdims=True)) @ chances + 1e-12
        said = np.maximum(said / said.sum(axis=1, keepdims=True), _FLOOR)
        logs[rows] = np.log(said / said.sum(axis=1, keepdims=True))
    return logs


def n_draws(n_people: int, n_laws: int, n_z: int) -> int:
    """How often to draw each person: as often as a few seconds allow."""
    if n_z == 1:
        return _MOST_DRAWS
    return int(np.clip(_MOST_IN_ALL // max(1, n_people * n_laws), 1, _MOST_DRAWS))


def log_likelihoods(z: FloatArray, law: FloatArray) -> FloatArray:
    """ln p(z_i | law_j) up to a constant, (m, r).

    Laws are means and log standard deviations (r, 2 k), or log chances of codes (r, k), which z
    has as indicators.
    """
    k = z.shape[1]
    if law.shape[1] == k:
        return np.asarray(z @ law.T)
    mean, log_spread = law[:, :k], law[:, k:]
    weight = np.exp(-2.0 * log_spread)
    apart = -0.5 * (z**2 @ weight.T - 2.0 * z @ (mean * weight).T + (mean**2 * weight).sum(axis=1))
    return np.asarray(apart - log_spread.sum(axis=1))


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
    apart = log_likelihoods(z, np.hstack([mean, np.log(scale)]))
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


def known_codes_information(law: FloatArray) -> Estimate:
    """I(X;Z) [nat] of codes with log chances law (m, n_codes), for people like these."""
    chances = np.exp(law)
    gains = (chances * (law - np.log(chances.mean(axis=0) + 1e-300))).sum(axis=1)
    mean, error = float(gains.mean()), float(gains.std(ddof=1)) / math.sqrt(len(law))
    return from_reading(
        mean,
        method="known chances",
        n=len(law),
        interval=(mean - 1.96 * error, mean + 1.96 * error),
        standard_error=error,
    )
