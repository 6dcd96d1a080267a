"""Suggested releases: chosen on one half of the people, audited again on the other.

The attackers are those of the audit; the half that they work on took no part in the choice.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np

from privfunnel.audit.attacks import attack_table
from privfunnel.audit.counted import Rows
from privfunnel.audit.details import Suggestion
from privfunnel.audit.findings import Finding, Secret
from privfunnel.audit.grouping import fit_grouping
from privfunnel.audit.measure import column_finding
from privfunnel.audit.merges import Merge, find_merge
from privfunnel.columns import Column, Table
from privfunnel.entropy import entropy
from privfunnel.estimate import Estimate, Progress
from privfunnel.estimators.attackers import FAMILIES, attack_all, strongest
from privfunnel.variables import Codes

FEWEST_PEOPLE = 200
# Choosing needs less certainty than auditing.
MOST_CHOOSERS = 4000
MOST_DROPPED = 5
MOST_MERGED = 3
# Without a budget the aim is this share of what leaks now.
AIM = 0.5


@final
@dataclass(frozen=True)
class _Halves:
    """One half to choose on, the other to audit: columns and codes of the secret."""

    choose: Table
    choose_codes: Codes
    judge: Table
    judge_codes: Codes
    names: tuple[str, ...]
    secret: Secret
    confidence: float


def suggest(
    table: Table,
    chosen: tuple[str, ...],
    codes: Codes,
    secret: Secret,
    *,
    budget: float | None,
    train: bool,
    confidence: float,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> tuple[tuple[Suggestion, ...], tuple[str, ...]]:
    """Up to three releases, and notes of why there are fewer.

    Parameters
    ----------
    table : rows with the released columns, and the sensitive one if `train`.
    train : whether to train a funnel too (needs torch, takes longer).
    """
    if table.n < FEWEST_PEOPLE:
        return (), (f"Suggestions need at least {FEWEST_PEOPLE} people, not {table.n}.",)
    tell: Callable[[float, str], None] = progress or (lambda share, words: None)
    halves = _halves(table, chosen, codes, secret, confidence, rng)
    tell(0.0, "before any change")
    before = _audit(halves.judge.select(chosen), halves, rng)
    if before.lower <= 0.0:
        return (), ("No change is suggested: the half kept for auditing shows no leak.",)
    aim = AIM * before.value if budget is None else budget
    ranked = _ranked(halves, rng)
    found: list[Suggestion] = []
    steps: list[Callable[[], Suggestion | None]] = [
        lambda: _drop(halves, ranked, aim, before, budget, rng),
        lambda: _merge(halves, ranked, aim, before, budget, rng),
    ]
    if train:
        steps.append(lambda: _train(halves, aim, before, budget, rng))
    for i, step in enumerate(steps):
        tell((i + 1) / (len(steps) + 1), "trying other releases")
        one = step()
        if one is not None:
            found.append(one)
    return tuple(sorted(found, key=lambda s: (s.within is False, -s.kept))), ()


def _halves(
    table: Table,
    chosen: tuple[str, ...],
    codes: Codes,
    secret: Secret,
    confidence: float,
    rng: np.random.Generator,
) -> _Halves:
    people = rng.permutation(table.n)
    judge, choose = people[: table.n // 2], people[table.n // 2 :]
    return _Halves(
        table.take(choose),
        codes[choose],
        table.take(judge),
        codes[judge],
        chosen,
        secret,
        confidence,
    )


def _ranked(halves: _Halves, rng: np.random.Generator) -> list[Finding]:
    rows = Rows(halves.choose, halves.choose_codes, halves.secret.n_levels)
    found = [
        column_finding(halves.choose[name], rows, halves.secret, confidence=0.95, rng=rng)
        for name in halves.names
    ]
    return sorted(found, key=lambda f: -f.leakage.value)


def _drop(
    halves: _Halves,
    ranked: list[Finding],
    aim: float,
    before: Estimate,
    budget: float | None,
    rng: np.random.Generator,
) -> Suggestion | None:
    order = [f.name for f in ranked]
    for k in range(1, min(MOST_DROPPED, len(order) - 1) + 1):
        rest = [name for name in halves.names if name not in order[:k]]
        if _quick(halves.choose.select(rest), halves.choose_codes, rng) <= aim:
            break
    else:
        k = min(MOST_DROPPED, len(order) - 1)
    if k < 1:
        return None
    gone = order[:k]
    rest = [name for name in halves.names if name not in gone]
    judged = halves.judge.select(rest)
    kept = _entropies(judged) / max(1e-12, _entropies(halves.judge.select(halves.names)))
    title = f"Leave out {', '.join(gone)}"
    return _suggestion("drop", title, tuple(gone), judged, kept, halves, before, budget, rng)


def _merge(
    halves: _Halves,
    ranked: list[Finding],
    aim: float,
    before: Estimate,
    budget: float | None,
    rng: np.random.Generator,
) -> Suggestion | None:
    telling = [f for f in ranked if f.leakage.lower > 0.0][:MOST_MERGED]
    merges: dict[str, Merge] = {}
    for finding in telling:
        goal = AIM * finding.leakage.value if budget is None else aim / len(telling)
        merge = find_merge(halves.choose[finding.name], halves.choose_codes, goal)
        if merge is not None:
            merges[finding.name] = merge
    if not merges:
        return None
    judged = halves.judge.select(halves.names)
    columns = {c.name: merges[c.name].apply(c) if c.name in merges else c for c in judged}
    merged = Table(columns, judged.notes)
    kept = _entropies(merged) / max(1e-12, _entropies(judged))
    title = f"Put values together in {', '.join(merges)}"
    steps = tuple(line for merge in merges.values() for line in merge.lines())
    return _suggestion("merge", title, steps, merged, kept, halves, before, budget, rng)


def _train(
    halves: _Halves,
    aim: float,
    before: Estimate,
    budget: float | None,
    rng: np.random.Generator,
) -> Suggestion | None:
    # Torch is loaded only when somebody asks for training.
    from privfunnel.funnels.tabular import TableFunnel

    seed = int(rng.integers(2**31))
    funnel = TableFunnel(aim, rng=seed).fit(
        halves.choose, sensitive=halves.secret.name, keep=halves.names
    )
    judged = funnel.transform(halves.judge.select(halves.names), rng=rng)
    kept = sum(k.information for k in funnel.kept) / max(1e-12, sum(k.entropy for k in funnel.kept))
    steps = tuple(
        f"{k.name}: {k.unchanged:.0%} of the values stay as they are" for k in funnel.kept
    )
    title = f"Train a release: privfunnel release --budget {aim:.3g}"
    return _suggestion("train", title, steps, judged, kept, halves, before, budget, rng)


def _suggestion(
    kind: str,
    title: str,
    steps: tuple[str, ...],
    judged: Table,
    kept: float,
    halves: _Halves,
    before: Estimate,
    budget: float | None,
    rng: np.random.Generator,
) -> Suggestion:
    leakage = _audit(judged, halves, rng)
    within = None if budget is None else leakage.upper <= budget
    n_chosen, n_audited = halves.choose.n, halves.judge.n
    return Suggestion(
        kind, title, steps, leakage, before, min(1.0, kept), within, n_chosen, n_audited
    )


def _audit(judged: Table, halves: _Halves, rng: np.random.Generator) -> Estimate:
    level = 1.0 - (1.0 - halves.confidence) / len(FAMILIES)
    crowd = attack_table(judged, halves.judge_codes, halves.secret, confidence=level, rng=rng)
    return crowd.attackers[0].leakage


def _quick(table: Table, codes: Codes, rng: np.random.Generator) -> float:
    # Two families, three folds, few people: enough to choose.
    varying = [c.name for c in table if not c.variable.constant]
    if not varying:
        return 0.0
    few = slice(0, MOST_CHOOSERS)
    attacks = attack_all(
        table.matrix(*varying)[few],
        np.unique(codes[few], return_inverse=True)[1].astype(np.int64),
        ("boosted trees", "logistic"),
        n_folds=3,
        rng=rng,
    )
    return strongest(attacks).value / math.log(2)


def _entropies(table: Table) -> float:
    # Numbers count in ten groups: below that they hold more digits than use.
    return sum(_entropy(column) for column in table)


def _entropy(column: Column) -> float:
    codes = column.coded[0] if column.kind == "discrete" else fit_grouping(column, 10).codes(column)
    return entropy(np.bincount(codes) / len(codes))
