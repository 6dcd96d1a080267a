"""What the strongest attacker learns about people of each group."""

from __future__ import annotations

import numpy as np

from privfunnel.audit.details import Subgroup
from privfunnel.audit.grouping import OTHER, fit_grouping
from privfunnel.columns import Column
from privfunnel.estimators.attackers import Attack

FEWEST = 30
MOST_GROUPS = 12


def subgroups_of(
    column: Column, best: Attack, *, confidence: float, suppress: int
) -> tuple[tuple[Subgroup, ...], tuple[str, ...]]:
    """Groups of people, the most exposed first, and notes of what was left out.

    The attacker's guesses are moved to the shares within the group, q_g(s|z) ~ q(s|z) p_g(s)/p(s),
    so the reading is a lower bound of I(S;Z | group) (Barber & Agakov 2003). Intervals hold for all
    groups at once.
    """
    grouping = fit_grouping(column, MOST_GROUPS)
    codes = grouping.codes(column)
    fewest = max(FEWEST, suppress)
    sizes = np.bincount(codes, minlength=grouping.size)
    shown = [g for g in range(grouping.size) if sizes[g] >= fewest]
    level = 1.0 - (1.0 - confidence) / max(1, len(shown))
    found = []
    for g in shown:
        part = _within(best, codes == g)
        found.append(
            Subgroup(
                grouping.labels[g],
                int(sizes[g]),
                part.reading(confidence=level).to_base(2),
                part.accuracy,
                part.majority,
            )
        )
    hidden = int((sizes < fewest).sum() - (sizes == 0).sum())
    notes = []
    if hidden:
        notes.append(
            f"Groups of {column.name} with fewer than {fewest} people, not shown: {hidden}."
        )
    if OTHER in grouping.labels:
        notes.append(f"Groups of {column.name}: {grouping.words}.")
    return tuple(sorted(found, key=lambda f: -f.leakage.value)), tuple(notes)


def _within(best: Attack, inside: np.ndarray) -> Attack:
    codes = best.codes[inside]
    prior = np.bincount(codes, minlength=len(best.prior)) / len(codes)
    moved = best.probabilities[inside] * (prior / best.prior)
    total = moved.sum(axis=1, keepdims=True)
    # Nobody here has what the attacker believed in: it is left with the shares of the group.
    moved = np.where(total > 0, moved / np.where(total > 0, total, 1.0), prior)
    return Attack(best.attacker, codes, np.maximum(moved, 1e-12), prior)
