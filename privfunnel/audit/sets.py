"""The best sets of columns: what a few of them tell side by side.

All pairs (of the most telling columns, if there are many), then greedy: the best set grows by the
column that adds most. Chosen by a quick reading, reported by the corrected one; interval and
p-value are corrected for every set that was looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import final

import numpy as np

from privfunnel.audit.counted import Counter
from privfunnel.audit.findings import Finding, Secret, SetFinding
from privfunnel.audit.grouping import Grouping, fit_grouping
from privfunnel.audit.measure import channel_of, most_groups, quick_bits, share_of
from privfunnel.columns import Table
from privfunnel.estimate import Progress
from privfunnel.estimators.plugin import table_mi

MOST_PAIRS = 200


def best_sets(
    table: Table,
    counter: Counter,
    scout: Counter,
    columns: tuple[Finding, ...],
    secret: Secret,
    *,
    size: int,
    confidence: float,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> tuple[SetFinding, ...]:
    """The best set of each size from 2 up to `size`, and the pair with the largest interaction.

    Parameters
    ----------
    counter : counts what is reported.
    scout : counts what is only looked at; the same, or a sample of it.
    columns : findings of single columns, the most telling first.
    """
    names = [f.name for f in columns if not table[f.name].variable.constant]
    if size < 2 or len(names) < 2:
        return ()
    search = _Search(table, counter, scout, columns, secret, confidence, rng)
    pairs = _pairs(names)
    readings = search.look(pairs, progress)
    best = best_pair = max(pairs, key=lambda pair: readings[pair])
    chosen = [best]
    together = {p: readings[p] - search.alone(p[0], 2) - search.alone(p[1], 2) for p in pairs}
    odd = max(pairs, key=lambda p: together[p])
    if odd != best and together[odd] > 0.0:
        chosen.append(odd)
    for _ in range(3, min(size, len(names)) + 1):
        wider = [(*best, name) for name in names if name not in best]
        readings = search.look(wider, progress)
        best = max(wider, key=lambda names: readings[names])
        chosen.append(best)
    found = [search.read(names) for names in chosen]
    # The quick reading chose the odd pair; the corrected one may take its interaction back.
    found = [f for f in found if f.names != odd or odd == best_pair or f.interaction > 0.0]
    return tuple(sorted(found, key=lambda f: (len(f.names), -f.leakage.value)))


def _pairs(names: list[str]) -> list[tuple[str, ...]]:
    # The most telling columns come first; beyond MOST_PAIRS only they meet each other.
    k = len(names)
    while k > 2 and k * (k - 1) // 2 > MOST_PAIRS:
        k -= 1
    return list(combinations(names[:k], 2))


@final
class _Search:
    def __init__(
        self,
        table: Table,
        counter: Counter,
        scout: Counter,
        columns: tuple[Finding, ...],
        secret: Secret,
        confidence: float,
        rng: np.random.Generator,
    ) -> None:
        self._table, self._counter, self._scout = table, counter, scout
        self._secret, self._confidence, self._rng = secret, confidence, rng
        self._groupings: dict[tuple[str, int], Grouping] = {}
        self._alone: dict[tuple[str, int], float] = {}
        self._single = {f.name: f.leakage.value for f in columns}
        self._found: dict[tuple[str, ...], float] = {}
        self.looked_at = 0

    def grouping(self, name: str, among: int) -> Grouping:
        """A column cut coarsely enough to be counted beside so many others less one."""
        key = (name, among)
        if key not in self._groupings:
            most = most_groups(self._scout.n, self._scout.n_secret, among)
            self._groupings[key] = fit_grouping(self._table[name], most)
        return self._groupings[key]

    def alone(self, name: str, among: int) -> float:
        """Quick reading of one column, cut as in sets of that size."""
        key = (name, among)
        if key not in self._alone:
            self._alone[key] = quick_bits(self._scout.counts((self.grouping(name, among),)))
        return self._alone[key]

    def look(
        self, sets: list[tuple[str, ...]], progress: Progress | None
    ) -> dict[tuple[str, ...], float]:
        """Quick readings of some sets."""
        tell: Callable[[float, str], None] = progress or (lambda share, words: None)
        self.looked_at += len(sets)
        found = {}
        for i, names in enumerate(sets):
            tell(i / len(sets), f"columns {' + '.join(names)}")
            found[names] = quick_bits(self._scout.counts(self._cut(names)))
        return found

    def read(self, names: tuple[str, ...]) -> SetFinding:
        """The corrected reading of one set, corrected for the choice too."""
        cut = self._cut(names)
        table = self._counter.counts(cut)
        level = 1.0 - (1.0 - self._confidence) / self.looked_at
        leakage = table_mi(table, confidence=level, rng=self._rng).to_base(2)
        # The parts are margins of the same table: cut alike, and not counted again.
        joint = table.dense().reshape(*(g.size for g in cut), -1)
        axes = range(len(cut))
        margins = [joint.sum(axis=tuple(k for k in axes if k != i)) for i in axes]
        parts = [float(table_mi(m, rng=self._rng).to_base(2).details["raw"]) for m in margins]
        smaller = [v for s, v in self._found.items() if set(s) < set(names)]
        gain = leakage.value - max([*smaller, *(self._single[n] for n in names)])
        self._found[names] = leakage.value
        p = 1.0 if leakage.p_value is None else min(1.0, leakage.p_value * self.looked_at)
        return SetFinding(
            names,
            leakage,
            share_of(leakage.value, self._secret),
            p,
            leakage.value - sum(parts),
            gain,
            self.looked_at,
            channel_of(table),
        )

    def _cut(self, names: tuple[str, ...]) -> tuple[Grouping, ...]:
        return tuple(self.grouping(name, len(names)) for name in names)
