"""Findings as Markdown; user-supplied names can neither end a cell nor become markup."""

from __future__ import annotations

from collections.abc import Iterable

from privfunnel.audit import words
from privfunnel.audit.findings import Findings
from privfunnel.audit.sections import Section, sections


def markdown_text(found: Findings, headline: str) -> str:
    """The whole report."""
    lines = [f"# {_cell(headline)}", "", *map(_cell, words.summary(found)), ""]
    lines += _table(
        ("column", "bits", "share of H(S)", "interval", "p (adjusted)", "read as"),
        [
            (
                f.name,
                f"{f.leakage.value:.3f}",
                words.percent(f.share),
                words.interval(f),
                words.p_value(f.leakage.p_value if f.adjusted_p is None else f.adjusted_p),
                f.seen_as,
            )
            for f in (found.together, *found.columns)
        ],
        text_columns=(0, 3, 5),
    )
    lines += _table(
        ("attacker", "bits", "guessed right", "majority"),
        [
            (
                a.name,
                f"{a.leakage.value:.3f}",
                words.percent(a.accuracy),
                words.percent(found.secret.majority),
            )
            for a in found.attackers
        ],
    )
    for section in sections(found):
        lines += _section(section)
    if found.notes:
        lines += ["## Notes", "", *(f"* {_cell(note)}" for note in found.notes), ""]
    lines += ["## Not tested", "", *(f"* {text}" for text in words.NOT_TESTED)]
    return "\n".join(lines) + "\n"


def _section(section: Section) -> list[str]:
    lines = [f"## {_cell(section.title)}", ""]
    if section.hint:
        lines += [_cell(section.hint), ""]
    if section.rows:
        lines += _table(section.header, section.rows, section.text_columns)
    if section.lines:
        lines += [*(f"* {_cell(line)}" for line in section.lines), ""]
    return lines


def _table(
    header: tuple[str, ...],
    rows: Iterable[tuple[str, ...]],
    text_columns: tuple[int, ...] = (0,),
) -> list[str]:
    marks = ["---" if i in text_columns else "---:" for i in range(len(header))]
    body = [_row([_cell(text) for text in row]) for row in rows]
    return [_row(header), f"|{'|'.join(marks)}|", *body, ""]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    clean = " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")
    return clean.replace("<", "&lt;").replace("`", "\\`").replace("[", "\\[")
