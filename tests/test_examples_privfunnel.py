"""The examples of the privacy half run and say what they promise."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("audit_in_ten_lines", "Over the budget"),
        ("discrete_funnel", "worst release that tells as much"),
    ],
)
def test_example(name: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = EXAMPLES / f"{name}.py"
    assert len(path.read_text().splitlines()) < 60
    runpy.run_path(str(path), run_name="__main__")
    assert says in capsys.readouterr().out
