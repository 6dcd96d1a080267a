"""AuditReport: findings as JSON, Markdown, CSV, JUnit XML and one self-contained HTML page."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, final

from privfunnel.audit import words
from privfunnel.audit.exports import csv_text, junit_text
from privfunnel.audit.findings import EXIT_CODES, Findings, plain
from privfunnel.audit.markdown import markdown_text
from privfunnel.audit.sections import sections
from privfunnel.files import write_text

# Of the JSON; the schema of that version is `templates/audit.schema.json`.
SCHEMA_VERSION = "2"


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) that `AuditReport.to_dict()` keeps to."""
    text = files("privfunnel.audit").joinpath("templates/audit.schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


@final
@dataclass(frozen=True)
class AuditReport:
    """What an audit found, and its output formats. No format holds a row of the table."""

    findings: Findings

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against the release: within the budget, or no budget given."""
        return self.exit_code == 0

    @property
    def exit_code(self) -> int:
        """0 within the budget or without one, 1 over it, 3 undecided."""
        return EXIT_CODES[self.findings.verdict]

    @property
    def headline(self) -> str:
        """The verdict in one sentence."""
        return words.headline(self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Plain types: what `to_json` writes."""
        found = self.findings
        return {
            "schema": SCHEMA_VERSION,
            "headline": self.headline,
            "summary": words.summary(found),
            "exit_code": self.exit_code,
            "unit": "bit",
            **plain(found),
            "not_tested": list(words.NOT_TESTED),
        }

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """The report as JSON text, written to `path` if one is given."""
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        return _written(text, path)

    def to_markdown(self, path: str | os.PathLike[str] | None = None) -> str:
        """The report as Markdown, written to `path` if one is given."""
        return _written(markdown_text(self.findings, self.headline), path)

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """The ranking as CSV: one line for all columns together, each column, each set.

        Names that a spreadsheet would take for a formula get an apostrophe before them.
        """
        return _written(csv_text(self.findings), path)

    def to_junit(self, path: str | os.PathLike[str] | None = None) -> str:
        """The verdict as JUnit XML for build servers: failed when over, skipped when undecided."""
        return _written(junit_text(self.findings, self.headline), path)

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """The report as one HTML page without any link to the network, written to `path`."""
        return _written(_html(self), path)

    def __repr__(self) -> str:
        leak = self.findings.together.leakage
        return f"AuditReport({self.findings.verdict}: {words.bits(leak.value)}, {self.headline!r})"


def _written(text: str, path: str | os.PathLike[str] | None) -> str:
    if path is not None:
        write_text(path, text)
    return text


def _html(report: AuditReport) -> str:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise ImportError("reports need jinja2: pip install 'privfunnel-fsmi[audit]'") from None
    environment = Environment(
        loader=PackageLoader("privfunnel.audit"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "bits": words.bits,
        "percent": words.percent,
        "interval": words.interval,
        "p_value": words.p_value,
        "ends": words.ends,
    }
    found = report.findings
    return environment.get_template("report.html").render(
        report=report,
        found=found,
        secret=found.secret,
        summary=words.summary(found),
        sections=sections(found),
        not_tested=words.NOT_TESTED,
        scale=_scale(found),
    )


def _scale(found: Findings) -> float:
    """Right end of the bars of single columns [bit]."""
    ends = [f.leakage.upper for f in found.columns]
    return max(1e-6, min(found.secret.entropy, 1.05 * max([*ends, found.budget or 0.0])))
