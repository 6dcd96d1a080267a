"""Readings of the secret, of single columns and of all of them counted together."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import entr

from privfunnel.audit.counted import Counter
from privfunnel.audit.findings import Channel, Finding, Secret
from privfunnel.audit.grouping import (
    OTHER,
    Grouping,
    fit_grouping,
    quantile_grouping,
    top_levels,
)
from privfunnel.columns import Column
from privfunnel.counting import Contingency, count
from privfunnel.entropy import entropy
from privfunnel.estimate import Estimate
from privfunnel.estimators.plugin import table_mi
from privfunnel.leakage import bayes_vulnerability, max_leakage, min_entropy_leakage
from privfunnel.variables import Codes

# People per cell on average below which the corrected plug-in reading is not trusted.
PER_CELL = 5
# A secret with more levels than this, or rarer ones, is grouped.
SECRET_LEVELS = 20
SECRET_BINS = 4


def secret_grouping(column: Column) -> tuple[Grouping, str]:
    """How the sensitive column is read, and a note if its values were grouped.

    Raises
    ------
    ValueError
        If it holds text and nobody shares a value.
    """
    codes, names = column.coded
    if column.kind == "continuous" and len(names) > 1:
        grouping = quantile_grouping(column, SECRET_BINS)
        return grouping, f"numbers, read as {grouping.size} groups of about equal size"
    if column.levels is not None and len(names) > len(column) / 2 and len(names) > 2:
        raise ValueError(
            f"sensitive column {column.name!r} has {len(names)} different values in "
            f"{len(column)} rows: name a column that people share"
        )
    if len(names) <= SECRET_LEVELS:
        return Grouping(column.name, "", names, kept=names), ""
    kept = tuple(names[k] for k in top_levels(codes, SECRET_LEVELS)[1] if k >= 0)
    note = f"{len(names)} levels, read as the {len(kept)} most frequent and the rest"
    return Grouping(column.name, "", (*kept, OTHER), kept=kept), note


def read_secret(column: Column) -> tuple[Secret, Codes, tuple[str, ...]]:
    """The sensitive column as a Secret, codes (n,) and the names of its levels."""
    grouping, note = secret_grouping(column)
    codes = grouping.codes(column)
    return describe_secret(grouping, note, np.bincount(codes)), codes, grouping.labels


def describe_secret(grouping: Grouping, note: str, people: np.ndarray) -> Secret:
    """A Secret from how many people have each of its levels."""
    p = people / people.sum()
    return Secret(grouping.name, grouping.size, entropy(p), float(p.max()), note)


def most_groups(n: int, n_secret: int, among: int = 1) -> int:
    """Groups that each of so many columns may have for PER_CELL people in each joint cell."""
    return max(2, int((n / (PER_CELL * n_secret)) ** (1.0 / among) + 1e-9))


def countable(column: Column, n_secret: int) -> tuple[Codes, str]:
    """Codes (n,) with enough people per cell against a secret of so many levels, and in words."""
    grouping = fit_grouping(column, most_groups(len(column), n_secret))
    return grouping.codes(column), grouping.words


def column_finding(
    column: Column,
    counter: Counter,
    secret: Secret,
    *,
    confidence: float,
    rng: np.random.Generator,
) -> Finding:
    """What one column tells by itself; its p-value is not adjusted yet."""
    if column.variable.constant:
        return Finding(column.name, nothing(counter.n), 0.0, None, "the same for everyone")
    grouping = fit_grouping(column, most_groups(counter.n, counter.n_secret))
    table = counter.counts((grouping,))
    leakage = table_mi(table, confidence=confidence, rng=rng).to_base(2)
    share = share_of(leakage.value, secret)
    unread = unread_bits(column, grouping, table)
    return Finding(column.name, leakage, share, None, grouping.words, channel_of(table), unread)


def unread_bits(column: Column, grouping: Grouping, table: Contingency) -> float:
    """How much [bit] the levels put together could tell that their group does not.

    I(S; level) = I(S; group) + P(rest) I(S; level | rest), and the last is at most H(S | rest).
    """
    if grouping.kept is None or grouping.size == len(grouping.kept):
        return 0.0
    rest = table.dense()[-1]
    hidden = len(column.coded[1]) - len(grouping.kept)
    within = min(entropy(rest / rest.sum()), math.log2(hidden)) if rest.sum() else 0.0
    return float(rest.sum() / table.n) * within


def channel_of(table: Contingency) -> Channel:
    """What one guess gains in a table of counts (groups, secret)."""
    joint = (table.dense() / table.n).T
    return Channel(
        bayes_vulnerability(joint),
        min_entropy_leakage(joint),
        max_leakage(joint),
        table.size,
        table.n / table.size,
    )


def joint_reading(
    columns: list[Column], secret: Codes, *, confidence: float, rng: np.random.Generator
) -> Estimate | None:
    """Corrected plug-in reading [bit] of all columns as one; None with too many cells."""
    n_secret = int(secret.max()) + 1
    codes = np.zeros(len(secret), dtype=np.int64)
    for column in columns:
        part, _ = countable(column, n_secret)
        codes = np.unique(codes * (int(part.max()) + 1) + part, return_inverse=True)[1]
        if (int(codes.max()) + 1) * n_secret * PER_CELL > len(secret):
            return None
    return table_mi(count(codes, secret), confidence=confidence, rng=rng).to_base(2)


def nothing(n: int) -> Estimate:
    """The reading of what cannot tell anything: exactly 0."""
    return Estimate(
        0.0, 0.0, 0.0, "point", None, "exact", n, 2, {"raw": 0.0, "standard_error": 0.0}
    )


def quick_bits(table: Contingency) -> float:
    """Plug-in reading [bit] less its first-order bias: enough to choose what to read well."""
    dense = table.dense() / table.n
    nats = entr(dense.sum(axis=0)).sum() + entr(dense.sum(axis=1)).sum() - entr(dense).sum()
    rows, columns = table.shape
    bias = (len(table.cells) - rows - columns + 1) / (2 * table.n)
    return float(nats - bias) / math.log(2)


def share_of(bits: float, secret: Secret) -> float:
    """Bits as a share of H(S)."""
    return bits / secret.entropy if secret.entropy > 0 else 0.0


def people_to_decide(estimate: Estimate, budget: float) -> int | None:
    """How many people would bring one end of the interval past the budget; None if no number."""
    gap = abs(estimate.value - budget)
    half = max(estimate.upper - estimate.value, estimate.value - estimate.lower)
    if gap <= 1e-9 or half <= 0:
        return None
    return math.ceil(1.2 * estimate.n * max(1.0, half / gap) ** 2)
