"""How a column is cut into groups that can be counted, without looking at the secret.

Merging values can only lower the information, so every reading of groups stays a lower bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import final

import numpy as np

from privfunnel.columns import Column
from privfunnel.variables import Codes

MOST_BINS = 10
# Levels that are told apart in one column, however many people there are.
MOST_LEVELS = 5000
OTHER = "(other)"


@final
@dataclass(frozen=True)
class Grouping:
    """A column's groups, fitted once and applied to any rows of it.

    Attributes
    ----------
    name : of the column.
    words : how it was read ("7 levels", "10 quantile bins").
    labels : a name for each group; no value of a single person among those of numbers.
    kept : texts of the levels that stay apart, in the order of the groups; None for numbers.
    edges : upper edges of all bins but the last; None for levels.
    alone : a number that most people share, read as "that or another"; None otherwise.
    """

    name: str
    words: str
    labels: tuple[str, ...]
    kept: tuple[str, ...] | None = None
    edges: tuple[float, ...] | None = None
    alone: float | None = None

    @property
    def size(self) -> int:
        """Number of groups."""
        return len(self.labels)

    def codes(self, column: Column) -> Codes:
        """Group (n,) of each row."""
        if self.edges is not None:
            found = np.searchsorted(np.array(self.edges), column.values, side="left")
            return found.astype(np.int64)
        if self.alone is not None:
            return np.asarray(column.values != self.alone, dtype=np.int64)
        codes, names = column.coded
        place = {name: i for i, name in enumerate(self.kept or ())}
        targets = np.array([place.get(name, len(place)) for name in names], dtype=np.int64)
        found = targets[codes]
        return found.astype(np.int64)


def fit_grouping(column: Column, most: int) -> Grouping:
    """At most so many groups of a column: levels, the most frequent ones and the rest, or bins."""
    most = max(2, min(most, MOST_LEVELS))
    codes, names = column.coded
    if column.kind == "discrete" and len(names) <= most:
        return Grouping(column.name, _levels(len(names)), names, kept=names)
    if column.levels is not None:
        top = np.argsort(-np.bincount(codes), kind="stable")[: most - 1]
        kept = tuple(names[int(k)] for k in top)
        words = f"{len(kept)} most frequent of {len(names)} levels, and the rest"
        return Grouping(column.name, words, (*kept, OTHER), kept=kept)
    return quantile_grouping(column, min(MOST_BINS, most))


def quantile_grouping(column: Column, most: int) -> Grouping:
    """At most so many bins with about equally many people, named by their edges."""
    edges = np.unique(np.quantile(column.values, np.linspace(0, 1, most + 1)[1:-1]))
    edges = edges[edges < column.values.max()]
    if not len(edges) or not (column.values <= edges[0]).any():
        # More than half share one value: that value against the others.
        middle = float(np.median(column.values))
        labels = (f"{middle:.3g}", "another value")
        return Grouping(column.name, "2 quantile bins", labels, alone=middle)
    return Grouping(
        column.name,
        f"{len(edges) + 1} quantile bins",
        _ranges([f"{edge:.3g}" for edge in edges]),
        edges=tuple(map(float, edges)),
    )


def _ranges(edges: list[str]) -> tuple[str, ...]:
    # Three digits: edges of bins say where many people are, never what one of them has.
    if len(set(edges)) < len(edges):
        return tuple(f"group {i + 1} of {len(edges) + 1}" for i in range(len(edges) + 1))
    inner = [f"{low} to {high}" for low, high in pairwise(edges)]
    return (f"up to {edges[0]}", *inner, f"above {edges[-1]}")


def _levels(k: int) -> str:
    return f"{k} level{'s' * (k != 1)}"


def top_levels(codes: Codes, k: int) -> tuple[Codes, list[int]]:
    """Codes with all but the k - 1 most frequent levels put together as the last one.

    Also which old level each new one is, -1 for the rest.
    """
    counts = np.bincount(codes)
    if len(counts) <= k:
        return codes, list(range(len(counts)))
    top = np.argsort(-counts, kind="stable")[: k - 1]
    new = np.full(len(counts), k - 1)
    new[top] = np.arange(k - 1)
    return new[codes].astype(np.int64), [*map(int, top), -1]
