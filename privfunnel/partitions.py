"""Comparing two ways of sorting the same things into groups within groups."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from privfunnel.counting import Codes, count, plugin_nats
from privfunnel.entropy import check_base


def hierarchical_mutual_information(first: Any, second: Any, *, base: float = 2) -> float:
    """Hierarchical mutual information of two nested partitions (Perotti et al. 2015).

    The sum over levels of I(X_l; Y_l | groups above l in both), which is how Perotti, Almeira &
    Saracco (2020) write the recursive definition; with one level each it is the information of
    two partitions. Levels that only one of them has add nothing.

    Parameters
    ----------
    first, second : (n,) or (n, levels) labels of n things, coarsest level first; a label means
        something inside the group above it only. A group that is not divided any further keeps
        one label on all levels below.
    base : unit of the result, 2 for bits.

    Raises
    ------
    ValueError
        If they are empty, have more than two axes, different lengths or missing labels.
    """
    unit = check_base(base)
    sides = [_levels(side, name) for side, name in ((first, "first"), (second, "second"))]
    if sides[0].shape[0] != sides[1].shape[0]:
        raise ValueError(
            f"first has {sides[0].shape[0]} rows, second has {sides[1].shape[0]}: both must sort "
            "the same things"
        )
    n = len(sides[0])
    groups: Codes = np.zeros(n, dtype=np.int64)
    total = 0.0
    for x, y in zip(sides[0].T, sides[1].T, strict=False):
        # I(X; Y | G) = I(X, G; Y, G) - H(G).
        inside = _pair(groups, x), _pair(groups, y)
        shared = plugin_nats(count(*inside)) - plugin_nats(count(groups, groups))
        total += max(0.0, shared)
        groups = _pair(*inside)
    return total / unit


def normalised_hierarchical_mutual_information(first: Any, second: Any) -> float:
    """The same as a share of the geometric mean of both with themselves, in [0, 1].

    Two partitions that divide nothing are equal: 1. If only one divides nothing: 0.
    """
    own = [hierarchical_mutual_information(side, side) for side in (first, second)]
    shared = hierarchical_mutual_information(first, second)
    if min(own) <= 1e-12:
        return 1.0 if max(own) <= 1e-12 else 0.0
    return min(1.0, shared / math.sqrt(own[0] * own[1]))


def _levels(side: Any, name: str) -> npt.NDArray[np.int64]:
    labels = np.asarray(side)
    if labels.ndim == 1:
        labels = labels[:, None]
    if labels.ndim != 2 or labels.size == 0:
        raise ValueError(f"{name} must have shape (n,) or (n, levels), not {labels.shape}")
    try:
        missing = bool((labels != labels).any()) or any(label is None for label in labels.flat)
        codes = [np.unique(column, return_inverse=True)[1] for column in labels.T]
    except TypeError as error:
        raise ValueError(f"{name} must hold labels of one kind: {error}") from None
    if missing:
        raise ValueError(f"{name} holds missing labels: drop those things first")
    return np.column_stack(codes)


def _pair(a: Codes, b: Codes) -> Codes:
    """One code per combination that occurs."""
    codes: Codes = np.unique(a * (int(b.max()) + 1) + b, return_inverse=True)[1]
    return codes
