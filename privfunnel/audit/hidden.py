"""What two columns could tell side by side where few people share a combination of their values.

Attackers and counts read little there, whatever the truth. But two people who share a combination
agree on the secret more often than by chance if it tells anything: over a cell with m people,
E sum_s m_s (m_s - 1) / (m (m - 1) p_s) = sum_s p(s|z)^2 / p_s, one more than chi^2, and
I(S;Z) <= log2(1 + chi^2). People whose combination nobody shares are taken to be like the others.
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np

from privfunnel.audit.details import Hidden
from privfunnel.audit.findings import Secret
from privfunnel.audit.grouping import MOST_BINS, fit_grouping
from privfunnel.audit.measure import PER_CELL
from privfunnel.columns import Column, Table
from privfunnel.counting import Contingency, count
from privfunnel.estimate import normal_quantile
from privfunnel.variables import Codes

# Enough to see what is shared; a part of the people drawn at random beyond.
MOST_PEOPLE = 100_000
# Pairs of the most telling columns are looked at first.
MOST_PAIRS = 200
# Cells with two people or more below which their mean has no trustworthy error.
FEWEST_CELLS = 30


def hidden_pair(
    table: Table,
    names: tuple[str, ...],
    codes: Codes,
    secret: Secret,
    *,
    confidence: float,
    rng: np.random.Generator,
) -> Hidden | None:
    """The pair of columns too sparse to be counted that could tell most; None if all are dense.

    Parameters
    ----------
    names : released columns that vary, the most telling first.
    codes : (n,) levels of the secret.
    confidence : of the upper ends of all pairs together.
    """
    if len(names) < 2 or secret.n_levels < 2:
        return None
    if len(codes) > MOST_PEOPLE:
        people = rng.choice(len(codes), MOST_PEOPLE, replace=False)
        table, codes = table.take(people), codes[people]
    pairs = list(combinations(names, 2))[:MOST_PAIRS]
    z = normal_quantile(1.0 - (1.0 - confidence) / len(pairs))
    cut = {name: _codes(table[name]) for name in {n for pair in pairs for n in pair}}
    found = []
    for a, b in pairs:
        joint = cut[a] * (int(cut[b].max()) + 1) + cut[b]
        cells = np.unique(joint, return_inverse=True)[1]
        counted = count(cells, codes)
        if counted.size * PER_CELL > counted.n:
            bits, shared = could_tell(counted, z)
            found.append(Hidden((a, b), min(bits, secret.entropy), shared, counted.n))
    return max(found, key=lambda f: f.bits, default=None)


def could_tell(table: Contingency, z: float) -> tuple[float, int]:
    """Upper end [bit] of log2(1 + chi^2) read from people who share a cell, and how many do.

    Infinite where too few cells are shared.

    Parameters
    ----------
    table : cells against the secret.
    z : standard errors added.
    """
    people = table.rows.astype(float)
    shared = people >= 2
    n_shared = int(table.rows[shared].sum())
    if int(shared.sum()) < FEWEST_CELLS:
        return math.inf, n_shared
    p = table.columns / table.n
    agree = np.bincount(
        table.row,
        weights=table.cells * (table.cells - 1.0) / p[table.column],
        minlength=len(people),
    )
    ratio = agree[shared] / (people[shared] * (people[shared] - 1))
    weight = people[shared] / n_shared
    mean = float(weight @ ratio)
    error = math.sqrt(float(weight**2 @ (ratio - mean) ** 2))
    return math.log2(max(1.0, mean + z * error)), n_shared


def _codes(column: Column) -> Codes:
    if column.kind == "discrete":
        return column.coded[0].astype(np.int64)
    return fit_grouping(column, MOST_BINS).codes(column)
