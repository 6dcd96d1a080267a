"""Mutual information of numbers from distances to nearest neighbours.

The formulas are in `knn_terms`, intervals and p-values in `from_terms`; here stand the choice
between them and what is said of relations too strong for the sample.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from privfunnel.entropy import FloatArray, check_base
from privfunnel.estimate import Estimate, Progress
from privfunnel.estimators import knn_terms
from privfunnel.estimators.determined import determined
from privfunnel.estimators.from_terms import Array, estimate_from_terms, neighbours
from privfunnel.estimators.knn_terms import Terms
from privfunnel.estimators.scores import has_atoms, off_atoms, scaled, separated
from privfunnel.variables import Variable, as_variable

# A reading this close [nat] to the largest one possible at n rows says no more than "large".
_HEADROOM = 1.0
# Below this share of it a relation is not looked at more closely.
_STRONG = 0.15

KINDS: dict[int, Terms] = {1: knn_terms.ksg1, 2: knn_terms.ksg2}


def ksg_mi(
    x: Variable,
    y: Variable,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator,
    progress: Progress | None = None,
    n_permutations: int = 0,
    k: int = 3,
    kind: int = 1,
    scale: str = "normal",
) -> Estimate:
    """MI [nat] by the estimator of Kraskov, Stogbauer & Grassberger (2004), first or second kind.

    If one side is discrete and the other continuous, Ross' estimator is used instead; if columns
    are mixtures or both sides are discrete, that of Gao et al.: `details["note"]` says so.

    Parameters
    ----------
    k : neighbours; more mean less variance and more bias.
    kind : 1 or 2, the formula of eq. 8 or eq. 9.
    scale : what each column is brought to first: "normal" (normal scores, ties drawn at random),
        "standard" (unit variance) or "none". I(x; y) does not depend on it; repeated values do
        harm under the last two.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(map(str, KINDS))}, not {kind!r}")
    options: dict[str, Any] = {
        "confidence": confidence,
        "rng": rng,
        "progress": progress,
        "n_permutations": n_permutations,
        "k": k,
        "scale": scale,
    }
    kinds = {x.kind, y.kind}
    smooth = [side for side in (x, y) if side.kind != "discrete"]
    if kinds == {"discrete", "mixed"} or len(smooth) == 0 or any(map(has_atoms, smooth)):
        del options["scale"]
        note = "columns where single values stand for many rows: the estimator for mixtures"
        return _noted(mixed_mi(x, y, **options), note)
    if "discrete" in kinds:
        return _noted(ross_mi(x, y, **options), "one side is discrete: Ross' estimator")
    sides = [scaled(side.real, scale, rng) for side in (x, y)]
    name = "ksg" if kind == 1 else "ksg2"
    result = estimate_from_terms(KINDS[kind], sides, method=name, **_without_scale(options))
    return _check_strength(result, x, y)


def ross_mi(
    x: Variable,
    y: Variable,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator,
    progress: Progress | None = None,
    n_permutations: int = 0,
    k: int = 3,
    scale: str = "normal",
) -> Estimate:
    """MI [nat] of a discrete side with numbers by the estimator of Ross (2014).

    Codes that occur once tell nothing here; `details["alone"]` is their share of the rows.
    """
    if y.kind == "discrete" and x.kind != "discrete":
        x, y = y, x
    codes, values = x.codes, scaled(y.real, scale, rng)
    alone = float((np.bincount(codes) == 1).sum() / len(codes))
    return estimate_from_terms(
        knn_terms.ross,
        [codes, values],
        method="ross",
        k=k,
        confidence=confidence,
        rng=rng,
        progress=progress,
        n_permutations=n_permutations,
        codes=codes,
        alone=alone,
    )


