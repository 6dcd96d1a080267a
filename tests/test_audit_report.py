"""The formats of a report: complete, escaped, self-contained, without rows, whole or not there."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from privfunnel.audit import words
from privfunnel.audit.audit import audit
from privfunnel.audit.report import AuditReport

NASTY = "<script>alert('x')</script>|`"


@pytest.fixture(scope="module")
def report() -> AuditReport:
    rng = np.random.default_rng(0)
    s = rng.integers(0, 2, 600)
    data = {
        "secret": np.array(["no", "yes"])[s],
        NASTY: s + rng.integers(0, 3, 600),
        "x": rng.normal(size=600) + 123456.789,
    }
    return audit(data, sensitive="secret", budget=0.2, rng=0)


class Page(HTMLParser):
    """Tags and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_is_self_contained_and_escaped(report: AuditReport) -> None:
    text = report.to_html()
    page = Page(text)
    assert not {"script", "link", "iframe", "img", "object"} & set(page.tags)
    assert not [v for k, v in page.attributes if k in ("src", "href") or k.startswith("on")]
    assert "http://" not in text
    assert "https://" not in text
    assert NASTY in page.text
    assert report.headline in page.text
    assert "prefers-color-scheme: dark" in text


def test_no_format_holds_raw_values(report: AuditReport) -> None:
    for text in (report.to_html(), report.to_json(), report.to_markdown()):
        assert "12345" not in text


def test_json_holds_every_finding(report: AuditReport) -> None:
    content = json.loads(report.to_json())
    assert content == report.to_dict()
    assert content["verdict"] == report.findings.verdict
    assert {c["name"] for c in content["columns"]} == {NASTY, "x"}
    assert content["together"]["leakage"]["base"] == 2
    assert len(content["provenance"]["digest"]) == 64
    assert content["exit_code"] == report.exit_code


def test_markdown_cells_cannot_break_out(report: AuditReport) -> None:
    text = report.to_markdown()
    assert "<script" not in text
    lines = text.splitlines()
    rows = [i for i, line in enumerate(lines) if "alert" in line and line.startswith("|")]
    assert rows
    for i in rows:
        rule = next(line for line in reversed(lines[:i]) if line.startswith("|---"))
        assert lines[i].replace("\\|", "").count("|") == rule.count("|")


def test_files_are_whole_or_not_there(report: AuditReport, tmp_path: Path) -> None:
    report.to_html(tmp_path / "a.html")
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == report.to_html()
    with pytest.raises(ValueError, match="no folder"):
        report.to_json(tmp_path / "missing" / "a.json")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="is a folder"):
        report.to_json(tmp_path / "folder")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.html", "folder"]


def test_words_promise_nothing(report: AuditReport) -> None:
    text = (report.to_html() + report.to_markdown()).lower()
    assert "anonymous" not in text
    assert "compliant" not in text
    for sentence in words.NOT_TESTED:
        assert sentence in report.to_html()


@pytest.mark.parametrize(
    ("share", "shown"), [(0.5, "50\u00a0%"), (0.0123, "1.2\u00a0%"), (1.0, "100\u00a0%")]
)
def test_percent(share: float, shown: str) -> None:
    assert words.percent(share) == shown


def test_repr_and_p_values(report: AuditReport) -> None:
    assert repr(report).startswith(f"AuditReport({report.findings.verdict}: ")
    assert words.p_value(1e-9) == "< 0.001"
    assert words.p_value(0.25) == "0.250"
    assert words.p_value(None) == "–"
