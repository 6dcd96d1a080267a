"""Columns as few groups of values: what a table release keeps, swaps and draws from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np

from privfunnel.columns import Column, ColumnKind, quantile_bins
from privfunnel.entropy import FloatArray
from privfunnel.variables import Codes

MOST_GROUPS = 24
# Columns of one release: more take too long to train on, and too many people to tell apart.
MOST_COLUMNS = 200
# People per group below which numbers are cut into fewer bins and rare names put together.
PEOPLE_PER_GROUP = 12
# A bin of numbers is redrawn between these quantiles of its own values: no single person's
# extreme value comes back.
_INNER = (0.05, 0.25, 0.5, 0.75, 0.95)


@final
@dataclass(frozen=True)
class Groups:
    """How one column is cut into groups, and what is drawn for each of them.

    Attributes
    ----------
    name, kind, levels : of the column; levels None for numbers.
    members : for each value or bin edge, the group: (n_levels,) for names and few numbers.
    values : the values that `members` speaks of (positions of names, or numbers); for binned
        numbers the upper edges of all bins but the last.
    weights : share of each value within its group; empty for bins.
    knots : (n_groups, 5) quantiles of each bin; empty for names and few numbers.
    decimals : to round drawn numbers to.
    """

    name: str
    kind: ColumnKind
    levels: tuple[str, ...] | None
    values: FloatArray
    members: Codes
    weights: FloatArray
    knots: FloatArray
    decimals: int

    @classmethod
    def fit(cls, column: Column) -> Self:
        """Cut a column by its values alone, never by the secret."""
        most = int(np.clip(len(column) // PEOPLE_PER_GROUP, 2, MOST_GROUPS))
        values, counts = np.unique(column.values, return_counts=True)
        if column.levels is None and len(values) > most:
            return cls._binned(column, most)
        members = np.arange(len(values))
        if len(values) > most:
            rank = np.argsort(np.argsort(-counts, kind="stable"), kind="stable")
            members = np.minimum(rank, most - 1)
        share = counts / np.bincount(members, weights=counts)[members]
        empty = np.empty((0, len(_INNER)))
        return cls(
            column.name,
            column.kind,
            column.levels,
            values,
            members.astype(np.int64),
            share,
            empty,
            _decimals(values),
        )

    @classmethod
    def _binned(cls, column: Column, most: int) -> Self:
        bins = quantile_bins(column.values, most)
        groups = [column.values[bins == b] for b in range(int(bins.max()) + 1)]
        edges = np.array([g.max() for g in groups[:-1]])
        knots = np.array([np.quantile(g, _INNER) for g in groups])
        return cls(
            column.name,
            column.kind,
            None,
            edges,
            np.arange(len(groups)),
            np.empty(0),
            knots,
            _decimals(column.values),
        )

    @property
    def n(self) -> int:
        """Number of groups."""
        return int(self.members.max()) + 1

    def encode(self, column: Column) -> Codes:
        """Group of each value, (n,); numbers beyond the known range join the last group.

        Raises
        ------
        ValueError
            If a name, or a number of a column of few numbers, was not seen before.
        """
        if len(self.knots):
            return np.searchsorted(self.values, column.values, side="left").astype(np.int64)
        if self.levels is not None:
            known = {name: i for i, name in enumerate(self.levels)}
            texts = column.levels or ()
            positions = np.array([known.get(text, -1) for text in texts], dtype=np.float64)
            values = positions[column.values.astype(np.int64)]
        else:
            values = column.values
        place = np.minimum(np.searchsorted(self.values, values), len(self.values) - 1)
        unknown = self.values[place] != values
        if unknown.any():
            first = column.decode(column.values[unknown][:1])[0]
            raise ValueError(f"column {self.name!r} holds {first!r}, which the funnel never saw")
        return self.members[place]

    def draw(self, groups: Codes, rng: np.random.Generator) -> Column:
        """A column with a value of each group, drawn without looking at anything else."""
        result = np.empty(len(groups))
        for group in range(self.n):
            rows = np.flatnonzero(groups == group)
            if len(self.knots):
                drawn = np.interp(rng.random(len(rows)), np.linspace(0, 1, 5), self.knots[group])
                result[rows] = np.round(drawn, self.decimals)
            else:
                of = self.members == group
                result[rows] = rng.choice(self.values[of], len(rows), p=self.weights[of])
        return Column(self.name, self.kind, result, self.levels)

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for a model file."""
        return {
            "name": self.name,
            "kind": self.kind,
            "levels": self.levels,
            "values": self.values.tolist(),
            "members": self.members.tolist(),
            "weights": self.weights.tolist(),
            "knots": self.knots.tolist(),
            "decimals": self.decimals,
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """The groups that `to_dict` wrote."""
        levels = content["levels"]
        return cls(
            content["name"],
            content["kind"],
            None if levels is None else tuple(levels),
            np.asarray(content["values"], dtype=np.float64),
            np.asarray(content["members"], dtype=np.int64),
            np.asarray(content["weights"], dtype=np.float64),
            np.asarray(content["knots"], dtype=np.float64).reshape(-1, len(_INNER)),
            content["decimals"],
        )


def check_width(names: Iterable[str], sensitive: str) -> None:
    """ValueError if there are more columns than a table release is trained on."""
    n = sum(name != sensitive for name in names)
    if n > MOST_COLUMNS:
        raise ValueError(
            f"{n:,} columns are more than a table release is trained on ({MOST_COLUMNS}): name "
            "those to release with keep (on the command line --keep), or release numbers by "
            "NeuralFunnel, which takes any number of columns"
        )


def _decimals(values: FloatArray) -> int:
    for decimals in range(6):
        if np.allclose(values, np.round(values, decimals), rtol=0.0, atol=1e-9):
            return decimals
    return 6
