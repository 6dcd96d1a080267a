"""All released columns as one: the largest valid lower bound, and the verdict on it."""

from __future__ import annotations

import dataclasses

import numpy as np

from privfunnel.audit.attacks import Crowd
from privfunnel.audit.details import Hidden, Upper
from privfunnel.audit.findings import Finding, Secret, SetFinding, Verdict
from privfunnel.audit.measure import joint_reading, share_of
from privfunnel.columns import Table
from privfunnel.estimators.attackers import FAMILIES
from privfunnel.variables import Codes

# Kinds of readings that compete for the largest: each attacker, counting all columns together,
# single columns, sets of them.
_KINDS = len(FAMILIES) + 3


def level_of_each(confidence: float) -> float:
    """The confidence of each kind of reading at which all of them hold together."""
    return 1.0 - (1.0 - confidence) / _KINDS


def all_together(
    chosen: Table,
    codes: Codes,
    secret: Secret,
    crowd: Crowd,
    column_ends: tuple[tuple[str, float], ...],
    sets: tuple[SetFinding, ...],
    *,
    confidence: float,
    rng: np.random.Generator,
) -> Finding:
    """The largest valid reading, its lower end the largest of all corrected lower ends.

    All columns tell at least what each of them, and each set of them, does. The value is never
    below that of an attacker in the run.

    Parameters
    ----------
    column_ends : lower ends of single columns, corrected for the number of columns.
    """
    level = level_of_each(confidence)
    readings = [(a.leakage, a.name) for a in crowd.attackers]
    varying = [c for c in chosen if not c.variable.constant]
    joint = None
    if varying and secret.n_levels > 1:
        joint = joint_reading(varying, codes, confidence=level, rng=rng)
    if joint is not None:
        readings.append((joint, "counting all columns together"))
    # Of the best of many only the lower end counts: it was chosen for being large.
    ends = [(e.lower, by) for e, by in readings]
    ends += [(lower, f"counting {name}") for name, lower in column_ends]
    ends += [(s.leakage.lower, f"counting {' + '.join(s.names)}") for s in sets]
    best, by = max(readings, key=lambda r: r[0].value)
    lower, lower_by = max(ends, key=lambda e: e[0])
    if lower > best.value:
        by = lower_by
    details = {**best.details, "lower_by": lower_by if lower > 0 else None}
    value = max(best.value, lower)
    best = dataclasses.replace(
        best, value=value, lower=lower, upper=max(best.upper, value), details=details
    )
    return Finding("all together", best, share_of(best.value, secret), None, by)


def verdict_of(
    together: Finding,
    columns: tuple[Finding, ...],
    secret: Secret,
    budget: float | None,
    upper: Upper | None,
    *,
    sets: tuple[SetFinding, ...] = (),
    hidden: Hidden | None = None,
) -> Verdict:
    """Over: a lower bound is. Within: no reading could be over, nor what rare values could hide."""
    if budget is None or secret.n_levels < 2:
        return "measured"
    if together.leakage.lower > budget:
        return "over"
    if upper is not None and upper.bits <= budget:
        return "within"
    highest = [together.leakage.upper, *(f.leakage.upper + f.unread for f in columns)]
    highest += [s.leakage.upper for s in sets]
    if hidden is not None:
        highest.append(hidden.bits)
    return "within" if max(highest) <= budget else "inconclusive"
