"""Hostile and broken input to `privfunnel audit`: one line on stderr, exit 2, no half file."""

from __future__ import annotations

import csv
import errno
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from privfunnel.audit import database
from privfunnel.audit.report import AuditReport
from privfunnel.audit.sources import open_source
from privfunnel.cli import main


def people(path: Path, names: tuple[str, str] = ("s", "x"), n: int = 120) -> Path:
    rng = np.random.default_rng(0)
    rows = np.stack([rng.integers(0, 2, n), rng.integers(0, 3, n)], axis=1)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([names, *rows.tolist()])
    return path


def refused(line: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr of a command that must end with 2."""
    assert main([*line, "--quiet"]) == 2
    out = capsys.readouterr()
    assert out.err.startswith("privfunnel: ")
    assert out.err.count("\n") == 1
    return out.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"s,x\n1,caf\xe9\n0,b\n" * 3, "cannot be read as csv"),
        ("s,x\n1,café\n".encode() + b"0,caf\xe9\n" * 2, "cannot be read as csv"),
        ("s,x\n1,a\n0,b\n".encode("utf-16"), "cannot be read|no column 's'"),
        (b"s,x,x\n1,2,3\n0,1,2\n", "columns appear twice: x"),
        (b"", "the file is empty"),
    ],
)
@pytest.mark.parametrize("big", [False, True])
def test_broken_files(
    content: bytes,
    message: str,
    big: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if big:
        monkeypatch.setattr(database, "BIG_TEXT", 1)
    path, page = tmp_path / "a.csv", tmp_path / "a.html"
    path.write_bytes(content)
    said = refused(["audit", str(path), "--sensitive", "s", "--html", str(page)], capsys)
    assert any(part in said for part in message.split("|")), said
    assert not page.exists()


def test_queries_that_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = people(tmp_path / "a.csv")
    for query in ("SELECT nope FROM data", "SELEC", "SELECT s, error('stop') AS x FROM data"):
        said = refused(["audit", str(path), "--sensitive", "s", "--query", query], capsys)
        assert "the query failed" in said or "cannot be read" in said


def test_types_that_change_far_down_a_big_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first rows say "whole number", later ones 1.5 and then a name: nothing may be rounded.
    monkeypatch.setattr(database, "BIG_TEXT", 100)
    monkeypatch.setattr(database, "_TYPES_FROM", 2048)
    path = tmp_path / "a.csv"
    head = "s,x\n" + "0,1\n1,2\n" * 8000
    path.write_text(head + "1,1.5\n" * 10)
    assert open_source(path).table["x"].coded[1] == ("1", "1.5", "2")
    path.write_text(head + "1,unknown\n" * 10)
    assert set(open_source(path).table["x"].coded[1]) == {"1", "2", "unknown"}


class _Full:
    """A file on a full disk: it takes a few bytes."""

    def __init__(self, handle: int) -> None:
        self.handle = handle

    def __enter__(self) -> _Full:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self.handle)

    def write(self, content: bytes) -> int:
        os.write(self.handle, content[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("name", ["html", "json", "markdown", "csv", "junit"])
def test_disk_full_while_writing(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = people(tmp_path / "a.csv")
    out = tmp_path / "out"
    out.mkdir()
    (out / "kept").write_text("before")
    monkeypatch.setattr("privfunnel.files.os.fdopen", lambda handle, mode: _Full(handle))
    said = refused(["audit", str(path), "--sensitive", "s", f"--{name}", str(out / "kept")], capsys)
    assert "No space left on device" in said
    assert (out / "kept").read_text() == "before"
    assert [p.name for p in out.iterdir()] == ["kept"]


def test_disk_full_while_a_big_text_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import duckdb

    monkeypatch.setattr(database, "BIG_TEXT", 1)
    folders = tmp_path / "temporary"
    folders.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folders))
    real = duckdb.connect

    class Full:
        def __init__(self, *args: Any, **options: Any) -> None:
            self.real = real(*args, **options)

        def execute(self, sql: str) -> Any:
            if sql.startswith("CREATE TABLE"):
                raise duckdb.IOException("Could not write file: No space left on device\nmore")
            return self.real.execute(sql)

    monkeypatch.setattr(duckdb, "connect", Full)
    said = refused(["audit", str(people(tmp_path / "a.csv")), "--sensitive", "s"], capsys)
    assert "No space left on device" in said
    assert list(folders.iterdir()) == []


HOSTILE = ('=HYPERLINK("x")', "<img src=x onerror=alert(1)>")


def test_formulas_and_html_in_names(tmp_path: Path) -> None:
    path = people(tmp_path / "a.csv", HOSTILE)
    page, ranking = tmp_path / "a.html", tmp_path / "r.csv"
    formula, tag = HOSTILE
    line = ["audit", str(path), "--quiet", "--html", str(page), "--csv", str(ranking)]
    assert main([*line, "--sensitive", tag]) == 0
    names = [
        row["name"] for row in csv.DictReader(io.StringIO(ranking.read_text(encoding="utf-8")))
    ]
    assert f"'{formula}" in names
    assert not any(name.startswith(("=", "+", "-", "@")) for name in names)
    assert main([*line, "--sensitive", formula]) == 0
    text = page.read_text(encoding="utf-8")
    assert "<img" not in text
    assert "&lt;img src=x" in text


def test_every_cell_of_the_csv_is_safe() -> None:
    # Not names only: how a column was read holds words of the program, checked all the same.
    from tests.audit_sample import sample

    for row in csv.reader(AuditReport(sample()).to_csv().splitlines()):
        assert not any(cell.startswith(("=", "@", "\t", "\r")) for cell in row)
