"""Bare readings of information between columns, for searches that need thousands of them.

The estimator follows the kinds: counts for codes, Ross for codes against numbers, KSG for numbers.
No interval; unclipped.
"""

from __future__ import annotations

import numpy as np

from privfunnel.counting import count
from privfunnel.entropy import FloatArray
from privfunnel.estimators import knn_terms
from privfunnel.estimators.plugin import CORRECTIONS
from privfunnel.estimators.scores import normal_scores, standard
from privfunnel.variables import Codes, Variable, join, joint_codes


def ranked(side: Variable, rng: np.random.Generator) -> Variable:
    """The side with its continuous columns replaced by normal scores, ties drawn at random."""
    values = side.values.copy()
    numbers = [j for j, discrete in enumerate(side.discrete) if not discrete]
    values[:, numbers] = normal_scores(values[:, numbers], rng)
    return Variable(values, side.discrete, side.nominal, side.name)


def information(a: Variable, b: Variable, *, k: int = 3) -> float:
    """I(a; b) [nat] of two sides from `ranked`."""
    if len(a) < 2:
        return 0.0
    k = min(k, len(a) - 1)
    kinds = (a.kind, b.kind)
    if kinds == ("discrete", "discrete"):
        return _counted(a.codes, b.codes)
    if kinds == ("discrete", "continuous"):
        return _mean(knn_terms.ross(a.codes, b.values, k))
    if kinds == ("continuous", "discrete"):
        return _mean(knn_terms.ross(b.codes, a.values, k))
    if kinds == ("continuous", "continuous"):
        return _mean(knn_terms.ksg1(a.values, b.values, k))
    unused = np.random.default_rng(0)
    first, second = standard(a.matrix, unused), standard(b.matrix, unused)
    return _mean(knn_terms.mixed(first, second, k))


def conditional_information(a: Variable, b: Variable, given: Variable, *, k: int = 3) -> float:
    """I(a; b | given) [nat] of three sides from `ranked`, none of them mixed."""
    if len(a) < 2:
        return 0.0
    if given.kind == "discrete":
        if a.kind == b.kind == "discrete":
            both = _counted(joint_codes([a.codes, given.codes]), b.codes)
            return both - _counted(given.codes, b.codes)
        return _within_levels(a, b, given, k)
    if b.kind == "discrete" and a.kind == "discrete":
        pair, numbers = joint_codes([a.codes, b.codes]), given.values
        k = min(k, len(a) - 1)
        seen = [_mean(knn_terms.ross(codes, numbers, k)) for codes in (pair, a.codes, b.codes)]
        return _counted(a.codes, b.codes) + seen[0] - seen[1] - seen[2]
    if b.kind == "discrete":
        return information(join(a, given), b, k=k) - information(given, b, k=k)
    if a.kind == "discrete":
        return information(join(b, given), a, k=k) - information(given, a, k=k)
    k = min(k, len(a) - 1)
    return _mean(knn_terms.conditional(a.values, b.values, given.values, k))


def _within_levels(a: Variable, b: Variable, given: Variable, k: int) -> float:
    # The mean over levels, weighted by their rows; a row alone in its level tells nothing.
    total = 0.0
    for level in range(given.n_levels):
        rows = np.flatnonzero(given.codes == level)
        first, second = a.take(rows), b.take(rows)
        if len(rows) > 1 and not (first.constant or second.constant):
            total += len(rows) * information(first, second, k=k)
    return total / len(a)


def _counted(x: Codes, y: Codes) -> float:
    return CORRECTIONS["miller_madow"](count(x, y))


def _mean(terms: FloatArray) -> float:
    return float(terms.mean())
