"""The examples of the mapping half run and say what they promise."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from examples import (
    compare_surfaces,
    drive_mujoco,
    explore_irsim,
    explore_own_simulator,
    map_surface,
)

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


def test_compare_surfaces(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    compare_surfaces.main(str(tmp_path / "s.png"), stride=16)
    ranks = re.findall(r"Spearman (.+)", capsys.readouterr().out)
    assert len(ranks) == 7
    assert float(ranks[0]) == 1.0
    assert all(float(rank) > 0.9 for rank in ranks[1:3])
    assert (tmp_path / "s.png").stat().st_size > 50_000


@pytest.mark.parametrize("example", [compare_surfaces, explore_own_simulator, map_surface])
def test_examples_are_short(example: object) -> None:
    path = Path(str(example.__file__))  # type: ignore[attr-defined]
    assert len(path.read_text().splitlines()) < 60


def test_irsim_is_explored_without_a_collision(capsys: pytest.CaptureFixture[str]) -> None:
    result = explore_irsim.main()
    assert "0 collisions" in capsys.readouterr().out
    assert result.status == "done"
    assert result.path_length < 15.0
    x, y = np.moveaxis(result.grid.cell_to_world(np.argwhere(result.grid.occupancy >= 0)), -1, 0)
    inside = (x > 0.1) & (x < 7.9) & (y > 0.1) & (y < 4.9) & (abs(x - 4.0) > 0.1)
    free = result.grid.occupancy.ravel() < 0.25
    assert free[inside].mean() >= 0.95
    walls = result.grid.occupancy.ravel() > 0.65
    assert not walls[inside & (abs(x - 4.0) > 0.2) & (y > 0.2) & (y < 4.8)].any()


def test_mujoco_is_explored_without_a_collision(capsys: pytest.CaptureFixture[str]) -> None:
    result = drive_mujoco.main()
    assert "0 collisions" in capsys.readouterr().out
    assert result.status == "done"
    assert result.path_length < 8.0
    x, y = np.moveaxis(result.grid.cell_to_world(np.argwhere(result.grid.occupancy >= 0)), -1, 0)
    inside = (x > 0.0) & (x < 8.0) & (y > 0.0) & (y < 5.0)
    solid = np.zeros(len(x), dtype=bool)
    for x0, y0, x1, y1 in drive_mujoco.WALLS:
        inside &= ~((x > x0 - 0.05) & (x < x1 + 0.05) & (y > y0 - 0.05) & (y < y1 + 0.05))
        solid |= (x > x0 + 0.05) & (x < x1 - 0.05) & (y > y0 + 0.05) & (y < y1 - 0.05)
    free = result.grid.occupancy.ravel() < 0.25
    assert free[inside].mean() >= 0.95
    assert not free[solid].any()
