"""Goals that did not work: for how long to leave them alone, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt


@final
@dataclass
class Entry:
    """A place that failed: until which plan it is avoided, how often it failed, why last."""

    x: float
    y: float
    until: int
    strikes: int
    reason: str


@final
class Blacklist:
    """Places to avoid for a while.

    A place is avoided for `patience` plans, twice as long after each further failure; after
    `forgive` failures it stays avoided, so that no goal is tried for ever.

    Parameters
    ----------
    radius : float
        Goals within this distance [m] of a place are the same goal.
    patience : int
        Plans until a place that failed once is tried again.
    forgive : int
        Failures after which a place is given up.
    """

    def __init__(self, radius: float, *, patience: int = 10, forgive: int = 3) -> None:
        self.radius, self.patience, self.forgive = radius, patience, forgive
        self.entries: list[Entry] = []

    def add(self, x: float, y: float, now: int, reason: str) -> None:
        """Avoid (x, y) [m] from plan `now` on."""
        for entry in self.entries:
            if (entry.x - x) ** 2 + (entry.y - y) ** 2 <= self.radius**2:
                break
        else:
            entry = Entry(x, y, now, 0, reason)
            self.entries.append(entry)
        entry.strikes, entry.reason = entry.strikes + 1, reason
        entry.until = now + self.patience * 2 ** (entry.strikes - 1)

    def blocks(self, xy: npt.NDArray[np.float64], now: int) -> npt.NDArray[np.bool_]:
        """Which of the goals (n, 2) [m] are avoided in plan `now`."""
        blocked = np.zeros(len(xy), dtype=np.bool_)
        for entry in self.entries:
            if now < entry.until or entry.strikes >= self.forgive:
                near = ((xy - (entry.x, entry.y)) ** 2).sum(axis=1) <= self.radius**2
                blocked |= near
        return blocked

    def forgives(self, x: float, y: float) -> bool:
        """Whether a goal at (x, y) [m] was not given up for good."""
        given_up = (e for e in self.entries if e.strikes >= self.forgive)
        return all((e.x - x) ** 2 + (e.y - y) ** 2 > self.radius**2 for e in given_up)

    def release(self, now: int) -> int:
        """End the waiting of every place that was not given up; returns how many there are."""
        waiting = [e for e in self.entries if now < e.until and e.strikes < self.forgive]
        for entry in waiting:
            entry.until = now
        return len(waiting)

    def __repr__(self) -> str:
        return f"Blacklist({len(self.entries)} places)"