def mixed_mi(
    x: Variable,
    y: Variable,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator,
    progress: Progress | None = None,
    n_permutations: int = 0,
    k: int = 3,
    scale: str = "atoms",
) -> Estimate:
    """MI [nat] of mixtures of masses and densities by Gao, Kannan, Oh & Viswanath (2017).

    Parameters
    ----------
    k : neighbours where rows differ; equal rows count all.
    scale : "atoms" keeps values that stand for a tenth of the rows apart from the rest and brings
        the rest to normal scores, ties drawn at random; the published algorithm, which takes every
        repeated value for an atom, is one of the other scales (see `ksg_mi`).
    """
    sides = [_columns(side, scale, rng) for side in (x, y)]
    codes = [side.codes for side in (x, y) if side.kind == "discrete"]
    result = estimate_from_terms(
        knn_terms.mixed,
        sides,
        method="mixed_ksg",
        k=k,
        confidence=confidence,
        rng=rng,
        progress=progress,
        n_permutations=n_permutations,
        codes=codes[0] if codes else None,
    )
    return result if codes else _check_strength(result, x, y)


def conditional_ksg_mi(
    x: Variable,
    y: Variable,
    z: Variable,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator,
    progress: Progress | None = None,
    k: int = 3,
    scale: str = "atoms",
) -> Estimate:
    """I(x; y | z) [nat]: within each level of a discrete z, else Frenzel & Pompe (2007)."""
    a, b = (_columns(side, scale, rng) for side in (x, y))
    options: dict[str, Any] = {"confidence": confidence, "rng": rng, "progress": progress, "k": k}
    if z.kind == "discrete":
        return estimate_from_terms(_within_levels, [a, b, z.codes], method="ksg", **options)
    sides = [a, b, _columns(z, scale, rng)]
    return estimate_from_terms(knn_terms.conditional, sides, method="ksg", **options)


def differential_entropy(x: Any, *, k: int = 3, base: float = 2) -> float:
    """Differential entropy of a sample (n,) or (n, d) [bit], by Kozachenko & Leonenko (1987).

    Minus infinity where k or more rows are equal to another one: the law then has no density.
    """
    points = as_variable(x).real
    if len(points) < 2:
        raise ValueError("differential entropy needs at least 2 rows, not 1")
    terms = knn_terms.entropy_terms(np.ascontiguousarray(points), neighbours(k, len(points)))
    return float(terms.mean()) / check_base(base)


def _columns(side: Variable, scale: str, rng: np.random.Generator) -> FloatArray:
    return separated(side, rng) if scale == "atoms" else scaled(side.matrix, scale, rng)


def _within_levels(x: FloatArray, y: FloatArray, codes: Array, k: int) -> FloatArray:
    # Terms among the rows of equal code; a row alone in its level tells nothing.
    terms = np.zeros(len(codes))
    for level in np.unique(codes):
        rows = np.flatnonzero(codes == level)
        if len(rows) > 1:
            terms[rows] = knn_terms.mixed(x[rows], y[rows], min(k, len(rows) - 1))
    return terms


def _check_strength(result: Estimate, x: Variable, y: Variable) -> Estimate:
    # Name relations that are exact as far as n rows can tell, and readings at their ceiling.
    raw, largest = result.details["raw"], result.details["largest"]
    free = off_atoms(x) & off_atoms(y)
    share = float(free.mean())
    strong = share > 0 and raw > _STRONG * share * largest
    if strong and determined(x.values[free], y.values[free]):
        note = (
            "infinite: each side follows the other more closely than neighbouring rows differ; "
            f"`lower` is what {result.n} rows can show"
        )
        details = {**result.details, "infinite": True, "note": note}
        return dataclasses.replace(result, value=math.inf, upper=math.inf, details=details)
    if share == 1 and raw > largest - _HEADROOM and result.n > 50:
        note = f"close to the largest value that {result.n} rows can show: no upper end"
        details = {**result.details, "note": note}
        return dataclasses.replace(result, upper=math.inf, details=details)
    return result


def _noted(result: Estimate, note: str) -> Estimate:
    notes = [note, result.details["note"]] if "note" in result.details else [note]
    return dataclasses.replace(result, details={**result.details, "note": "; ".join(notes)})


def _without_scale(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name != "scale"}
