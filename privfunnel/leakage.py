"""Leakage beyond Shannon: what one guess, a few guesses or a worst case gain from a channel.

Tables as in `privfunnel.entropy`: `joint[s, z]`, rows the secret, columns what is seen.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from privfunnel.entropy import FloatArray, check_base, check_table, entropy, mutual_information


def renyi_entropy(p: npt.ArrayLike, order: float, base: float = 2) -> float:
    """Renyi entropy of an order in [0, inf]; 1 is Shannon's, inf the min-entropy."""
    table = check_table(p)
    _check_order(order)
    if _is_shannon(order):
        return entropy(table, base)
    mass = table[table > 0]
    if math.isinf(order):
        nats = -math.log(mass.max())
    else:
        nats = float(logsumexp(order * np.log(mass))) / (1 - order)
    return max(0.0, nats) / check_base(base)


def arimoto_conditional_entropy(joint: npt.ArrayLike, order: float, base: float = 2) -> float:
    """Arimoto's H_a(first | second) = a/(1-a) ln sum_z ||p(., z)||_a (Arimoto 1977)."""
    table = check_table(joint, ndim=2, name="joint")
    _check_order(order, lowest_open=True)
    if _is_shannon(order):
        return max(0.0, entropy(table, base) - entropy(table.sum(axis=0), base))
    if math.isinf(order):
        nats = -math.log(table.max(axis=0).sum())
    else:
        with np.errstate(divide="ignore"):
            norms = logsumexp(order * np.log(table), axis=0) / order
        nats = order / (1 - order) * float(logsumexp(norms))
    return max(0.0, nats) / check_base(base)


def arimoto_mutual_information(joint: npt.ArrayLike, order: float, base: float = 2) -> float:
    """H_a(first) - H_a(first | second); order inf is the min-entropy leakage."""
    table = check_table(joint, ndim=2, name="joint")
    before = renyi_entropy(table.sum(axis=1), order, base)
    return max(0.0, before - arimoto_conditional_entropy(table, order, base))


def sibson_mutual_information(joint: npt.ArrayLike, order: float, base: float = 2) -> float:
    """Sibson's I_a(first; second) = a/(a-1) ln sum_z (sum_s p(s) p(z|s)^a)^(1/a).

    Order 1 is Shannon's; order inf the maximal leakage (Sibson 1969, Verdu 2015).
    """
    table = check_table(joint, ndim=2, name="joint")
    _check_order(order, lowest_open=True)
    if _is_shannon(order):
        return mutual_information(table, base)
    if math.isinf(order):
        return max_leakage(table, base)
    table = table[table.sum(axis=1) > 0]
    prior = table.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        inner = logsumexp(np.log(prior) + order * np.log(table / prior), axis=0)
    nats = order / (order - 1) * float(logsumexp(inner / order))
    return max(0.0, nats) / check_base(base)


def max_leakage(joint: npt.ArrayLike, base: float = 2) -> float:
    """Maximal leakage ln sum_z max_s p(z|s): the most any guess of anything about s can gain.

    Issa, Wagner & Kamath (2020). It depends on the channel and on which s can happen, not on how
    often they do, and is at most log of the smaller alphabet.
    """
    table = check_table(joint, ndim=2, name="joint")
    table = table[table.sum(axis=1) > 0]
    channel = table / table.sum(axis=1, keepdims=True)
    return max(0.0, math.log(channel.max(axis=0).sum())) / check_base(base)


def bayes_vulnerability(joint: npt.ArrayLike) -> float:
    """Chance that the best single guess of s from z is right: sum_z max_s p(s, z)."""
    return float(check_table(joint, ndim=2, name="joint").max(axis=0).sum())


def min_entropy_leakage(joint: npt.ArrayLike, base: float = 2) -> float:
    """Log of how many times likelier the best single guess of s becomes (Smith 2009)."""
    table = check_table(joint, ndim=2, name="joint")
    ratio = bayes_vulnerability(table) / table.sum(axis=1).max()
    return max(0.0, math.log(ratio)) / check_base(base)


def guessing_entropy(joint: npt.ArrayLike) -> float:
    """Expected number of guesses to find s, best order first (Massey 1994).

    A one-axis table is guessed blind; `joint[s, z]` after seeing z. At least 1.
    """
    table = check_table(joint, name="joint")
    if table.ndim > 2:
        raise ValueError(f"joint must have 1 or 2 axes, not shape {table.shape}")
    columns = table.reshape(table.shape[0], -1)
    ordered = -np.sort(-columns, axis=0)
    return float((np.arange(1, len(ordered) + 1)[:, None] * ordered).sum())


def maximal_correlation(joint: npt.ArrayLike) -> float:
    """Hirschfeld-Gebelein-Renyi correlation: the best correlation of f(s) with g(z), in [0, 1].

    The second singular value of p(s, z) / sqrt(p(s) p(z)).
    """
    table = _occupied(check_table(joint, ndim=2, name="joint"))
    if min(table.shape) < 2:
        return 0.0
    # Root by root: the product of two small margins may underflow to 0.
    rows, columns = np.sqrt(table.sum(axis=1, keepdims=True)), np.sqrt(table.sum(axis=0))
    values = np.linalg.svd(table / rows / columns, compute_uv=False)
    return float(min(1.0, values[1]))


def chi_squared_information(joint: npt.ArrayLike) -> float:
    """chi^2(p(s,z) || p(s)p(z)), no unit; ln(1 + it) is at least I(S;Z) in nats."""
    table = _occupied(check_table(joint, ndim=2, name="joint"))
    rows, columns = table.sum(axis=1, keepdims=True), table.sum(axis=0)
    # (p - q)^2 / q of q = p(s) p(z), which may underflow to 0, as the square of a product of roots.
    roots = (table / rows - columns) / np.sqrt(columns) * np.sqrt(rows)
    return float((roots**2).sum())


def _occupied(table: FloatArray) -> FloatArray:
    return np.asarray(table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0])


def _is_shannon(order: float) -> bool:
    # Closer to 1 than this the rounding of log(...) / (1 - order) outweighs the difference.
    return abs(order - 1) < 1e-8


def _check_order(order: float, *, lowest_open: bool = False) -> None:
    if not order >= 0 or (lowest_open and order == 0):
        raise ValueError(f"order must be {'above 0' if lowest_open else '0 or more'}, not {order}")
