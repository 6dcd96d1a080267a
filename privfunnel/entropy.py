"""Shannon measures of discrete tables.

A table is an array of probabilities; each axis is one variable. `joint[s, x]` is the convention of
the whole package: rows are the sensitive (or first) variable, columns the other one. All results
are in bits unless `base` says otherwise (`base=math.e` for nats).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import entr, rel_entr

FloatArray = npt.NDArray[np.float64]


def check_base(base: float) -> float:
    """The natural logarithm of the base: what nats are divided by."""
    if not (isinstance(base, int | float | np.number) and base > 1):
        raise ValueError(f"base must be a number above 1 (2 for bits), not {base!r}")
    if not math.isfinite(base):
        raise ValueError(f"base must be finite, not {base!r}")
    return math.log(base)


def check_table(p: npt.ArrayLike, *, ndim: int | None = None, name: str = "p") -> FloatArray:
    """The table as float64 that sums to exactly 1 (up to rounding).

    Raises
    ------
    ValueError
        If the table is empty, has the wrong number of axes, holds NaN, infinite or negative
        entries, or does not sum to 1 within 1e-6.
    """
    try:
        table = np.asarray(p, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be an array of numbers: {error}") from None
    if ndim is not None and table.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} axes, not shape {table.shape}")
    if table.ndim == 0 or table.size == 0:
        raise ValueError(f"{name} is empty (shape {table.shape})")
    if not np.isfinite(table).all():
        raise ValueError(f"{name} holds NaN or infinite entries")
    lowest = float(table.min())
    if lowest < -1e-12:
        raise ValueError(f"{name} holds a negative probability: {lowest}")
    table = np.maximum(table, 0.0)
    total = float(table.sum())
    if abs(total - 1.0) > 1e-6:
        raise ValueError(
            f"{name} sums to {total:.9g}, not to 1; "
            "if it holds counts, pass normalise(counts) instead"
        )
    return np.asarray(table / total)


def normalise(counts: npt.ArrayLike) -> FloatArray:
    """The table of relative frequencies of a table of counts."""
    table = np.asarray(counts, dtype=np.float64)
    if table.size == 0 or not np.isfinite(table).all() or table.min() < 0 or table.sum() <= 0:
        raise ValueError("counts must be finite, non-negative and not all zero")
    return np.asarray(table / table.sum())


def entropy(p: npt.ArrayLike, base: float = 2) -> float:
    """Shannon entropy of a table with any number of axes (joint entropy if more than one)."""
    return float(entr(check_table(p)).sum()) / check_base(base)


def conditional_entropy(joint: npt.ArrayLike, base: float = 2) -> float:
    """H(first | second) of `joint[first, second]`."""
    table = check_table(joint, ndim=2, name="joint")
    nats = entr(table).sum() - entr(table.sum(axis=0)).sum()
    return max(0.0, float(nats)) / check_base(base)


def cross_entropy(p: npt.ArrayLike, q: npt.ArrayLike, base: float = 2) -> float:
    """-sum p log q; infinite where q misses an outcome of p."""
    return entropy(p, base) + kl_divergence(p, q, base)


def kl_divergence(p: npt.ArrayLike, q: npt.ArrayLike, base: float = 2) -> float:
    """Kullback-Leibler divergence D(p || q); infinite where q misses an outcome of p."""
    first, second = _same_shape(p, q)
    return max(0.0, float(rel_entr(first, second).sum())) / check_base(base)


def jensen_shannon(
    p: npt.ArrayLike, q: npt.ArrayLike, base: float = 2, *, weight: float = 0.5
) -> float:
    """Jensen-Shannon divergence: MI between an outcome and which of p (probability `weight`), q.

    Lin (1991); with equal weights it lies between 0 and 1 bit.
    """
    if not 0 <= weight <= 1:
        raise ValueError(f"weight must lie in [0, 1], not {weight!r}")
    first, second = _same_shape(p, q)
    # As information, so that a law of weight 0 adds nothing where the other has no mass.
    which = np.array([weight * first.ravel(), (1 - weight) * second.ravel()])
    return _mi_nats(which) / check_base(base)


def mutual_information(joint: npt.ArrayLike, base: float = 2) -> float:
    """I(first; second) of `joint[first, second]`."""
    table = check_table(joint, ndim=2, name="joint")
    return _mi_nats(table) / check_base(base)


def conditional_mutual_information(joint: npt.ArrayLike, base: float = 2) -> float:
    """I(first; second | third) of `joint[first, second, third]`."""
    table = check_table(joint, ndim=3, name="joint")
    nats = (
        entr(table.sum(axis=1)).sum()
        + entr(table.sum(axis=0)).sum()
        - entr(table).sum()
        - entr(table.sum(axis=(0, 1))).sum()
    )
    return max(0.0, float(nats)) / check_base(base)


def interaction_information(joint: npt.ArrayLike, base: float = 2) -> float:
    """I(first; second | third) - I(first; second) of `joint[first, second, third]`.

    Positive for synergy (XOR: 1 bit), negative for redundancy (three copies of a coin: -1 bit);
    symmetric in the three variables (McGill 1954).
    """
    table = check_table(joint, ndim=3, name="joint")
    pair = mutual_information(table.sum(axis=2), base)
    return conditional_mutual_information(table, base) - pair


def total_correlation(joint: npt.ArrayLike, base: float = 2) -> float:
    """Sum of the entropies of the axes minus the joint entropy (Watanabe 1960)."""
    table = check_table(joint, name="joint")
    singles = sum(float(entr(margin(table, axis)).sum()) for axis in range(table.ndim))
    return max(0.0, singles - float(entr(table).sum())) / check_base(base)


def variation_of_information(joint: npt.ArrayLike, base: float = 2) -> float:
    """H(first | second) + H(second | first): a metric between partitions (Meila 2003)."""
    table = check_table(joint, ndim=2, name="joint")
    return conditional_entropy(table, base) + conditional_entropy(table.T, base)


def pointwise_mutual_information(joint: npt.ArrayLike, base: float = 2) -> FloatArray:
    """Table of log p(x, y) / (p(x) p(y)), shape of `joint`; -inf where p(x, y) = 0."""
    table = check_table(joint, ndim=2, name="joint")
    result = np.full(table.shape, -np.inf)
    row, column = np.nonzero(table)
    # Logs of the margins one by one: their product may underflow to 0.
    first, second = np.log(table.sum(axis=1)[row]), np.log(table.sum(axis=0)[column])
    result[row, column] = np.log(table[row, column]) - first - second
    return result / check_base(base)


_MEANS = {
    "arithmetic": lambda a, b: 0.5 * (a + b),
    "geometric": lambda a, b: math.sqrt(a * b),
    "min": min,
    "max": max,
    "joint": None,
}


def normalised_mutual_information(joint: npt.ArrayLike, how: str = "arithmetic") -> float:
    """I(X;Y) as a share of a mean of H(X) and H(Y), between 0 and 1.

    `how`: "arithmetic", "geometric", "min", "max" of the two entropies, or "joint" for H(X, Y).
    Two constant variables share everything there is: the result is 1 by convention; one constant
    variable gives 0.
    """
    if how not in _MEANS:
        raise ValueError(f"how must be one of {', '.join(_MEANS)}, not {how!r}")
    table = check_table(joint, ndim=2, name="joint")
    h_first = entropy(table.sum(axis=1), math.e)
    h_second = entropy(table.sum(axis=0), math.e)
    mean = _MEANS[how]
    scale = entropy(table, math.e) if mean is None else float(mean(h_first, h_second))
    if scale <= 1e-15:
        return 1.0 if max(h_first, h_second) <= 1e-15 else 0.0
    return min(1.0, _mi_nats(table) / scale)


def generalised_mutual_information(joint: npt.ArrayLike, order: int = 2, base: float = 2) -> float:
    """MI of the escort table p**order / sum p**order (Zhang 2019): finite for any alphabet.

    Zero exactly when the variables are independent, for every order >= 1; order 1 is Shannon's.
    """
    if not 1 <= order < math.inf:
        raise ValueError(f"order must be at least 1 and finite, not {order!r}")
    table = check_table(joint, ndim=2, name="joint")
    powered = (table / table.max()) ** order
    return _mi_nats(powered / powered.sum()) / check_base(base)


def margin(table: FloatArray, axis: int) -> FloatArray:
    """The marginal distribution of one axis."""
    others: Any = tuple(i for i in range(table.ndim) if i != axis)
    return np.asarray(table.sum(axis=others))


def _mi_nats(table: FloatArray) -> float:
    first = table.sum(axis=1, keepdims=True)
    # Given the first variable: the product of two small margins may underflow to 0.
    given = np.divide(table, first, out=np.zeros_like(table), where=first > 0.0)
    return max(0.0, float((first * rel_entr(given, table.sum(axis=0))).sum()))


def _same_shape(p: npt.ArrayLike, q: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    first, second = check_table(p), check_table(q, name="q")
    if first.shape != second.shape:
        raise ValueError(f"p and q must have one shape, not {first.shape} and {second.shape}")
    return first, second
