"""Readings of single columns and of the secret: grouping that no reading can exploit.

Groups are chosen from the column alone, never from the secret: merging values can only lower the
information, so every reading stays a lower bound.
"""

from __future__ import annotations

import math

import numpy as np

from privfunnel.audit.findings import Finding, Secret
from privfunnel.columns import Column, quantile_bins
from privfunnel.counting import count
from privfunnel.entropy import entropy
from privfunnel.estimate import Estimate
from privfunnel.estimators.plugin import table_mi
from privfunnel.variables import Codes

# People per cell on average below which the corrected plug-in reading is not trusted.
PER_CELL = 5
MOST_BINS = 10
# A secret with more levels than this, or rarer ones, is grouped.
SECRET_LEVELS = 20
SECRET_BINS = 4
OTHER = "(other)"


def read_secret(column: Column) -> tuple[Secret, Codes, tuple[str, ...]]:
    """The sensitive column as a Secret, codes (n,) and the names of its levels.

    Raises
    ------
    ValueError
        If everybody has the same value, or text where nobody shares a value.
    """
    codes, names = column.coded
    note = ""
    if len(names) < 2:
        raise ValueError(
            f"sensitive column {column.name!r} is the same for everyone ({names[0]!r}): "
            "there is nothing to find out"
        )
    if column.kind == "continuous":
        codes = quantile_bins(column.values, SECRET_BINS)
        if codes.max() < 1:
            codes = (column.values > column.values.min()).astype(np.int64)
        names = _ranges(column, codes)
        note = f"numbers, read as {len(names)} groups of about equal size"
    elif column.levels is not None and len(names) > len(column) / 2 and len(names) > 2:
        raise ValueError(
            f"sensitive column {column.name!r} has {len(names)} different values in "
            f"{len(column)} rows: name a column that people share"
        )
    elif len(names) > SECRET_LEVELS:
        codes, kept = top_levels(codes, SECRET_LEVELS)
        note = f"{len(names)} levels, read as the {len(kept) - 1} most frequent and the rest"
        names = tuple(OTHER if k < 0 else names[k] for k in kept)
    p = np.bincount(codes) / len(codes)
    secret = Secret(column.name, len(names), entropy(p), float(p.max()), note)
    return secret, codes, names


def top_levels(codes: Codes, k: int) -> tuple[Codes, list[int]]:
    """Codes with all but the k - 1 most frequent levels put together as the last one.

    Also which old level each new one is, -1 for the rest.
    """
    counts = np.bincount(codes)
    if len(counts) <= k:
        return codes, list(range(len(counts)))
    top = np.argsort(-counts, kind="stable")[: k - 1]
    new = np.full(len(counts), k - 1)
    new[top] = np.arange(k - 1)
    return new[codes].astype(np.int64), [*map(int, top), -1]


def countable(column: Column, n_secret: int) -> tuple[Codes, str]:
    """Codes (n,) with enough people per cell against a secret of so many levels, and in words."""
    codes, names = column.coded
    most = max(2, len(column) // (PER_CELL * n_secret))
    if column.kind == "discrete" and len(names) <= most:
        return codes, f"{len(names)} levels"
    if column.levels is not None:
        grouped, kept = top_levels(codes, most)
        return grouped, f"{len(kept) - 1} most frequent of {len(names)} levels, and the rest"
    binned = quantile_bins(column.values, min(MOST_BINS, most))
    if binned.max() < 1:
        # More than half share one value: that value against the others.
        binned = (column.values != np.median(column.values)).astype(np.int64)
    return binned, f"{int(binned.max()) + 1} quantile bins"


def column_reading(
    column: Column, secret: Codes, *, confidence: float, rng: np.random.Generator
) -> tuple[Estimate, str]:
    """Corrected plug-in reading [bit] of I(S; column) and how the column was read."""
    codes, seen_as = countable(column, int(secret.max()) + 1)
    estimate = table_mi(count(codes, secret), confidence=confidence, rng=rng)
    return estimate.to_base(2), seen_as


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


def findings_of(
    readings: list[tuple[str, Estimate, str]], secret: Secret, adjusted: list[float | None]
) -> tuple[Finding, ...]:
    """Findings ranked by leakage, the largest first."""
    found = [
        Finding(name, estimate, share_of(estimate.value, secret), p, seen_as)
        for (name, estimate, seen_as), p in zip(readings, adjusted, strict=True)
    ]
    return tuple(sorted(found, key=lambda f: (-f.leakage.value, f.name)))


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


def _ranges(column: Column, codes: Codes) -> tuple[str, ...]:
    groups = [column.values[codes == g] for g in range(int(codes.max()) + 1)]
    return tuple(f"{g.min():g} to {g.max():g}" for g in groups)
