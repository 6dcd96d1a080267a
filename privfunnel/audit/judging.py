"""The same findings held against another budget, without reading the table again."""

from __future__ import annotations

import dataclasses

from privfunnel.audit.measure import people_to_decide
from privfunnel.audit.options import Options
from privfunnel.audit.report import AuditReport
from privfunnel.audit.together import verdict_of


def with_budget(report: AuditReport, budget: float | None) -> AuditReport:
    """The report that `audit(..., budget=budget)` would give for the same table and options.

    A budget decides nothing but the verdict, so a threshold can be moved without new attacks.
    A report with suggestions must be made anew: they were looked for under its budget.

    Raises
    ------
    ValueError
        If the budget lies outside 0 to H(S), or the report holds suggestions.
    """
    found = report.findings
    if found.suggestions:
        raise ValueError("this report holds suggestions made for its budget: audit again")
    bits = Options(found.secret.name, budget=budget).budget_bits(found.secret)
    verdict = verdict_of(
        found.together, found.columns, found.secret, bits, found.upper, sets=found.sets,
        hidden=found.hidden,
    )  # fmt: skip
    n_to_decide = None
    if bits is not None and verdict == "inconclusive":
        n_to_decide = people_to_decide(found.together.leakage, bits)
    return AuditReport(
        dataclasses.replace(found, budget=bits, verdict=verdict, n_to_decide=n_to_decide)
    )
