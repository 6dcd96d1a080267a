"""Releases that tell nothing at all about S: exact, and the flat start of every funnel.

Posteriors q with T q = p_S leak nothing. Among them utility is a convex function, so the best
release uses vertices of that polytope only (Rassouli & Gunduz 2021, section IV).
"""

from __future__ import annotations

import math
from itertools import combinations, islice

import numpy as np

from privfunnel.entropy import FloatArray
from privfunnel.funnels.mechanisms import Source

# Sets of values looked at; larger alphabets get a sample of the vertices.
MOST_SETS = 20_000
_MOST_VERTICES = 3000


def silent_posteriors(source: Source, rng: np.random.Generator) -> FloatArray:
    """Vertices q (n, n_x) of the posteriors that leak nothing; p_X is always one of them.

    All of them where there are few sets of values to look at, else those of a random sample.
    """
    rank, n = _rank(source), len(source.p_x)
    found = [source.p_x]
    aims = source.joint.sum(axis=1)
    if math.comb(n, rank) <= MOST_SETS:
        sets = np.array(list(islice(combinations(range(n), rank), MOST_SETS)))
    else:
        sets = np.array([rng.choice(n, rank, replace=False) for _ in range(2000)])
    # The columns of T on each set, with the sum of q as one more equation.
    systems = np.swapaxes(source.s_given_x[sets], 1, 2)
    systems = np.concatenate([systems, np.ones((len(sets), 1, rank))], axis=1)
    wanted = np.append(aims, 1.0)
    weights = np.linalg.pinv(systems, rcond=1e-10) @ wanted
    left = np.abs(np.einsum("ksr,kr->ks", systems, weights) - wanted).max(axis=1)
    for members, weight in zip(
        sets[_good(weights, left)], weights[_good(weights, left)], strict=True
    ):
        q = np.zeros(n)
        q[members] = np.maximum(weight, 0.0)
        found.append(q / q.sum())
        if len(found) > _MOST_VERTICES:
            break
    return np.array(found)


def is_exhaustive(source: Source) -> bool:
    """Whether `silent_posteriors` looks at every set, so that a budget of 0 is solved exactly."""
    return math.comb(len(source.p_x), _rank(source)) <= MOST_SETS


def _good(weights: FloatArray, left: FloatArray) -> np.ndarray:
    return np.asarray((weights.min(axis=1) >= -1e-12) & (left < 1e-12))


def _rank(source: Source) -> int:
    return int(np.linalg.matrix_rank(source.s_given_x, tol=1e-9))
