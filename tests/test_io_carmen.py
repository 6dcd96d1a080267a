from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from fsmi.io.carmen import beam_angles, read_carmen


def test_reads_the_laser_lines_only(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(
        "# comment\nODOM 0 0 0 0 0 0 1 host 1\n"
        "FLASER 3 1.5 81.83 2.0 0.1 0.2 0.3 9 9 9 12.5 host 12.6\n"
    )
    [scan] = read_carmen(path)
    assert scan.ranges.tolist() == [1.5, np.inf, 2.0]
    assert scan.pose == (0.1, 0.2, 0.3)
    assert scan.time == 12.5
    assert scan.angles == pytest.approx([-math.pi / 2, 0.0, math.pi / 2])


def test_beam_angles_follow_the_laser() -> None:
    degrees = math.pi / 180
    assert beam_angles(180) == pytest.approx((np.arange(180) - 90) * degrees)
    assert beam_angles(361) == pytest.approx((np.arange(361) / 2 - 90) * degrees)


@pytest.mark.parametrize(
    "line", ["FLASER", "FLASER 3 1 2", "FLASER x 1", "FLASER 1 a 0 0 0 0 0 0 1 h 1"]
)
def test_broken_lines_are_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.log"
    path.write_text(f"# one\n{line} \n")
    with pytest.raises(ValueError, match="line 2: not a FLASER line"):
        list(read_carmen(path))
