"""Merge trees: deterministic funnels that put values of X together, two at a time."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.special import entr

from privfunnel.entropy import FloatArray
from privfunnel.funnels.mechanisms import Mechanism, Source, merged

Rule = Literal["greedy", "ratio_greedy"]


def merge_path(source: Source, rule: Rule, *, floor: float = 0.0) -> list[Mechanism]:
    """Mechanisms from X itself to the last merge that keeps I(X;Z) >= floor [nat].

    rule "greedy": of the merges that keep enough utility, the one that lowers I(S;Z) most, for as
    long as there is one (Makhdoumi, Salamatian, Fawaz & Medard 2014, algorithm 1). "ratio_greedy":
    the one that lowers I(S;Z) most per bit of I(X;Z) given up.
    """
    n = len(source.p_x)
    weights, joint = source.p_x.copy(), source.joint.copy()
    labels = np.arange(n)
    gain, cost = _all_merges(joint, weights)
    utility = source.h_x
    path = [merged(source, labels, f"{rule}-{n}")]
    for left in range(n - 1, 0, -1):
        allowed = np.isfinite(cost) & (utility - cost >= floor - 1e-12)
        score = np.full_like(gain, -np.inf)
        scale = cost[allowed] if rule == "ratio_greedy" else 1.0
        score[allowed] = gain[allowed] / scale
        i, j = np.unravel_index(int(np.argmax(score)), score.shape)
        if not allowed[i, j]:
            break
        utility -= float(cost[i, j])
        joint[:, i] += joint[:, j]
        weights[i] += weights[j]
        labels = np.where(labels == j, i, labels)
        gain[j], gain[:, j], cost[j], cost[:, j] = -np.inf, -np.inf, np.inf, np.inf
        _refresh(joint, weights, gain, cost, int(i))
        path.append(merged(source, labels, f"{rule}-{left}"))
    return path


def _all_merges(joint: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What each merge of two columns takes from I(S;Z) and from I(X;Z), both (n, n)."""
    n = len(weights)
    gain, cost = np.full((n, n), -np.inf), np.full((n, n), np.inf)
    for i in range(n - 1):
        gain[i, i + 1 :], cost[i, i + 1 :] = _merges(joint, weights, i, slice(i + 1, n))
    return gain, cost


def _refresh(
    joint: FloatArray, weights: FloatArray, gain: FloatArray, cost: FloatArray, i: int
) -> None:
    """Recompute the merges of column i with the columns that are left, in place."""
    alive = np.flatnonzero(np.isfinite(cost[i]) | np.isfinite(cost[:, i]))
    if alive.size:
        g, c = _merges(joint, weights, i, alive)
        low, high = np.minimum(i, alive), np.maximum(i, alive)
        gain[low, high], cost[low, high] = g, c


def _merges(
    joint: FloatArray, weights: FloatArray, i: int, others: slice | np.ndarray
) -> tuple[FloatArray, FloatArray]:
    """Loss of I(S;Z) and of I(X;Z) when column i takes each of the other columns in.

    A merge keeps H(S|Z) p(z) additive: both losses are weighted Jensen-Shannon divergences, and
    for a deterministic Z the second is the loss of H(Z).
    """
    w = entr(weights[i]) + entr(weights[others]) - entr(weights[i] + weights[others])
    columns = joint[:, others]
    joined = entr(joint[:, [i]] + columns).sum(axis=0)
    s = entr(joint[:, i]).sum() + entr(columns).sum(axis=0) - joined
    return np.asarray(w - s), np.asarray(w)
