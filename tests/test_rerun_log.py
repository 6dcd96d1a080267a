"""Recordings for the Rerun viewer: what is logged, where rows begin, whole files only.

Rerun is 170 MB and not installed for the tests: a recorder with its calls stands in for it. The
real package was run once by hand; its version stands in docs/exploration.md.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from fsmi import OccupancyGrid, Plan
from fsmi.cli import main
from fsmi.sim.episode import Step
from fsmi.sim.rerun_log import INSTALL, recording


class Stream:
    """Keeps what is logged, like a RecordingStream that writes to a file."""

    made: ClassVar[list[Stream]] = []

    def __init__(self, application: str) -> None:
        self.application, self.times, self.logged = application, [], []
        self.path: Path | None = None
        Stream.made.append(self)

    def save(self, path: Path) -> None:
        self.path = Path(path)
        self.path.write_bytes(b"begun")

    def set_time(self, name: str, **value: float) -> None:
        self.times.append((name, value))

    def log(self, name: str, what: Any) -> None:
        self.logged.append((name, what))

    def flush(self) -> None:
        assert self.path is not None
        self.path.write_bytes(b"RRF2")

    def disconnect(self) -> None:
        self.times.append(("closed", {}))


def archetype(kind: str) -> Any:
    def make(*values: Any, **fields: Any) -> SimpleNamespace:
        return SimpleNamespace(kind=kind, values=values, **fields)

    return make


@pytest.fixture
def rerun(monkeypatch: pytest.MonkeyPatch) -> type[Stream]:
    names = ("GridMap", "Boxes3D", "LineStrips3D", "Points3D", "Scalars", "TextLog")
    module = SimpleNamespace(
        RecordingStream=Stream,
        components=SimpleNamespace(
            ImageFormat=archetype("ImageFormat"), Colormap=SimpleNamespace(RvizMap="rviz")
        ),
        **{name: archetype(name) for name in names},
    )
    Stream.made = []
    monkeypatch.setitem(sys.modules, "rerun", module)
    return Stream


def step(coverage: float | None = 0.25) -> Step:
    cells = np.full((2, 3), -1, dtype=np.int8)
    cells[0, 2], cells[1, 0] = 100, 0
    plan = Plan("go", np.array([[0.0, 0, 0], [1, 0, 0]]), (1.0, 0.0, 0.0), 7.0, reason="because")
    trail = np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]])
    grid = OccupancyGrid(cells, 0.5, (4.0, 5.0, np.pi / 2))
    return Step(3, grid, (0.5, 0.0, 0.0), plan, trail, 0.5, 6.0, 2.0, coverage, 0, 0.1)


def test_a_step_is_logged_with_its_map_flipped(rerun: type[Stream], tmp_path: Path) -> None:
    with recording(tmp_path / "new" / "run.rrd") as log:
        log.add(step())
    (stream,) = rerun.made
    assert stream.times[:2] == [("plan", {"sequence": 3}), ("metres", {"duration": 0.5})]
    found = dict(stream.logged)
    shown = found["map"]
    assert (shown.format.width, shown.format.height) == (3, 2)
    # The highest row comes first; unknown is -1, in bytes 255.
    assert list(shown.data) == [0, 255, 255, 255, 255, 100]
    assert shown.translation == [4.0, 5.0, 0.0]
    assert shown.quaternion == pytest.approx([0, 0, np.sqrt(0.5), np.sqrt(0.5)])
    assert found["trail"].values[0][0].shape == (2, 3)
    assert found["goal"].values[0].tolist()[0][:2] == [1.0, 0.0]
    assert found["curves/coverage"].values == (0.25,)
    assert found["reason"].values == ("go: because",)
    assert (tmp_path / "new" / "run.rrd").read_bytes() == b"RRF2"


def test_what_is_not_there_is_not_drawn(rerun: type[Stream], tmp_path: Path) -> None:
    with recording(tmp_path / "run.rrd") as log:
        log.add(step(coverage=None))
        log.route(np.array([[0.0, 0.0, 1.0]]), np.empty((0, 3)), None, (0.0, 0.0, 1.0))
    logged = rerun.made[0].logged
    assert "curves/coverage" not in dict(logged)
    assert dict(logged)["trail"].values == ([],)
    assert dict(logged)["goal"].values[0].shape == (0, 3)


def test_boxes_have_half_their_sides(rerun: type[Stream], tmp_path: Path) -> None:
    with recording(tmp_path / "run.rrd") as log:
        log.boxes([[0, 0, 1], [1, 0, 2]], [0.2, 0.4], [0.0, 1.0], "voxels")
    drawn = dict(rerun.made[0].logged)["voxels"]
    assert drawn.half_sizes == pytest.approx(np.array([[0.1] * 3, [0.2] * 3]))
    assert drawn.colors.tolist() == [[68, 1, 84], [253, 231, 37]]


def test_a_run_that_fails_leaves_no_file(rerun: type[Stream], tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="broke"), recording(tmp_path / "run.rrd"):
        raise RuntimeError("broke")
    assert list(tmp_path.iterdir()) == []
    assert rerun.made[0].times == [("closed", {})]


def test_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(ImportError, match=r"privfunnel-fsmi\[rerun\]") as found:
        recording(tmp_path / "run.rrd").__enter__()
    assert str(found.value) == INSTALL
    with pytest.raises(ValueError, match=r"must end in \.rrd"):
        recording(tmp_path / "run.txt").__enter__()
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_a_recording(rerun: type[Stream], tmp_path: Path) -> None:
    out = tmp_path / "run.rrd"
    options = ["--rrd", str(out), "--beams", "60", "--max-steps", "3", "--quiet"]
    assert main(["explore", "maze:1", *options]) == 0
    assert out.read_bytes() == b"RRF2"
    plans = [value["sequence"] for name, value in rerun.made[0].times if name == "plan"]
    assert plans == [0, 1, 2]


def test_the_command_names_the_missing_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)
    out = tmp_path / "run.rrd"
    assert main(["explore", "maze:1", "--rrd", str(out), "--max-steps", "1", "--quiet"]) == 2
    assert INSTALL in capsys.readouterr().err
    assert not out.exists()
