"""A release beside the table it was made from, from counts of both."""

from __future__ import annotations

import numpy as np

from privfunnel.audit.attacks import attack_table
from privfunnel.audit.counted import Counter
from privfunnel.audit.details import Place
from privfunnel.audit.findings import Comparison, Kept, Secret
from privfunnel.audit.grouping import fit_grouping
from privfunnel.audit.measure import most_groups
from privfunnel.audit.place import MOST_VALUES, place_of
from privfunnel.columns import Column, Table
from privfunnel.counting import from_table
from privfunnel.entropy import entropy
from privfunnel.estimators.plugin import table_mi
from privfunnel.variables import Codes


def compare(
    before: Table,
    both: Table,
    same: dict[str, str],
    counter: Counter,
    codes: Codes,
    secret: Secret,
    *,
    confidence: float,
    rng: np.random.Generator,
) -> Comparison:
    """What the same columns told before, what each still tells of its original, and a place.

    Parameters
    ----------
    before : the original columns of the rows in memory, without the sensitive one.
    both : the rows in memory, the release and the original side by side.
    same : name of a released column -> name of its original in `both`.
    counter : counts columns of both tables.
    codes : the secret of the rows in memory.
    """
    attackers = attack_table(
        before.select(same) if same else before, codes, secret, confidence=confidence, rng=rng
    ).attackers
    kept = [_kept(both[new], both[old], counter, confidence, rng) for new, old in same.items()]
    return Comparison(attackers[0].leakage, tuple(kept), _place(both, same, counter))


def _kept(
    after: Column, before: Column, counter: Counter, confidence: float, rng: np.random.Generator
) -> Kept:
    first = fit_grouping(before, most_groups(counter.n, 10))
    second = fit_grouping(after, most_groups(counter.n, first.size))
    counts = counter.counts((second, first)).dense().sum(axis=1)
    table = counts.reshape(second.size, first.size)
    h = entropy(table.sum(axis=0) / table.sum())
    if h == 0.0 or after.variable.constant:
        return Kept(after.name, 0.0, h)
    estimate = table_mi(from_table(table), confidence=confidence, rng=rng).to_base(2)
    return Kept(after.name, min(estimate.value, h), h)


def _place(both: Table, same: dict[str, str], counter: Counter) -> Place | None:
    # Of the columns that were changed, the one that told most: one solver run is enough.
    told = {}
    for new, old in same.items():
        if both[old].variable.constant or not _changed(both[old], both[new]):
            continue
        grouping = fit_grouping(both[old], most_groups(counter.n, counter.n_secret))
        told[new] = table_mi(counter.counts((grouping,)), rng=0).value
    if not told:
        return None
    best = max(told, key=lambda name: told[name])
    cut = [fit_grouping(both[name], MOST_VALUES) for name in (same[best], best)]
    counts = counter.counts(cut).dense().reshape(cut[0].size, cut[1].size, -1)
    return place_of(best, counts)


def _changed(before: Column, after: Column) -> bool:
    if before.levels is None and after.levels is None:
        return not np.array_equal(before.values, after.values)
    (a, names_a), (b, names_b) = before.coded, after.coded
    return bool((np.array(names_a)[a] != np.array(names_b)[b]).any())
