"""Range sensors: geometry, noise and the inverse sensor model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
import numpy.typing as npt


class BeamModel(Protocol):
    """What every range sensor has, planar or not; `RangeSensor` explains the fields."""

    @property
    def n_beams(self) -> int:
        """Beams in one scan."""
        ...

    @property
    def max_range(self) -> float:
        """Largest range measured [m]."""
        ...

    @property
    def sigma(self) -> float:
        """Standard deviation of the range noise [m]."""
        ...

    @property
    def delta_occ(self) -> float:
        """Factor on the odds of a cell that is hit."""
        ...

    @property
    def delta_emp(self) -> float:
        """Factor on the odds of a cell that is passed."""
        ...

    @property
    def count_no_hit(self) -> bool:
        """Whether no return is an outcome that informs."""
        ...

    def __hash__(self) -> int: ...


@final
@dataclass(frozen=True)
class RangeSensor:
    """A planar range sensor (lidar) and what one of its readings does to a cell.

    Parameters
    ----------
    n_beams : int
        Beams in one scan.
    fov : float
        Field of view [rad], at most 2 pi, centred on the heading. A full circle has no doubled
        beam at +-pi; a smaller field has beams on both of its edges.
    max_range : float
        Largest range measured [m].
    sigma : float
        Standard deviation of the range noise [m].
    delta_occ, delta_emp : float
        Inverse sensor model: the odds of the cell that is hit are multiplied by
        `delta_occ` > 1, those of the cells in front of it by 0 < `delta_emp` < 1.
    count_no_hit : bool
        Whether a beam that returns nothing is an outcome that carries information (the cells it
        crossed are then updated as empty). The same in every measure of this package.
    """

    n_beams: int = 360
    fov: float = 2.0 * math.pi
    max_range: float = 10.0
    sigma: float = 0.0
    delta_occ: float = 1.5
    delta_emp: float = 1.0 / 1.5
    count_no_hit: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.n_beams, bool) or int(self.n_beams) != self.n_beams or self.n_beams < 1:
            raise ValueError(f"n_beams is {self.n_beams}; need a whole number of at least 1")
        object.__setattr__(self, "n_beams", int(self.n_beams))
        if not 0.0 < self.fov <= 2.0 * math.pi + 1e-9:
            raise ValueError(f"fov is {self.fov}; need an angle in (0, 2 pi] rad")
        if not (math.isfinite(self.max_range) and self.max_range > 0.0):
            raise ValueError(f"max_range is {self.max_range}; need a positive number of metres")
        check_noise(self.sigma)
        check_deltas(self.delta_occ, self.delta_emp)

    def angles(self) -> npt.NDArray[np.float64]:
        """Beam directions relative to the heading [rad], (n_beams,), counter-clockwise."""
        if self.n_beams == 1:
            return np.zeros(1)
        if self.fov >= 2.0 * math.pi - 1e-9:
            turns = np.arange(self.n_beams, dtype=np.float64) / self.n_beams
            return np.asarray(2.0 * math.pi * turns - math.pi)
        return np.asarray(
            np.linspace(-0.5 * self.fov, 0.5 * self.fov, self.n_beams), dtype=np.float64
        )


def planar(sensor: BeamModel) -> RangeSensor:
    """`sensor` itself; TypeError if it is no `RangeSensor`, which a 2-D map needs."""
    if not isinstance(sensor, RangeSensor):
        raise TypeError(f"sensor is a {type(sensor).__name__}; a 2-D map needs a RangeSensor")
    return sensor


def check_noise(sigma: float) -> None:
    """Raise ValueError unless `sigma` is a finite number of at least 0."""
    if not (math.isfinite(sigma) and sigma >= 0.0):
        raise ValueError(f"sigma is {sigma}; need a finite number of at least 0")


def check_deltas(delta_occ: float, delta_emp: float) -> None:
    """Raise ValueError unless delta_occ > 1 and 0 < delta_emp < 1 (both finite)."""
    if not (math.isfinite(delta_occ) and delta_occ > 1.0):
        raise ValueError(f"delta_occ is {delta_occ}; a hit must raise the odds: need > 1")
    if not 0.0 < delta_emp < 1.0:
        raise ValueError(f"delta_emp is {delta_emp}; a miss must lower the odds: need in (0, 1)")
