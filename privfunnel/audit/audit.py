"""audit(): what a table tells about a sensitive column."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import numpy as np
from scipy.stats import false_discovery_control

from privfunnel.audit.attacks import attack_together
from privfunnel.audit.findings import (
    Attacker,
    Comparison,
    Finding,
    Findings,
    Kept,
    Provenance,
    Secret,
    Verdict,
)
from privfunnel.audit.measure import (
    column_reading,
    countable,
    findings_of,
    joint_reading,
    people_to_decide,
    read_secret,
    share_of,
)
from privfunnel.audit.report import AuditReport
from privfunnel.columns import Table
from privfunnel.counting import count
from privfunnel.entropy import entropy
from privfunnel.estimate import Estimate, Progress, Rng, normal_quantile
from privfunnel.estimators.plugin import table_mi
from privfunnel.tables import Missing, read_table
from privfunnel.variables import Codes

FEW_PEOPLE = 50


def audit(
    data: Any,
    *,
    sensitive: str,
    release: Iterable[str] | None = None,
    original: Any = None,
    confidence: float = 0.95,
    budget: float | None = None,
    missing: Missing = "refuse",
    rng: Rng = None,
    progress: Progress | None = None,
) -> AuditReport:
    """Measure what the released columns tell about the sensitive one.

    Parameters
    ----------
    data : path of a CSV or Parquet file, a dataframe, or a mapping of arrays.
    sensitive : name of the column to protect.
    release : names of the columns that would be published; all others by default.
    original : the table that `data` was made from, row by row; then the report compares them, and
        the sensitive column may be there only.
    confidence : level of the two-sided intervals.
    budget : largest leakage allowed [bit]; the report then holds a verdict.
    missing : "refuse", "drop" rows, or "level": missing values as a level of their own.
    rng : seed or generator of folds and attackers; the same seed gives the same report.
    progress : called with the share done and a few words.

    Raises
    ------
    ValueError
        If a column is not there or the same for everyone, the budget lies outside 0 to H(S), or
        the tables do not fit together.
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence!r}")
    tell = progress or (lambda share, words: None)
    tell(0.0, "reading the table")
    table = read_table(data, missing=missing)
    source = None if original is None else read_table(original, missing=missing)
    table, source = _aligned(table, source, sensitive)
    chosen = _released(table, sensitive, release)
    secret, codes, _ = read_secret(table[sensitive])
    _check_budget(budget, secret)
    seeds = np.random.default_rng(rng).spawn(4)

    columns = _columns(chosen, codes, secret, confidence, seeds[0], tell)
    attackers = attack_together(
        chosen.matrix(),
        codes,
        confidence=confidence,
        rng=seeds[1],
        progress=lambda share, words: tell(0.3 + 0.6 * share, words),
    )
    together = _together(chosen, codes, secret, attackers, columns, confidence, seeds[2])
    comparison = None
    if source is not None:
        tell(0.9, "comparing with the original")
        comparison = _compare(source, chosen, sensitive, codes, confidence, seeds[3])
    verdict = _verdict(together, columns, budget, confidence)
    tell(1.0, "done")
    return AuditReport(
        Findings(
            verdict=verdict,
            secret=secret,
            n=table.n,
            budget=budget,
            confidence=confidence,
            together=together,
            columns=columns,
            attackers=attackers,
            notes=_notes(table, chosen),
            provenance=_provenance(table, sensitive, chosen, rng, missing),
            comparison=comparison,
            n_to_decide=people_to_decide(together.leakage, budget)
            if budget is not None and verdict == "inconclusive"
            else None,
        )
    )


def _aligned(table: Table, source: Table | None, sensitive: str) -> tuple[Table, Table | None]:
    if source is None:
        return table, None
    if source.n != table.n:
        raise ValueError(f"the release has {table.n} rows, the original {source.n}: need the same")
    if sensitive not in table.names:
        table = Table({**table.columns, sensitive: source[sensitive]}, table.notes)
    return table, source


def _released(table: Table, sensitive: str, release: Iterable[str] | None) -> Table:
    _ = table[sensitive]
    names = [c for c in table.names if c != sensitive] if release is None else list(release)
    if sensitive in names:
        raise ValueError(f"the sensitive column {sensitive!r} is among the released ones")
    if not names:
        raise ValueError(f"no column is released: the table holds nothing but {sensitive!r}")
    chosen = table.select(names)
    for column in chosen:
        if column.variable.constant:
            raise ValueError(
                f"column {column.name!r} is the same for everyone and tells nothing: leave it out"
            )
    return chosen


