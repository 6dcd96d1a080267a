"""Flights as Rerun recordings, drawn into a stand-in for the viewer's library."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from fsmi import VoxelMap
from fsmi.cli import main
from fsmi.planning.views3d import Plan3D
from fsmi.sim.rerun_log import INSTALL, recording
from fsmi.sim.rerun_log3d import FlightLog, occupied_cubes
from tests.test_rerun_log import Stream, rerun

__all__ = ["rerun"]  # a fixture


def small_map() -> VoxelMap:
    """A free room with a wall of 2 x 2 x 2 voxels of different odds and a single voxel."""
    p = np.full((4, 4, 4), 0.1)
    p[:2, :2, :2] = np.linspace(0.7, 0.9, 8).reshape(2, 2, 2)
    p[3, 2, 1], p[0, 3, 3] = 0.8, 0.5
    return VoxelMap.from_dense(p, 0.5, (1.0, 0.0, 0.0))


def test_what_is_occupied_is_merged_into_cubes() -> None:
    centres, sides = occupied_cubes(small_map())
    assert sorted(zip(sides.tolist(), centres.tolist(), strict=True)) == [
        (0.5, [1.75, 1.25, 1.75]),
        (1.0, [1.5, 0.5, 0.5]),
    ]


def test_a_plan_is_logged_with_its_map(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    request.getfixturevalue("rerun")
    trail = np.array([[1.1, 0.2, 0.3, 0.0], [1.1, 0.2, 1.3, 0.0]])
    plan = Plan3D("go", trail, (1.1, 0.2, 1.3, 0.0), 7.0, 1.0, 3, "because")
    with recording(tmp_path / "run.rrd") as file:
        log = FlightLog(file)
        log.add(small_map(), plan, trail)
        log.add(small_map(), Plan3D("done", reason="all seen"), trail)
    assert repr(log) == "FlightLog(2 plans)"
    (stream,) = Stream.made
    assert stream.times[:4] == [
        ("plan", {"sequence": 0}),
        ("metres", {"duration": 1.0}),
        ("plan", {"sequence": 1}),
        ("metres", {"duration": 1.0}),
    ]
    first = dict(stream.logged[: len(stream.logged) // 2])
    assert first["voxels"].half_sizes.tolist() == [[0.5] * 3, [0.25] * 3]
    assert first["goal"].values[0].tolist() == [[1.1, 0.2, 1.3]]
    assert first["curves/information_bit"].values == (7.0,)
    assert dict(stream.logged)["reason"].values == ("done: all seen",)


def test_the_command_writes_a_flight(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    request.getfixturevalue("rerun")
    out = tmp_path / "run.rrd"
    options = ["--3d", "--rrd", str(out), "--beams", "600", "--resolution", "0.3", "--quiet"]
    assert main(["explore", "tunnels:1", "--max-steps", "2", *options]) == 0
    assert out.read_bytes() == b"RRF2"
    plans = [value["sequence"] for name, value in Stream.made[0].times if name == "plan"]
    assert plans == [0, 1]


def test_the_command_names_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)
    out = tmp_path / "run.rrd"
    small = ["explore", "tunnels:1", "--3d", "--beams", "600", "--resolution", "0.3", "--quiet"]
    assert main([*small, "--rrd", str(out)]) == 2
    assert INSTALL in capsys.readouterr().err
    assert main([*small, "--rrd", str(tmp_path / "run.bag")]) == 2
    assert "must end in .rrd" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
