"""Merge tables: which values of a column should become one, and a column with them merged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np

from privfunnel.audit.grouping import Grouping, fit_grouping
from privfunnel.columns import Column
from privfunnel.counting import count_pairs
from privfunnel.funnels.mechanisms import Source
from privfunnel.funnels.merging import merge_path
from privfunnel.variables import Codes

MOST_VALUES = 30


@final
@dataclass(frozen=True)
class Merge:
    """Groups of a column's values: `target[g]` is the merged group of group g."""

    grouping: Grouping
    target: tuple[int, ...]

    @property
    def members(self) -> tuple[tuple[str, ...], ...]:
        """The labels in each merged group."""
        k = max(self.target) + 1
        pairs = list(zip(self.grouping.labels, self.target, strict=True))
        return tuple(tuple(name for name, t in pairs if t == g) for g in range(k))

    def apply(self, column: Column) -> Column:
        """The column with its values merged."""
        codes = np.array(self.target)[self.grouping.codes(column)]
        levels = tuple(" or ".join(names) for names in self.members)
        return Column(column.name, "discrete", codes.astype(np.float64), levels)

    def lines(self) -> list[str]:
        """One sentence for each group of more than one value."""
        name = self.grouping.name
        return [
            f"In {name}, {', '.join(names)} become one" for names in self.members if len(names) > 1
        ]


def find_merge(column: Column, secret: Codes, goal: float) -> Merge | None:
    """The merge that keeps most with at most `goal` [bit] about the secret; None if only one value.

    Merges by what is lost of I(S;Z) per bit of H(Z) given up (ratio-greedy), on counts.
    """
    grouping = fit_grouping(column, MOST_VALUES)
    codes = grouping.codes(column)
    n_s = int(secret.max()) + 1
    table = count_pairs(secret, codes, n_s, grouping.size)
    present = np.flatnonzero(table.sum(axis=0))
    source = Source(table[table.sum(axis=1) > 0][:, present] / len(codes))
    for mechanism in merge_path(source, "ratio_greedy"):
        if mechanism.channel.shape[1] < 2:
            return None
        if mechanism.leakage / math.log(2) <= goal:
            if mechanism.channel.shape[1] == len(present):
                return None
            target = np.zeros(grouping.size, dtype=np.int64)
            target[present] = mechanism.channel.argmax(axis=1)
            return Merge(grouping, tuple(int(t) for t in target))
    return None
