"""People through a column channel: indicators in, redrawn groups out, and what they still tell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch.nn import functional

from privfunnel.columns import Table
from privfunnel.counting import count
from privfunnel.entropy import FloatArray, entropy
from privfunnel.estimate import Estimate, from_reading, normal_quantile
from privfunnel.estimators.plugin import table_mi
from privfunnel.funnels.column_channel import ColumnChannel
from privfunnel.funnels.groups import Groups
from privfunnel.variables import Codes


@final
@dataclass(frozen=True)
class KeptColumn:
    """What the release still tells about one column of people nobody saw [bit]."""

    name: str
    information: float
    entropy: float
    unchanged: float


def encode_groups(groups: tuple[Groups, ...], table: Table, *, sees: Groups | None = None) -> Codes:
    """Groups (n, d) of the columns to release; with `sees`, those of the secret come last.

    Raises
    ------
    ValueError
        If a column is missing, or holds a value that was not seen before.
    """
    if sees is not None and sees.name not in table.names:
        raise ValueError(
            f"this release was trained with use_sensitive: it needs the column {sees.name!r} of "
            "the people it releases too"
        )
    columns = [*groups, sees] if sees is not None else groups
    return np.stack([g.encode(table[g.name]) for g in columns], axis=1)


def indicators(grouped: Codes, width: int) -> torch.Tensor:
    """What a column channel sees, (n, d, width)."""
    return functional.one_hot(torch.from_numpy(grouped), width).float()


def chances_of(channel: ColumnChannel, grouped: Codes) -> FloatArray:
    """p(z_j | row) of the groups of each released column, (n, d, width)."""
    with torch.no_grad():
        logits = channel.logits(indicators(grouped, channel.width))
        chances: FloatArray = functional.softmax(logits, dim=2).numpy().astype(np.float64)
    return chances


def redraw(channel: ColumnChannel, grouped: Codes, rng: np.random.Generator) -> Codes:
    """Released groups (n, d), with noise from `rng`."""
    chances = chances_of(channel, grouped)
    steps = np.cumsum(chances, axis=2)
    steps /= steps[:, :, -1:]
    return np.asarray((rng.random(chances.shape[:2])[:, :, None] >= steps).sum(axis=2))


def as_table(groups: tuple[Groups, ...], redrawn: Codes, rng: np.random.Generator) -> Table:
    """A value of each group, in the table's own columns."""
    return Table({g.name: g.draw(redrawn[:, j], rng) for j, g in enumerate(groups)})


def kept_columns(
    groups: tuple[Groups, ...],
    before: Codes,
    after: Codes,
    confidence: float,
    rng: np.random.Generator,
) -> tuple[tuple[KeptColumn, ...], Estimate]:
    """I(X_j;Z_j) of each column, and their sum [nat]."""
    kept, total, variance = [], 0.0, 0.0
    for j, g in enumerate(groups):
        # Not the permutation correction: it takes far too much off where nearly all is kept.
        table = count(before[:, j], after[:, j])
        estimate = table_mi(table, correction="miller_madow", rng=rng).to_base(2)
        p = np.bincount(before[:, j]) / len(before)
        unchanged = float((before[:, j] == after[:, j]).mean())
        kept.append(KeptColumn(g.name, min(estimate.value, entropy(p)), entropy(p), unchanged))
        total += kept[-1].information * math.log(2)
        variance += (float(estimate.details["standard_error"]) * math.log(2)) ** 2
    half = normal_quantile(0.5 + confidence / 2) * math.sqrt(variance)
    utility = from_reading(
        total,
        method="sum of columns",
        n=len(before),
        interval=(total - half, total + half),
        standard_error=math.sqrt(variance),
        confidence=confidence,
    )
    return tuple(kept), utility
