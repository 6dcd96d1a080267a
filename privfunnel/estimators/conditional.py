"""Conditional mutual information I(x; y | z) from any estimator of mutual information.

A discrete z splits the sample: the mean of the strata's readings, weighted by their size, aims at
the same side of the truth as the readings do. A continuous z is met by nearest neighbours, by
partial correlation for the Gaussian, and by the chain rule I(x; y, z) - I(x; z) for the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from privfunnel.estimate import Bound, Estimate, Progress, from_reading
from privfunnel.estimators.gaussian import gaussian_mi
from privfunnel.estimators.knn import conditional_ksg_mi
from privfunnel.variables import FloatArray, Variable, join

Reader = Callable[..., Estimate]


def conditional_mi(
    x: Variable,
    y: Variable,
    z: Variable,
    *,
    method: str,
    read: Reader,
    confidence: float = 0.95,
    rng: np.random.Generator,
    progress: Progress | None = None,
    **options: Any,
) -> Estimate:
    """I(x; y | z) [nat]; `read` is the estimator that `method` names."""
    call: dict[str, Any] = {"confidence": confidence, "rng": rng, "progress": progress, **options}
    counted = all(side.kind == "discrete" for side in (x, y, z))
    neighbours = method in ("ksg", "mixed_ksg", "ross") or (method == "auto" and not counted)
    if neighbours and not any((*x.nominal, *y.nominal, *z.nominal)):
        return conditional_ksg_mi(x, y, z, **call)
    if method == "gaussian" and z.kind != "discrete":
        return gaussian_mi(_residual(x, z), _residual(y, z), **call)
    if z.kind == "discrete":
        return _by_stratum(x, y, z, read, method, call)
    return _chain_rule(x, y, z, read, method, call)


def _by_stratum(
    x: Variable, y: Variable, z: Variable, read: Reader, method: str, call: dict[str, Any]
) -> Estimate:
    n, total, variance, alone = len(x), 0.0, 0.0, 0
    bound: Bound = "point"
    name = method
    for level in range(z.n_levels):
        rows = np.flatnonzero(z.codes == level)
        a, b = x.take(rows), y.take(rows)
        if a.constant or b.constant:
            alone += len(rows)
            continue
        part = read(a, b, **call)
        share = len(rows) / n
        total += share * part.details["raw"]
        variance += (share * part.details.get("standard_error", 0.0)) ** 2
        bound, name = part.bound, part.method
    return from_reading(
        total,
        method=name,
        n=n,
        bound=bound,
        standard_error=math.sqrt(variance),
        confidence=call["confidence"],
        strata=z.n_levels,
        rows_in_constant_strata=alone,
    )


def _chain_rule(
    x: Variable, y: Variable, z: Variable, read: Reader, method: str, call: dict[str, Any]
) -> Estimate:
    both, one = read(x, join(y, z, name="y, z"), **call), read(x, z, **call)
    errors = [part.details.get("standard_error", 0.0) for part in (both, one)]
    return from_reading(
        both.details["raw"] - one.details["raw"],
        method=both.method,
        n=len(x),
        standard_error=math.hypot(*errors),
        confidence=call["confidence"],
        note="I(x; y, z) - I(x; z): a difference of two readings, a bound of neither side",
    )


def _residual(side: Variable, z: Variable) -> Variable:
    # What a linear prediction from z leaves of each column.
    design: FloatArray = np.column_stack([np.ones(len(z)), z.real])
    values = side.real
    left = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return Variable(left, (False,) * side.dim, (False,) * side.dim, side.name)
