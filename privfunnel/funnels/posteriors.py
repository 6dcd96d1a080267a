"""The funnel as a linear programme over posteriors, by column generation.

I(X;Z) and I(S;Z) are averages over the posteriors q_z of X, so the funnel at utility r is

    min sum_z w_z l(q_z)   with   sum_z w_z q_z = p_X,   sum_z w_z u(q_z) >= r,

with u(q) = H(X) - H(q) and l(q) = H(S) - H(S | q): linear in the weights. A budget of leakage or
the upper edge swap the roles of the two sums (`Goal`). New columns come from
`price`, which searches the simplex for posteriors of negative reduced cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from scipy.optimize import linprog
from scipy.special import softmax

from privfunnel.entropy import FloatArray
from privfunnel.funnels.mechanisms import Mechanism, Source, mechanism

_TINY = 1e-30
_PATIENCE = 4


@final
@dataclass(frozen=True)
class Goal:
    """A point of an edge: an axis ("utility" or "leakage"), its value [nat] and which edge.

    Lower edge (funnel): least leakage at a utility, or most utility at a leakage. Upper edge
    (bottleneck): most leakage at a utility.
    """

    axis: str
    value: float
    upper: bool = False


@final
@dataclass(frozen=True)
class Prices:
    """Dual values at an optimum [nat]: reduced cost = leakage l(q) - utility u(q) - of_x q."""

    of_x: FloatArray
    leakage: float
    utility: float
    value: float

    def reduced_cost(self, source: Source, q: FloatArray) -> FloatArray:
        """What a unit of each posterior would change the optimum by; below 0 improves it."""
        cost = self.leakage * source.leaked(q) - self.utility * source.kept(q)
        return np.asarray(cost - q @ self.of_x)


def posteriors_of(source: Source, mechanisms: list[Mechanism]) -> FloatArray:
    """All posteriors p(x|z) of some mechanisms, (n, n_x)."""
    stacked = np.hstack([m.channel for m in mechanisms]) * source.p_x[:, None]
    return np.asarray((stacked / stacked.sum(axis=0)).T)


def distinct(posteriors: FloatArray) -> FloatArray:
    """Posteriors without near copies (closer than 1e-7 in every entry)."""
    return posteriors[np.unique(np.round(posteriors, 7), axis=0, return_index=True)[1]]


def best_mix(source: Source, posteriors: FloatArray, goal: Goal) -> tuple[Mechanism, Prices]:
    """The best mechanism whose posteriors are among the given ones, with its dual prices.

    The pool must hold every vertex (unit posterior) and p_X, so that each goal can be reached.
    """
    kept, leaked = source.kept(posteriors), source.leaked(posteriors)
    if goal.axis == "leakage":
        objective, limited, limit = -kept, leaked, goal.value
    else:
        sign = -1.0 if goal.upper else 1.0
        objective, limited, limit = sign * leaked, -sign * kept, -sign * goal.value
    result = _linear_programme(objective, posteriors.T, source.p_x, limited[None, :], limit)
    weights = np.maximum(result.x, 0.0)
    used = weights > 1e-13
    channel = (weights[used, None] * posteriors[used]).T / source.p_x[:, None]
    channel /= channel.sum(axis=1, keepdims=True)
    of_x, of_limit = np.asarray(result.eqlin.marginals), float(-result.ineqlin.marginals[0])
    if goal.axis == "leakage":
        prices = Prices(of_x, of_limit, 1.0, float(result.fun))
    else:
        prices = Prices(of_x, sign, sign * of_limit, float(result.fun))
    return mechanism(source, channel, "posteriors"), prices


def _linear_programme(
    objective: FloatArray, a_eq: FloatArray, b_eq: FloatArray, a_ub: FloatArray, b_ub: float
) -> Any:
    # Strict tolerances first: prices are differences of small numbers. They can be more than the
    # solver manages on degenerate programmes, its own tolerances are not.
    # Where the simplex gives up, no presolve or the interior point method still gets there.
    strict = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    loose = {"primal_feasibility_tolerance": 1e-8, "dual_feasibility_tolerance": 1e-8}
    attempts: tuple[tuple[Any, Any], ...] = (
        ("highs", strict),
        ("highs", loose),
        ("highs", {}),
        ("highs-ds", {"presolve": False}),
        ("highs-ipm", {}),
        ("highs-ipm", {"presolve": False}),
    )
    result: Any = None
    for method, options in attempts:
        result = linprog(
            objective, A_eq=a_eq, b_eq=b_eq, A_ub=a_ub, b_ub=[b_ub], method=method, options=options
        )
        if result.status == 0:
            return result
    raise RuntimeError(f"the linear programme failed: {result.message}")


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
        toward_s = np.log(q @ source.s_given_x + _TINY) @ source.s_given_x.T
        slope = prices.leakage * toward_s - prices.utility * np.log(q + _TINY) - prices.of_x
        slope = q * (slope - (q * slope).sum(axis=1, keepdims=True))
        mean += 0.1 * (slope - mean)
        square += 0.01 * (slope * slope - square)
        size = 0.15 * (1.0 + np.cos(np.pi * step / n_iter))
        logits -= size * mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.99**step)) + 1e-12)
    q = softmax(logits, axis=1)
    # Exact zeros: most optimal posteriors lie on a face, which logits only approach.
    faces = np.where(q < 1e-4, 0.0, q)
    both = np.vstack([q, faces / faces.sum(axis=1, keepdims=True)])
    return both[prices.reduced_cost(source, both) < -1e-9]


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
    return best, prices, pool
