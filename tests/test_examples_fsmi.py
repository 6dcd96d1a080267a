"""The examples of the mapping half run and say what they promise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from examples import explore_own_simulator, map_surface

ROOT = Path(__file__).resolve().parent.parent


def test_own_simulator(capsys: pytest.CaptureFixture[str]) -> None:
    explore_own_simulator.main()
    text = capsys.readouterr().out
    assert text.startswith("done after")
    before, after = (float(n) for n in re.findall(r"(\d+) bit", text)[-2:])
    assert before == 6000
    assert after < 0.25 * before


def test_map_surface(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    map_surface.main(str(ROOT / "data/maps/office.yaml"), str(tmp_path / "a" / "s.png"))
    text = capsys.readouterr().out
    assert float(re.findall(r"best scan: (\d+) bit", text)[0]) > 20
    assert (tmp_path / "a" / "s.png").stat().st_size > 10_000


@pytest.mark.parametrize("example", [explore_own_simulator, map_surface])
def test_examples_are_short(example: object) -> None:
    path = Path(str(example.__file__))  # type: ignore[attr-defined]
    assert len(path.read_text().splitlines()) < 60
