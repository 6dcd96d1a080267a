"""What a planner answers: a `Plan` with its candidates and its reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import numpy.typing as npt

Pose = tuple[float, float, float]

STATUSES = {
    "go": "drive along the path, scan, plan again",
    "done": "no reachable view is worth a scan any more",
    "unreachable": "something unknown is left behind openings the robot does not fit through",
    "stuck": "the robot cannot leave the place where it is",
    "budget": "the distance allowed is used up",
}


@final
@dataclass(frozen=True)
class Candidate:
    """One place to look from.

    Attributes
    ----------
    pose : (x, y, theta) [m, m, rad]
    cost : length of the path to it [m]
    information : of a scan there [bit]
    frontier : length of the frontier it was chosen for [m], 0 on the lattice
    utility : what the strategy makes of these; the largest wins
    """

    pose: Pose
    cost: float
    information: float
    frontier: float
    utility: float

    def __repr__(self) -> str:
        x, y, _ = self.pose
        return f"Candidate(({x:.2f}, {y:.2f}), {self.cost:.1f} m, {self.information:.1f} bit)"


@final
@dataclass(frozen=True)
class Plan:
    """Where to go next and why.

    Attributes
    ----------
    status : str
        One of ``STATUSES``; everything but "go" ends the exploration.
    path : array (n, 3)
        Poses from the robot to the goal [m, m, rad]; (0, 3) unless the status is "go".
    goal : (x, y, theta) or None
    information : float
        Expected of a scan at the goal, each cell counted once [bit].
    cost : float
        Length of the path [m].
    candidates : tuple of Candidate
        What it was chosen from, best first.
    reason : str
        One sentence.
    strategy : str
    """

    status: str
    path: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 3)))
    goal: Pose | None = None
    information: float = 0.0
    cost: float = 0.0
    candidates: tuple[Candidate, ...] = ()
    reason: str = ""
    strategy: str = ""

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return self.status != "go"

    def explain(self, n: int = 5) -> str:
        """The decision in words, with the best `n` candidates as a table."""
        lines = [f"{self.status}: {self.reason}"]
        if self.candidates:
            lines.append(f"{self.strategy} over {len(self.candidates)} candidates:")
            lines.append("       x       y    cost  information  frontier     utility")
        for c in self.candidates[:n]:
            lines.append(
                f"{c.pose[0]:8.2f}{c.pose[1]:8.2f}{c.cost:6.1f} m{c.information:9.1f} bit"
                f"{c.frontier:8.1f} m{c.utility:12.3g}"
            )
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the candidates as plain lists and numbers."""
        return {
            "status": self.status,
            "path": self.path.tolist(),
            "goal": None if self.goal is None else list(self.goal),
            "information": self.information,
            "cost": self.cost,
            "n_candidates": len(self.candidates),
            "reason": self.reason,
            "strategy": self.strategy,
        }

    def __repr__(self) -> str:
        return f"Plan({self.status}, {self.information:.1f} bit, {self.cost:.1f} m: {self.reason})"
