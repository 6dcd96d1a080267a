"""Pricing: posteriors that would improve the linear programme of the funnel."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from privfunnel.entropy import FloatArray
from privfunnel.funnels.mechanisms import Mechanism, Source
from privfunnel.funnels.posteriors import Goal, Prices, best_mix, distinct, posteriors_of

_TINY = 1e-30
_PATIENCE = 4
# Entries below this are taken for exact zeros by the last, quadratic steps.
_FACE = 1e-4


def price(
    source: Source,
    starts: FloatArray,
    prices: Prices,
    *,
    n_iter: int = 150,
    rng: np.random.Generator,
) -> FloatArray:
    """Posteriors of low reduced cost, found from many starts at once by Adam on their logits."""
    spread = rng.dirichlet(np.full(starts.shape[1], 0.5), len(starts))
    logits = np.log(0.98 * starts + 0.02 * spread + 1e-9)
    mean, square = np.zeros_like(logits), np.zeros_like(logits)
    for step in range(1, n_iter + 1):
        q = softmax(logits, axis=1)
        slope = _slope(source, prices, q)
        slope = q * (slope - (q * slope).sum(axis=1, keepdims=True))
        mean += 0.1 * (slope - mean)
        square += 0.01 * (slope * slope - square)
        size = 0.15 * (1.0 + np.cos(np.pi * step / n_iter))
        logits -= size * mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.99**step)) + 1e-12)
    q = softmax(logits, axis=1)
    # Exact zeros: most optimal posteriors lie on a face, which logits only approach.
    faces = np.where(q < _FACE, 0.0, q)
    both = np.vstack([q, faces / faces.sum(axis=1, keepdims=True)])
    return both[prices.reduced_cost(source, both) < -1e-9]


def _slope(source: Source, prices: Prices, q: FloatArray) -> FloatArray:
    """Gradient of the reduced cost, (m, n_x), up to the same constant in every entry."""
    toward_s = np.log(q @ source.s_given_x + _TINY) @ source.s_given_x.T
    return np.asarray(prices.leakage * toward_s - prices.utility * np.log(q + _TINY) - prices.of_x)


def polish(source: Source, starts: FloatArray, prices: Prices, *, n_iter: int = 8) -> FloatArray:
    """Each posterior after Newton steps of the reduced cost on its own face of the simplex.

    Adam stops within 1e-3 of a minimum; optima to 1e-9 need the quadratic end.
    """
    faces = np.where(starts < _FACE, 0.0, starts)
    faces /= faces.sum(axis=1, keepdims=True)
    return np.vstack([starts, *(_newton(source, q, prices, n_iter) for q in distinct(faces))])


def _newton(source: Source, q: FloatArray, prices: Prices, n_iter: int) -> FloatArray:
    on = np.flatnonzero(q > 0)
    k = len(on)
    rows = source.s_given_x[on]
    for _ in range(n_iter if k > 1 else 0):
        toward = q[on] @ rows
        curved = (prices.leakage / np.maximum(toward, _TINY)) * rows @ rows.T
        curved -= np.diag(prices.utility / q[on])
        system = np.ones((k + 1, k + 1))
        system[:k, :k], system[k, k] = curved, 0.0
        slope = _slope(source, prices, q[None, :])[0, on]
        move = np.linalg.lstsq(system, np.append(-slope, 0.0), rcond=1e-12)[0][:k]
        # Never through a side of the simplex.
        room = q[on] / np.maximum(-move, _TINY)
        size = min(1.0, 0.9 * float(room[move < 0].min(initial=np.inf)))
        after = q.copy()
        after[on] = q[on] + size * (move - move.mean())
        if prices.reduced_cost(source, after[None, :])[0] > (
            prices.reduced_cost(source, q[None, :])[0] + 1e-15
        ):
            break
        q = after
        if np.abs(move).max() < 1e-10:
            break
    return q[None, :]


def generate(
    source: Source,
    pool: FloatArray,
    goal: Goal,
    *,
    n_rounds: int = 30,
    tol: float = 1e-7,
    rng: np.random.Generator,
) -> tuple[Mechanism, Prices, FloatArray]:
    """Column generation at one goal: the mechanism, its prices and the grown pool."""
    n = len(source.p_x)
    pool = distinct(np.vstack([pool, np.eye(n), source.p_x[None, :]]))
    best, prices = best_mix(source, pool, goal)
    stalled = 0
    for _ in range(n_rounds):
        used = posteriors_of(source, [best])
        random = rng.dirichlet(np.full(n, 0.3), min(6 * n, 200))
        columns = price(source, np.vstack([used, random]), prices, rng=rng)
        if len(columns) == 0:
            break
        pool = distinct(np.vstack([pool, columns]))
        before = prices.value
        best, prices = best_mix(source, pool, goal)
        # A degenerate programme can take a few columns in before it moves.
        stalled = 0 if before - prices.value > tol else stalled + 1
        if stalled == _PATIENCE:
            break
    return finish(source, pool, goal, best, prices)


def finish(
    source: Source, pool: FloatArray, goal: Goal, best: Mechanism, prices: Prices
) -> tuple[Mechanism, Prices, FloatArray]:
    """Newton steps of the posteriors in use, until the programme no longer moves."""
    for _ in range(12):
        columns = polish(source, posteriors_of(source, [best]), prices)
        pool = np.vstack([pool, columns])
        before = prices.value
        best, prices = best_mix(source, pool, goal)
        if before - prices.value < 1e-13:
            break
    return best, prices, distinct(pool)
