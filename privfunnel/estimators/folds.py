"""Splitting people: every reading is taken on rows that nothing was fitted to."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


def splits(
    n: int, folds: int, rng: np.random.Generator, *, validation: float = 0.2
) -> Iterator[tuple[Rows, Rows, Rows]]:
    """Row numbers (train, validation, test) of each fold; every row is tested once.

    All folds have training and validation parts of one size, so that they can be trained as one
    batch: a fold with one row more leaves one out.
    """
    if not 2 <= folds <= n // 3:
        raise ValueError(f"folds must lie between 2 and a third of the {n} rows, not {folds!r}")
    order = rng.permutation(n)
    fold = np.arange(n) % folds
    rest_size = int((fold != 0).sum())
    aside = max(1, round(validation * rest_size))
    for k in range(folds):
        rest = order[fold != k][:rest_size]
        yield np.sort(rest[aside:]), np.sort(rest[:aside]), np.sort(order[fold == k])
