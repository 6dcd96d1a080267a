"""CARMEN log files: the FLASER lines of the public laser data sets."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import numpy.typing as npt

NO_RETURN = 81.0  # [m]; readings without a return are logged as about 81.8
MAX_BEAMS = 100_000


@final
@dataclass(frozen=True, eq=False)
class LaserScan:
    """One FLASER line.

    Attributes
    ----------
    ranges : array (n,)
        [m]; inf where nothing returned.
    angles : array (n,)
        Relative to the heading [rad].
    pose : (x, y, theta)
        Of the laser in the odometry's frame [m, m, rad].
    time : float
        Time stamp [s].
    """

    ranges: npt.NDArray[np.float64]
    angles: npt.NDArray[np.float64]
    pose: tuple[float, float, float]
    time: float


def beam_angles(n: int) -> npt.NDArray[np.float64]:
    """Angles [rad] of the n beams of a 180-degree laser, by CARMEN's conventions.

    180 beams start at -90 degrees in steps of 1 degree (the last lies at 89); 181 and 361 include
    both ends, and so does any other number.
    """
    steps = n if n == 180 else max(n - 1, 1)
    return np.asarray(-0.5 * math.pi + np.arange(n, dtype=np.float64) * (math.pi / steps))


def read_carmen(path: str | os.PathLike[str]) -> Iterator[LaserScan]:
    """The scans of a CARMEN log, one by one; other lines are skipped.

    Raises
    ------
    ValueError
        At a FLASER line that is cut short or holds something else than numbers; the message
        names the line.
    """
    with Path(path).open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            if line.startswith("FLASER "):
                yield _scan(line.split(), f"{path}, line {number}")


def _scan(words: list[str], where: str) -> LaserScan:
    try:
        n = int(words[1])
        if not 1 <= n <= MAX_BEAMS or len(words) < n + 9:
            raise ValueError(f"{n} beams announced, {len(words) - 2} values follow")
        values = [float(word) for word in words[2 : n + 8]]
        time = float(words[n + 8])
    except (ValueError, IndexError) as error:
        raise ValueError(f"{where}: not a FLASER line that can be read ({error})") from error
    ranges = np.array(values[:n])
    ranges[ranges >= NO_RETURN] = np.inf
    x, y, theta = values[n : n + 3]
    return LaserScan(ranges, beam_angles(n), (x, y, theta), time)
