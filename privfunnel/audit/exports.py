"""Findings for other programs: the ranking as CSV, the verdict as JUnit XML."""

from __future__ import annotations

import csv
import io
from xml.etree import ElementTree

from privfunnel.audit import words
from privfunnel.audit.findings import Findings
from privfunnel.estimate import Estimate

HEADER = ("rank", "kind", "name", "bits", "lower", "upper", "share", "adjusted_p", "read_as")
# What a spreadsheet takes for the start of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_text(found: Findings) -> str:
    """One line for all columns together, each column by rank, each set."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADER)
    whole = found.together
    writer.writerow(
        _line(0, "all", "all together", whole.leakage, whole.share, None, whole.seen_as)
    )
    for i, f in enumerate(found.columns, 1):
        writer.writerow(_line(i, "column", f.name, f.leakage, f.share, f.adjusted_p, f.seen_as))
    for i, s in enumerate(found.sets, 1):
        name = " + ".join(s.names)
        writer.writerow(_line(i, "set", name, s.leakage, s.share, s.adjusted_p, ""))
    return file.getvalue()


def _line(
    rank: int, kind: str, name: str, leakage: Estimate, share: float, p: float | None, seen: str
) -> tuple[str, ...]:
    numbers = (leakage.value, leakage.lower, leakage.upper, share)
    return (
        str(rank),
        kind,
        _safe(name),
        *(f"{x:.6f}" for x in numbers),
        "" if p is None else f"{p:.3g}",
        _safe(seen),
    )


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def junit_text(found: Findings, headline: str) -> str:
    """One test case for the budget; without a budget it passes."""
    suite = ElementTree.Element(
        "testsuite",
        name="privfunnel audit",
        tests="1",
        failures=str(int(found.verdict == "over")),
        errors="0",
        skipped=str(int(found.verdict == "inconclusive")),
    )
    case = ElementTree.SubElement(
        suite, "testcase", classname="privfunnel.audit", name=_xml(found.secret.name)
    )
    text = _xml(" ".join(words.summary(found)))
    if found.verdict == "over":
        ElementTree.SubElement(case, "failure", message=_xml(headline)).text = text
    elif found.verdict == "inconclusive":
        ElementTree.SubElement(case, "skipped", message=_xml(headline))
    ElementTree.SubElement(case, "system-out").text = text
    ElementTree.indent(suite)
    body = ElementTree.tostring(suite, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _xml(text: str) -> str:
    # XML 1.0 has no control characters, not even escaped.
    return "".join(c if c in "\t\n" or ord(c) >= 32 else " " for c in text)
