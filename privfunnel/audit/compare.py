"""A release beside the table it was made from."""

from __future__ import annotations

import numpy as np

from privfunnel.audit.attacks import attack_table
from privfunnel.audit.details import Place
from privfunnel.audit.findings import Comparison, Kept, Secret
from privfunnel.audit.measure import countable
from privfunnel.audit.place import place_of
from privfunnel.columns import Column, Table
from privfunnel.counting import count
from privfunnel.entropy import entropy
from privfunnel.estimators.plugin import table_mi
from privfunnel.variables import Codes


def compare(
    source: Table,
    chosen: Table,
    codes: Codes,
    secret: Secret,
    *,
    confidence: float,
    rng: np.random.Generator,
) -> Comparison:
    """What the same columns told before, what each still tells of its original, and a place."""
    before = source.without(secret.name) if secret.name in source.names else source
    same = [c.name for c in chosen if c.name in before.names]
    attackers = attack_table(
        before.select(same or before.names), codes, secret, confidence=confidence, rng=rng
    ).attackers
    kept = [_kept(before[name], chosen[name], confidence, rng) for name in same]
    return Comparison(attackers[0].leakage, tuple(kept), _place(before, chosen, same, codes))


def _kept(before: Column, after: Column, confidence: float, rng: np.random.Generator) -> Kept:
    first, _ = countable(before, 10)
    h = entropy(np.bincount(first) / len(first))
    if h == 0.0 or after.variable.constant:
        return Kept(before.name, 0.0, h)
    second, _ = countable(after, int(first.max()) + 1)
    estimate = table_mi(count(second, first), confidence=confidence, rng=rng).to_base(2)
    return Kept(before.name, min(estimate.value, h), h)


def _place(before: Table, chosen: Table, same: list[str], codes: Codes) -> Place | None:
    # Of the columns that were changed, the one that told most: one solver run is enough.
    changed = [n for n in same if not np.array_equal(before[n].values, chosen[n].values)]
    told = {
        n: table_mi(count(countable(before[n], 2)[0], codes), rng=0).value
        for n in changed
        if not before[n].variable.constant
    }
    if not told:
        return None
    best = max(told, key=lambda n: told[n])
    return place_of(before[best], chosen[best], codes)
