"""Person by person: who shares what with whom, who is given away, and what unseen people lose."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtri

from privfunnel.audit.counted import Rows
from privfunnel.audit.details import Group, LevelPart, People, Sureness, Surest
from privfunnel.audit.grouping import Grouping, fit_grouping
from privfunnel.audit.measure import most_groups
from privfunnel.columns import Table
from privfunnel.counting import Contingency, count
from privfunnel.entropy import FloatArray
from privfunnel.estimators.attackers import Attack
from privfunnel.variables import Codes, joint_codes

SMALL_CELL = 5
SHOWN_COLUMNS = 5
SHOWN_LEVELS = 5
SHOWN_GROUPS = 8
# Levels that tell less than this share of what the first one tells are not worth a line.
LEAST_PART = 0.02
FEWEST_SUSPECTS = 10
TAIL = (0.5, 0.9, 0.99)
SURE = (0.8, 0.9, 0.95, 0.99)


def people_of(
    chosen: Table, secret: Codes, best: Attack | None, levels: tuple[str, ...] = ()
) -> People:
    """Cells of people with the same released values; what the best attacker knows of each.

    `levels` are the names of the sensitive values that the attacker told apart.
    """
    numbers = any(c.kind == "continuous" for c in chosen)
    codes = joint_codes(
        [c.coded[0] if c.kind == "discrete" else fit_grouping(c, 10).codes(c) for c in chosen]
    )
    table = count(codes, secret)
    size, kinds = table.rows, np.bincount(table.row, minlength=len(table.rows))
    shares = table.columns / table.n
    shared = size >= 2
    by_chance = sum(float((shared * size) @ p ** size.astype(float)) for p in shares if p > 0)
    return People(
        n=table.n,
        read_as="values, numbers as ten groups" if numbers else "values",
        cells=len(size),
        k=int(size.min()),
        l=int(kinds.min()),
        alone=int((size == 1).sum()),
        small=int(size[size < SMALL_CELL].sum()),
        pure=int(size[shared & (kinds == 1)].sum()),
        pure_by_chance=by_chance,
        tail=() if best is None else _tail(best),
        sure=() if best is None else _sure(best),
        surest=None if best is None else _surest(best, levels),
    )


def _tail(best: Attack) -> tuple[tuple[float, float], ...]:
    gains = best.gains() / math.log(2)
    return tuple((share, float(np.quantile(gains, share))) for share in TAIL)


def _sure(best: Attack) -> tuple[Sureness, ...]:
    said = best.probabilities.max(axis=1)
    right = best.probabilities.argmax(axis=1) == best.codes
    found = []
    for limit in SURE:
        those = said >= limit
        if those.any():
            found.append(Sureness(limit, int(those.sum()), float(right[those].mean())))
    return tuple(found)


def _surest(best: Attack, levels: tuple[str, ...]) -> Surest | None:
    # Accuracy says nothing of a rare value: who is suspected most, and how many of them have it?
    rare = int(best.prior.argmin())
    n = max(FEWEST_SUSPECTS, len(best.codes) // 100)
    if n > len(best.codes) // 2:
        return None
    suspects = np.argsort(-best.probabilities[:, rare], kind="stable")[:n]
    share = float((best.codes[suspects] == rare).mean())
    return Surest(levels[rare], n, round(share, 2), float(best.prior[rare]))


def level_parts(
    table: Contingency, grouping: Grouping, levels: tuple[str, ...], suppress: int
) -> tuple[LevelPart, ...]:
    """The levels of a column that tell most; those of fewer people than `suppress` are left out."""
    dense = table.dense()
    p = table.columns / table.n
    found = []
    for i in np.flatnonzero(table.rows >= suppress):
        here = dense[i] / table.rows[i]
        full = here > 0
        bits = float((here[full] * np.log2(here[full] / p[full])).sum())
        lift = np.divide(here, p, out=np.zeros_like(p), where=p > 0)
        s = int(np.argmax(np.where(dense[i] >= suppress, lift, -1.0)))
        n = int(table.rows[i])
        if dense[i, s] >= suppress:
            found.append(
                LevelPart(
                    grouping.name,
                    grouping.labels[i],
                    n,
                    n / table.n * bits,
                    levels[s],
                    round(float(here[s]), 2),
                    float(p[s]),
                )
            )
    found.sort(key=lambda f: -f.part)
    return tuple(f for f in found[:SHOWN_LEVELS] if f.part >= LEAST_PART * found[0].part)


def worst_groups(
    rows: Rows,
    table: Table,
    names: tuple[str, ...],
    levels: tuple[str, ...],
    *,
    confidence: float,
    suppress: int,
) -> tuple[Group, ...]:
    """People with values of these columns in common whose secret is most nearly known.

    Ranked by the lower end of the odds against everybody's, so that few people with luck do not
    come first.
    """
    if not names:
        return ()
    most = most_groups(rows.n, rows.n_secret, len(names))
    groupings = [fit_grouping(table[name], most) for name in names]
    counted = rows.counts(groupings)
    dense, p = counted.dense(), counted.columns / counted.n
    shape = [g.size for g in groupings]
    big = np.flatnonzero(counted.rows >= suppress)
    if not len(big):
        return ()
    z = float(ndtri(1.0 - (1.0 - confidence) / (2 * dense[big].size)))
    lower = wilson_lower(dense[big].astype(float), counted.rows[big, None].astype(float), z)
    # A cell that is shown holds enough people of the level it points to.
    score = np.where(dense[big] >= suppress, np.log2(np.maximum(lower, 1e-12) / p), -np.inf)
    found = []
    for i in np.argsort(-score.max(axis=1), kind="stable")[:SHOWN_GROUPS]:
        s = int(score[i].argmax())
        if score[i, s] <= 0:
            break
        cell = np.unravel_index(int(big[i]), shape)
        where = tuple((g.name, g.labels[int(c)]) for g, c in zip(groupings, cell, strict=True))
        n = int(counted.rows[big[i]])
        share = round(float(dense[big[i], s] / n), 2)
        found.append(Group(where, n, levels[s], share, float(lower[i, s]), float(p[s])))
    return tuple(found)


def wilson_lower(successes: FloatArray, n: FloatArray, z: float) -> FloatArray:
    """Lower end of Wilson's interval of a share (Wilson 1927)."""
    share = successes / n
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.asarray((share + z**2 / (2 * n) - half) / (1 + z**2 / n))
