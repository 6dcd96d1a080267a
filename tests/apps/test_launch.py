"""The console entry: what it starts, and what it says when Streamlit is missing."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from apps import launch, serve
from tests.apps.pages import ENTRY


def test_the_command_serves_the_entry_file() -> None:
    line = launch.command(["--server.port", "9999"])
    assert line[1:3] == [str(ENTRY.with_name("serve.py")), str(ENTRY)]
    assert "--server.headless=false" in line
    assert line[-2:] == ["--server.port", "9999"]


def test_the_first_page_is_loaded_before_the_server_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []

    class Cli:
        @staticmethod
        def main() -> None:
            loaded.append(" ".join(sys.argv))

    def load(name: str) -> type[Cli]:
        loaded.append(name)
        return Cli

    monkeypatch.setattr(sys, "argv", ["serve.py", "app.py", "--server.port", "1"])
    monkeypatch.setattr(importlib, "import_module", load)
    serve.main()
    assert loaded[-2:] == ["streamlit.web.cli", "streamlit run app.py --server.port 1"]
    assert "altair" in loaded[:-2]


def test_headless_can_be_asked_for() -> None:
    line = launch.command(["--server.headless=true"])
    assert [a for a in line if "headless" in a] == ["--server.headless=true"]


def test_exit_code_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(line: list[str], check: bool) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess(line, 7)

    monkeypatch.setattr(subprocess, "run", run)
    assert launch.main([]) == 7


def test_missing_streamlit_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert launch.main([]) == 2
    assert capsys.readouterr().err == (
        'the apps need Streamlit; run: pip install "privfunnel-fsmi[apps]"\n'
    )