def _check_budget(budget: float | None, secret: Secret) -> None:
    if budget is not None and not 0.0 <= budget <= secret.entropy + 1e-9:
        raise ValueError(
            f"budget is {budget:g} bits; need between 0 and {secret.entropy:.4g}: H(S), all there "
            f"is to know about {secret.name!r}"
        )


def _columns(
    chosen: Table,
    codes: Codes,
    secret: Secret,
    confidence: float,
    rng: np.random.Generator,
    tell: Progress,
) -> tuple[Finding, ...]:
    readings: list[tuple[str, Estimate, str]] = []
    for i, column in enumerate(chosen):
        tell(0.05 + 0.25 * i / len(chosen.names), f"column {column.name}")
        estimate, seen_as = column_reading(column, codes, confidence=confidence, rng=rng)
        readings.append((column.name, estimate, seen_as))
    p_values = [1.0 if e.p_value is None else e.p_value for _, e, _ in readings]
    adjusted: list[float | None] = [float(p) for p in false_discovery_control(p_values)]
    return findings_of(readings, secret, adjusted)


def _together(
    chosen: Table,
    codes: Codes,
    secret: Secret,
    attackers: tuple[Attacker, ...],
    columns: tuple[Finding, ...],
    confidence: float,
    rng: np.random.Generator,
) -> Finding:
    # The largest valid lower bound. All columns tell at least what each of them does.
    candidates = [(a.leakage, a.name) for a in attackers]
    level = 1.0 - (1.0 - confidence) / (len(attackers) + 1)
    joint = joint_reading(list(chosen), codes, confidence=level, rng=rng)
    if joint is not None:
        candidates.append((joint, "counting all columns together"))
    best, by = max(candidates, key=lambda c: c[0].value)
    if columns and columns[0].leakage.lower > best.value:
        best, by = columns[0].leakage, f"counting {columns[0].name}"
    return Finding("all together", best, share_of(best.value, secret), None, by)


def _verdict(
    together: Finding, columns: tuple[Finding, ...], budget: float | None, confidence: float
) -> Verdict:
    if budget is None:
        return "measured"
    # Any single column over the budget is enough; corrected for how many were looked at.
    z = normal_quantile(1.0 - (1.0 - confidence) / (2 * len(columns)))
    ends = [c.leakage.value - z * c.leakage.details["standard_error"] for c in columns]
    if max(together.leakage.lower, *ends) > budget:
        return "over"
    return "within" if together.leakage.upper <= budget else "inconclusive"


def _compare(
    source: Table,
    chosen: Table,
    sensitive: str,
    codes: Codes,
    confidence: float,
    rng: np.random.Generator,
) -> Comparison:
    before = source.without(sensitive) if sensitive in source.names else source
    same = before.select([c for c in chosen.names if c in before.names] or before.names)
    attackers = attack_together(same.matrix(), codes, confidence=confidence, rng=rng)
    kept = []
    for column in same:
        if column.name in chosen.names:
            first, _ = countable(column, 10)
            second, _ = countable(chosen[column.name], int(first.max()) + 1)
            estimate = table_mi(count(second, first), confidence=confidence, rng=rng).to_base(2)
            h = entropy(np.bincount(first) / len(first))
            kept.append(Kept(column.name, min(estimate.value, h), h))
    return Comparison(attackers[0].leakage, tuple(kept))


def _notes(table: Table, chosen: Table) -> tuple[str, ...]:
    notes = list(table.notes)
    if table.n < FEW_PEOPLE:
        notes.append(f"Only {table.n} people: intervals are wide and rest on rough approximations.")
    return tuple(notes)


def _provenance(table: Table, sensitive: str, chosen: Table, rng: Rng, missing: str) -> Provenance:
    packages = ("privfunnel-fsmi", "numpy", "scikit-learn")
    versions = {"python": platform.python_version(), **{p: version(p) for p in packages}}
    options = {
        "sensitive": sensitive,
        "release": list(chosen.names),
        "missing": missing,
        "seed": rng if isinstance(rng, int) else None,
    }
    return Provenance(table.digest(), versions, options)
