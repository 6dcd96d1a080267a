"""Counts of a table that stays in its engine: DuckDB, lazy polars, Dask or Spark, through narwhals.

Only counts leave the engine. Levels are grouped by the engine and named here; numbers are cut into
their bins by the engine. Columns with few groups share one query, their joint counts are summed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from typing import Any, final

import narwhals as nw
import numpy as np
import numpy.typing as npt

from privfunnel.audit.grouping import OTHER, Grouping
from privfunnel.columns import level_text
from privfunnel.counting import Contingency, from_table
from privfunnel.estimate import Progress
from privfunnel.tables import MISSING_LEVEL

# Cells that one query counts at most for several columns at once.
_CELLS_A_QUERY = 4000
# Different values up to which levels are sent as they are; beyond, rare ones are merged first.
MOST_KEYS = 5000
_EPOCH = datetime(1970, 1, 1)


@final
class Engine:
    """Counts groups of columns against the secret; nothing but counts is kept in memory.

    Parameters
    ----------
    frame : lazy table without missing values, or with `levels` for them.
    n : its rows.
    secret : how the sensitive column is cut.
    many : names of columns of text with more than MOST_KEYS values in the sample.
    """

    def __init__(
        self, frame: nw.LazyFrame[Any], n: int, secret: Grouping, many: frozenset[str] = frozenset()
    ) -> None:
        self._frame, self._n, self._secret, self._many = frame, n, secret, many
        self._schema: Mapping[str, Any] = frame.collect_schema()
        self._known: dict[tuple[Grouping, ...], npt.NDArray[np.int64]] = {}

    @property
    def n(self) -> int:
        """Number of people."""
        return self._n

    @property
    def n_secret(self) -> int:
        """Levels of the secret."""
        return self._secret.size

    def counts(self, groupings: Sequence[Grouping]) -> Contingency:
        """Combinations of groups (row-major, the last column fastest) against the secret."""
        key = tuple(groupings)
        if key not in self._known:
            self._known[key] = self._count(key)
        return from_table(self._known[key].reshape(-1, self.n_secret))

    def prepare(self, groupings: Sequence[Grouping], progress: Progress | None = None) -> None:
        """Count many single columns in few queries."""
        batches: list[list[Grouping]] = [[]]
        for grouping in sorted(groupings, key=lambda g: g.size):
            if _cells([*batches[-1], grouping]) * self.n_secret > _CELLS_A_QUERY and batches[-1]:
                batches.append([])
            batches[-1].append(grouping)
        for i, batch in enumerate(batches):
            if progress is not None:
                progress(i / len(batches), f"counting {', '.join(g.name for g in batch)}")
            table = self._count(tuple(batch))
            for j, grouping in enumerate(batch):
                others = tuple(k for k in range(len(batch)) if k != j)
                self._known[(grouping,)] = table.sum(axis=others)

    def _count(self, groupings: tuple[Grouping, ...]) -> npt.NDArray[np.int64]:
        sides = (*groupings, self._secret)
        names = [f"k{i}" for i in range(len(sides))]
        keys = [self._key(g).alias(name) for g, name in zip(sides, names, strict=True)]
        query = self._frame.select(*keys).group_by(*names).agg(nw.len().alias("people"))
        found = query.collect()
        codes = [_codes(g, found[name].to_list()) for g, name in zip(sides, names, strict=True)]
        table = np.zeros(tuple(g.size for g in sides), dtype=np.int64)
        np.add.at(table, tuple(codes), np.asarray(found["people"].to_list(), dtype=np.int64))
        return table

    def _key(self, grouping: Grouping) -> nw.Expr:
        column = nw.col(grouping.name)
        if grouping.edges is not None:
            dated = self._schema[grouping.name] in (nw.Date, nw.Datetime)
            over = column.cast(nw.Datetime("us")) if dated else column
            limits = [_moment(e) if dated else e for e in grouping.edges]
            steps = [(over > limit).cast(nw.Int64) for limit in limits]
            return reduce(lambda a, b: a + b, steps)
        if grouping.alone is not None:
            return (column != grouping.alone).cast(nw.Int64)
        if grouping.name in self._many:
            known = column.cast(nw.String).is_in(list(grouping.kept or ()))
            return nw.when(known).then(column.cast(nw.String)).otherwise(nw.lit(OTHER))
        return column


def _cells(groupings: Sequence[Grouping]) -> int:
    return int(np.prod([g.size for g in groupings]))


def _codes(grouping: Grouping, keys: list[Any]) -> npt.NDArray[np.int64]:
    if grouping.kept is None:
        return np.array(keys, dtype=np.int64)
    place = {name: i for i, name in enumerate(grouping.kept)}
    # A value that the sample missed is rare: it joins the rest, or the last level.
    rest = grouping.size - 1
    return np.array([place.get(_text(key), rest) for key in keys], dtype=np.int64)


def _text(key: Any) -> str:
    # As `Column.coded` names levels.
    if key is None or key != key:
        return MISSING_LEVEL
    if isinstance(key, bool | np.bool_):
        return str(bool(key))
    if isinstance(key, datetime):
        return level_text((key.replace(tzinfo=None) - _EPOCH) / timedelta(days=1))
    if isinstance(key, date):
        return level_text((key - _EPOCH.date()).days)
    if isinstance(key, str):
        return key
    return level_text(float(key))


def _moment(days: float) -> datetime:
    return datetime.fromtimestamp(0, UTC).replace(tzinfo=None) + timedelta(days=days)
