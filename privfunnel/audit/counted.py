"""Counts of groups of columns against the secret: the one thing that a reading needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, final

import numpy as np

from privfunnel.audit.grouping import Grouping
from privfunnel.columns import Table
from privfunnel.counting import Contingency, count_pairs, from_table
from privfunnel.variables import Codes


class Counter(Protocol):
    """Anything that can count; rows in memory or an engine that keeps them."""

    @property
    def n(self) -> int:
        """Number of people."""

    @property
    def n_secret(self) -> int:
        """Levels of the secret."""

    def counts(self, groupings: Sequence[Grouping]) -> Contingency:
        """Combinations of groups (row-major, the last column fastest) against the secret."""


@final
class Rows:
    """Counts from rows in memory; codes of a grouping are computed once."""

    def __init__(self, table: Table, secret: Codes, n_secret: int) -> None:
        self._table, self._secret, self._n_secret = table, secret, n_secret
        self._codes: dict[Grouping, Codes] = {}

    @property
    def n(self) -> int:
        """Number of people."""
        return len(self._secret)

    @property
    def n_secret(self) -> int:
        """Levels of the secret."""
        return self._n_secret

    def codes(self, grouping: Grouping) -> Codes:
        """Group (n,) of each person."""
        if grouping not in self._codes:
            self._codes[grouping] = grouping.codes(self._table[grouping.name])
        return self._codes[grouping]

    def counts(self, groupings: Sequence[Grouping]) -> Contingency:
        """Combinations of groups (row-major, the last column fastest) against the secret."""
        joint = np.zeros(self.n, dtype=np.int64)
        for grouping in groupings:
            joint = joint * grouping.size + self.codes(grouping)
        size = int(np.prod([g.size for g in groupings]))
        return from_table(count_pairs(joint, self._secret, size, self._n_secret))
