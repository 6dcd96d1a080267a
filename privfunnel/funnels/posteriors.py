"""The funnel as a linear programme over posteriors.

I(X;Z) and I(S;Z) are averages over the posteriors q_z of X, so the funnel at utility r is

    min sum_z w_z l(q_z)   with   sum_z w_z q_z = p_X,   sum_z w_z u(q_z) >= r,

with u(q) = H(X) - H(q) and l(q) = H(S) - H(S | q): linear in the weights. A budget of leakage or
the upper edge swap the roles of the two sums (`Goal`). New columns come from
`privfunnel.funnels.pricing`, a proven bound from `privfunnel.funnels.certificate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from scipy.optimize import linprog

from privfunnel.entropy import FloatArray
from privfunnel.funnels.mechanisms import Mechanism, Source, mechanism, share

# HiGHS drops matrix entries below 1e-9: columns would no longer sum to 1.
_DUST = 2e-9
# Halvings of the price of the limited side where the programme itself gives up.
_HALVINGS = 60


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
    """Posteriors without near copies (closer than 1e-7 in every entry) and without dust."""
    clean = np.where(posteriors < _DUST, 0.0, posteriors)
    clean /= clean.sum(axis=1, keepdims=True)
    return np.asarray(clean[np.unique(np.round(clean, 7), axis=0, return_index=True)[1]])


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
    solved = _programme(objective, posteriors.T, source.p_x, limited[None, :], limit)
    if solved is None:
        return _by_price(source, posteriors, goal, objective, limited, limit)
    made = _mixture(source, posteriors, solved.x)
    of_limit = float(-solved.ineqlin.marginals[0])
    return made, _prices(goal, np.asarray(solved.eqlin.marginals), of_limit, float(solved.fun))


def _mixture(source: Source, posteriors: FloatArray, weights: FloatArray) -> Mechanism:
    used = weights > 1e-13
    channel = (weights[used, None] * posteriors[used]).T / source.p_x[:, None]
    channel /= channel.sum(axis=1, keepdims=True)
    return mechanism(source, channel, "posteriors")


def _prices(goal: Goal, of_x: FloatArray, of_limit: float, value: float) -> Prices:
    if goal.axis == "leakage":
        return Prices(of_x, of_limit, 1.0, value)
    sign = -1.0 if goal.upper else 1.0
    return Prices(of_x, sign, sign * of_limit, value)


def _by_price(
    source: Source,
    posteriors: FloatArray,
    goal: Goal,
    objective: FloatArray,
    limited: FloatArray,
    limit: float,
) -> tuple[Mechanism, Prices]:
    """The same optimum by bisection of the limit's price: programmes that cannot be infeasible."""
    low, high = 0.0, 1.0
    ends: dict[bool, tuple[Mechanism, float]] = {}
    of_x = np.zeros(len(source.p_x))
    for _ in range(_HALVINGS):
        level = high if True not in ends else 0.5 * (low + high)
        solved = _programme(objective + level * limited, posteriors.T, source.p_x, None, 0.0)
        if solved is None:
            raise RuntimeError(
                "the linear programme over posteriors failed: use solver='ratio_greedy' or 'dc'"
            )
        weights = np.maximum(solved.x, 0.0)
        spent = float(weights @ limited)
        ends[spent <= limit] = (_mixture(source, posteriors, weights), spent)
        of_x = np.asarray(solved.eqlin.marginals)
        if spent <= limit:
            high = level
        elif True in ends:
            low = level
        else:
            low, high = level, 4.0 * level
        if high > 1e9:
            break
    made = ends[True][0] if True in ends else ends[False][0]
    if len(ends) == 2:
        (inside, a), (outside, b) = ends[True], ends[False]
        made = share(source, inside, outside, (b - limit) / (b - a) if b > a else 1.0)
        made = mechanism(source, made.channel, "posteriors")
    price = 0.5 * (low + high)
    return made, _prices(goal, of_x, price, float(of_x @ source.p_x - price * limit))


def _programme(
    objective: FloatArray,
    a_eq: FloatArray,
    b_eq: FloatArray,
    a_ub: FloatArray | None,
    b_ub: float,
) -> Any:
    """What linprog says of it, or None if no method gets there.

    Strict tolerances first: prices are differences of small numbers. They can be more than the
    solver manages on degenerate programmes, its own tolerances are not.
    """
    strict = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    loose = {"primal_feasibility_tolerance": 1e-8, "dual_feasibility_tolerance": 1e-8}
    attempts: tuple[tuple[Any, Any], ...] = (
        ("highs", strict),
        ("highs", loose),
        ("highs", {}),
        ("highs-ds", {"presolve": False}),
    )
    limits: dict[str, Any] = {} if a_ub is None else {"A_ub": a_ub, "b_ub": [b_ub]}
    for method, options in attempts:
        result: Any = linprog(
            objective, A_eq=a_eq, b_eq=b_eq, method=method, options=options, **limits
        )
        if result.status == 0:
            return result
    return None


def quietest_mix(source: Source, silent: FloatArray) -> Mechanism:
    """The most telling mechanism among posteriors that leak nothing (p_X is one of them)."""
    solved = _programme(-source.kept(silent), silent.T, source.p_x, None, 0.0)
    if solved is None:
        raise RuntimeError("the linear programme over silent posteriors failed")
    return _mixture(source, silent, solved.x)
