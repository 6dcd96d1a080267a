"""Dropping columns: the release that everybody thinks of first, for comparison."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from privfunnel.columns import Table
from privfunnel.entropy import entropy
from privfunnel.estimate import Progress, Rng
from privfunnel.estimators.attackers import FAMILIES
from privfunnel.funnels.fresh import fresh_leakage, secret_codes
from privfunnel.funnels.groups import Groups

MOST_POINTS = 8


@dataclass(frozen=True)
class Dropped:
    """A table less some columns: what it leaks and keeps [bit]."""

    name: str
    columns: tuple[str, ...]
    leakage: float
    utility: float


def drop_columns(
    table: Table, sensitive: str, *, rng: Rng = None, progress: Progress | None = None
) -> tuple[Dropped, ...]:
    """The table with no column dropped, the most telling one, the two most telling ones, ...

    Leakage is the worst attacker's reading; utility the entropy of the columns left, in the groups
    that a `TableFunnel` would keep.
    """
    generator = np.random.default_rng(rng)
    secret = table[sensitive]
    codes = secret_codes(secret.values, secret.kind == "discrete")
    left = table.without(sensitive)
    kept = {c.name: entropy(_shares(c.name, left)) for c in left}
    alone = {c.name: _leak(left.select([c.name]), codes, generator) for c in left}
    order = sorted(alone, key=lambda name: -alone[name])
    found: list[Dropped] = []
    steps = min(len(order), MOST_POINTS)
    for k in range(steps):
        if progress is not None:
            progress(k / steps, f"dropping {k} columns")
        rest = left.select([c for c in left.names if c not in order[:k]])
        name = "all columns" if k == 0 else f"without {', '.join(order[:k])}"
        utility = sum(kept[c] for c in rest.names)
        found.append(Dropped(name, rest.names, _leak(rest, codes, generator), utility))
    return tuple(found)


def _leak(table: Table, codes: np.ndarray, rng: np.random.Generator) -> float:
    # Classifiers only: a critic for each of a dozen tables would take minutes.
    found = fresh_leakage(
        table.matrix(), codes, confidence=0.95, rng=rng, attackers=tuple(FAMILIES)
    )
    return found.value / math.log(2)


def _shares(name: str, table: Table) -> np.ndarray:
    codes = Groups.fit(table[name]).encode(table[name])
    return np.asarray(np.bincount(codes) / len(codes))
