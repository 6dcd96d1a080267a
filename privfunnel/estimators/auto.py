"""`method="auto"`: the estimator that suits the kinds, the dimension and n, and why.

Two discrete columns are counted while cells hold people; a discrete side against numbers goes to
nearest neighbours in few dimensions and to classifiers beyond; continuous sides go to nearest
neighbours one against one, and to networks otherwise.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from typing import Any

import numpy as np

from privfunnel.counting import count
from privfunnel.estimate import Estimate, Progress, normal_quantile
from privfunnel.estimators.elliptical import elliptical_mi
from privfunnel.estimators.knn import ksg_mi, mixed_mi
from privfunnel.estimators.plugin import table_mi
from privfunnel.variables import Variable

# People per cell from which the corrected plug-in reads strong dependence without losing it.
PER_CELL = 5.0
# Up to here nearest neighbours read nearly everything.
NEAR_COLUMNS = 3
# Up to here they still see what networks may miss (sharp edges), so the larger reading counts.
KSG_COLUMNS = 6
# Readings [nat] from which the number of pairs limits what a lower bound can prove.
STRONG = 5.0
# Weak dependence [nat] of single columns is read with more neighbours: less noise, hardly a bias.
WEAK = 0.1
WEAK_NEIGHBOURS = 20
# With fewer rows networks have nothing to add to the closed form.
NETWORK_ROWS = 300


def auto_mi(
    x: Variable,
    y: Variable,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator,
    progress: Progress | None = None,
    n_permutations: int = 0,
) -> Estimate:
    """The reading of the estimator that suits the sample; `details["why"]` says which and why."""
    call: dict[str, Any] = {"confidence": confidence, "rng": rng}
    if x.kind == "discrete" and y.kind == "discrete":
        return _both_discrete(x, y, call, progress, n_permutations)
    if "discrete" in (x.kind, y.kind):
        return _discrete_against_numbers(x, y, call, progress, n_permutations)
    repeats = any(_repeats(side) for side in (x, y))
    if x.dim == y.dim == 1 or len(x) < 40:
        reading = mixed_mi if repeats else ksg_mi
        own: dict[str, Any] = {"progress": progress, "n_permutations": n_permutations, **call}
        result, why = reading(x, y, **own), "one column against another: nearest neighbours"
        k = min(WEAK_NEIGHBOURS, len(x) // 50)
        if x.dim == y.dim == 1 and k > 3 and result.details["raw"] < WEAK:
            result, why = reading(x, y, k=k, **own), f"{why}, {k} of them as it is weak"
        return _said(result, why)
    return _several_columns(x, y, call, progress)


def _both_discrete(
    x: Variable, y: Variable, call: dict[str, Any], progress: Progress | None, permutations: int
) -> Estimate:
    table = count(x.codes, y.codes)
    counted = table_mi(table, n_permutations=permutations, **call)
    per_cell = table.n / table.size
    if per_cell >= PER_CELL or not _installed("sklearn"):
        return _said(counted, f"discrete, {per_cell:.3g} people per cell: counted")
    from privfunnel.estimators.classifier import classifier_mi

    result = classifier_mi(x, y, progress=progress, **call)
    # Sparse cells: whichever valid lower end proves more.
    if counted.lower >= result.lower:
        return _said(counted, f"discrete, {per_cell:.3g} people per cell, counting proves most")
    return _said(result, f"discrete, only {per_cell:.3g} people per cell: a classifier proves more")


def _discrete_against_numbers(
    x: Variable, y: Variable, call: dict[str, Any], progress: Progress | None, permutations: int
) -> Estimate:
    numbers = y if x.kind == "discrete" else x
    label = x if numbers is y else y
    few_rows = len(x) < 5 * label.n_levels
    if numbers.dim <= NEAR_COLUMNS and not any(numbers.nominal) and not few_rows:
        # Ross' estimator, or that of mixtures where single values stand for many rows.
        result = ksg_mi(x, y, progress=progress, n_permutations=permutations, **call)
        return _said(result, f"discrete against {numbers.dim} column(s): nearest neighbours")
    if not _installed("sklearn"):
        result = elliptical_mi(x, y, progress=progress, **call)
        return _said(result, "discrete against many columns, without scikit-learn: closed form")
    from privfunnel.estimators.classifier import classifier_mi

    result = classifier_mi(x, y, progress=progress, **call)
    return _said(result, f"discrete against {numbers.dim} columns: classifiers")


def _several_columns(
    x: Variable, y: Variable, call: dict[str, Any], progress: Progress | None
) -> Estimate:
    # Held-out and in-sample readings lie on the two sides of the truth: the point is their middle.
    columns = x.dim + y.dim
    if len(x) >= NETWORK_ROWS and _installed("torch"):
        from privfunnel.estimators.neural import neural_mi

        bound, how = neural_mi(x, y, progress=progress, **call), "networks on a closed form"
    else:
        bound, how = elliptical_mi(x, y, progress=progress, **call), "a closed form"
    held, error = bound.details["raw"], bound.details.get("standard_error", 0.0)
    point = 0.5 * (held + max(held, bound.details.get("in_sample", held)))
    half = normal_quantile(0.5 + call["confidence"] / 2) * error
    why = f"{x.dim} against {y.dim} columns: {how}"
    if bound.details.get("fitted", 0.0) > max(point, STRONG):
        # Pairs cannot prove this much; the fitted law of all columns can still say it.
        point, why = bound.details["fitted"], f"{why}, taken at its word beyond {STRONG:g} nats"
    upper = max(point + half, bound.upper)
    if columns <= KSG_COLUMNS and not any((*x.nominal, *y.nominal)):
        near = ksg_mi(x, y, **call)
        if np.isinf(near.value):
            return _said(near, f"{why}; nearest neighbours say the relation is exact")
        if near.details["raw"] > point:
            point, upper = near.details["raw"], max(upper, near.upper)
            why = f"{why}; nearest neighbours, in few dimensions, read more"
    details = {**bound.details, "held_out_nats": held, "raw": point}
    result = dataclasses.replace(
        bound, value=max(0.0, point), upper=upper, bound="point", details=details
    )
    return _said(result, why)


def _said(result: Estimate, why: str) -> Estimate:
    details = {**result.details, "why": why, "chosen": result.method}
    return dataclasses.replace(result, details=details)


def _repeats(side: Variable) -> bool:
    return any(len(np.unique(column)) < 0.9 * len(column) for column in side.values.T)


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
