"""AuditReport: findings as JSON, Markdown and one self-contained HTML page."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any, final

from privfunnel.audit import words
from privfunnel.audit.findings import EXIT_CODES, Findings, plain
from privfunnel.files import write_text

SCHEMA_VERSION = "1"


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
        return _written(_markdown(self), path)

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


def _cell(text: str) -> str:
    # User-supplied names must not end a table cell, start a line or become markup.
    clean = " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")
    return clean.replace("<", "&lt;").replace("`", "\\`")


def _markdown(report: AuditReport) -> str:
    found = report.findings
    lines = [f"# {_cell(report.headline)}", ""]
    lines += [_cell(sentence) for sentence in words.summary(found)]
    lines += ["", "| column | bits | share of H(S) | interval | p (adjusted) | read as |"]
    lines += ["|---|---:|---:|---|---:|---|"]
    for f in (found.together, *found.columns):
        p = words.p_value(f.leakage.p_value if f.adjusted_p is None else f.adjusted_p)
        lines.append(
            f"| {_cell(f.name)} | {f.leakage.value:.3f} | {words.percent(f.share)} | "
            f"{words.interval(f)} | {p} | {_cell(f.seen_as)} |"
        )
    lines += ["", "| attacker | bits | guessed right | majority |", "|---|---:|---:|---:|"]
    lines += [
        f"| {a.name} | {a.leakage.value:.3f} | {words.percent(a.accuracy)} | "
        f"{words.percent(found.secret.majority)} |"
        for a in found.attackers
    ]
    if found.comparison is not None:
        lines += [
            "",
            f"Before the release: {words.bits(found.comparison.leakage_before.value)}.",
            "",
        ]
        lines += ["| column | kept [bits] | of |", "|---|---:|---:|"]
        lines += [
            f"| {_cell(k.name)} | {k.information:.3f} | {k.entropy:.3f} |"
            for k in found.comparison.kept
        ]
    lines += ["", *(f"* {_cell(note)}" for note in found.notes), "", "Not tested:", ""]
    lines += [f"* {text}" for text in words.NOT_TESTED]
    return "\n".join(lines) + "\n"


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
    }
    found = report.findings
    return environment.get_template("report.html").render(
        report=report,
        found=found,
        secret=found.secret,
        summary=words.summary(found),
        not_tested=words.NOT_TESTED,
        scale=_scale(found),
    )


def _scale(found: Findings) -> float:
    """Right end of the bars of single columns [bit]."""
    ends = [f.leakage.upper for f in found.columns]
    return max(1e-6, min(found.secret.entropy, 1.05 * max([*ends, found.budget or 0.0])))
