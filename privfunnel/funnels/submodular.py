"""Merging whole subsets of values at once (Ding & Sadeghi 2019).

For a price of utility the change of I(S;Z) - price I(X;Z) by merging a subset W of the letters is

    F(W) = sum over W of a modular part + (1 - price) h(p(W)) - sum_s h(p(s, W)),  h(t) = -t ln t,

a difference of two submodular functions. It is brought down by modular bounds (Iyer & Bilmes 2012,
the modular-modular procedure), and merging goes on until no subset found helps.
"""

from __future__ import annotations

import numpy as np
from scipy.special import entr

from privfunnel.entropy import FloatArray
from privfunnel.funnels.iterations import PRICES
from privfunnel.funnels.mechanisms import Mechanism, Source, merged

# Starts of the search for one subset, and its rounds.
_STARTS = 12
_ROUNDS = 20


def submodular_merges(
    source: Source, rng: np.random.Generator, *, prices: tuple[float, ...] = PRICES
) -> list[Mechanism]:
    """Every mechanism on the way from X to the last helpful merge, for each price."""
    found: dict[bytes, Mechanism] = {}
    for price in prices:
        labels = np.arange(len(source.p_x))
        for _ in range(len(labels) - 1):
            joint = _joint(source, labels)
            subset = _best_subset(joint, price, rng)
            if subset is None:
                break
            inside = np.isin(labels, subset)
            labels = np.where(inside, labels[inside].min(), labels)
            labels = np.unique(labels, return_inverse=True)[1]
            name = f"submodular-{labels.max() + 1}"
            found.setdefault(labels.tobytes(), merged(source, labels, name))
    return list(found.values())


def _joint(source: Source, labels: np.ndarray) -> FloatArray:
    """p(s, letter), (n_s, n_letters)."""
    return np.asarray(source.joint @ np.eye(int(labels.max()) + 1)[labels])


def merge_value(joint: FloatArray, members: np.ndarray, price: float) -> float:
    """Change of I(S;Z) - price I(X;Z) [nat] by merging the letters `members` (a mask)."""
    part = joint[:, members]
    mass, together = part.sum(axis=0), part.sum(axis=1)
    lost_x = entr(mass).sum() - entr(mass.sum())
    lost_s = lost_x - (entr(part).sum() - entr(together).sum())
    return float(price * lost_x - lost_s)


def _best_subset(joint: FloatArray, price: float, rng: np.random.Generator) -> np.ndarray | None:
    k = joint.shape[1]
    best, members = -1e-12, None
    for start in _starts(joint, price, rng):
        mask = start
        value = merge_value(joint, mask, price)
        for _ in range(_ROUNDS):
            after = _descend(joint, mask, price, rng)
            if after.sum() < 2:
                break
            lower = merge_value(joint, after, price)
            if lower >= value - 1e-14:
                break
            mask, value = after, lower
        if value < best:
            best, members = value, np.flatnonzero(mask)
    return members if k > 1 else None


def _starts(joint: FloatArray, price: float, rng: np.random.Generator) -> list[np.ndarray]:
    """The best pairs, everything, and random subsets, as masks."""
    k = joint.shape[1]
    first, second = np.triu_indices(k, 1)
    a, b = joint[:, first], joint[:, second]
    of_x = entr(a.sum(0)) + entr(b.sum(0)) - entr(a.sum(0) + b.sum(0))
    of_s = of_x - (entr(a) + entr(b) - entr(a + b)).sum(axis=0)
    order = np.argsort(price * of_x - of_s)[:_STARTS]
    masks = [np.isin(np.arange(k), (first[i], second[i])) for i in order]
    masks.append(np.ones(k, dtype=bool))
    masks += [m for m in rng.random((4, k)) < 0.5 if m.sum() > 1]
    return masks


def _descend(
    joint: FloatArray, mask: np.ndarray, price: float, rng: np.random.Generator
) -> np.ndarray:
    """The subset of least modular bound: tight at `mask`, above F everywhere."""
    mass = joint.sum(axis=0)
    inside = mass[mask].sum()
    rest = 1.0 - price
    # Submodular part (1 - price) h(p(W)): bounded above by gains at the empty and at this set.
    without = entr(inside) - entr(np.maximum(inside - mass, 0.0))
    upper = np.where(mask, rest * without, rest * entr(mass))
    # Submodular sum_s h(p(s, W)): bounded below along a chain that passes through this set.
    chain = np.concatenate(
        [rng.permutation(np.flatnonzero(mask)), rng.permutation(np.flatnonzero(~mask))]
    )
    along = entr(np.minimum(np.cumsum(joint[:, chain], axis=1), 1.0)).sum(axis=0)
    lower = np.empty(len(mass))
    lower[chain] = np.diff(along, prepend=0.0)
    # F = (price of_x - of_s) of the singles' own terms, plus the two parts.
    own = (price - 1.0) * entr(mass) + entr(joint).sum(axis=0)
    return np.asarray(own + upper - lower < 0.0)
