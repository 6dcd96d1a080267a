"""One beam, checked and prepared: what every measure of this room takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fsmi.grid import ROS_TABLE
from fsmi.measures.gain import gain_tables
from fsmi.sensor import RangeSensor, check_deltas, check_noise

Array = npt.NDArray[np.float64]
# What a beam without a sensor has; the defaults of `beam_mi`.
DEFAULTS = {"sigma": 0.0, "delta_occ": 1.5, "delta_emp": 1.0 / 1.5, "count_no_hit": True}


@final
@dataclass(frozen=True)
class Beam:
    """The cells of a beam and the sensor that looks along it; n cells, the first one nearest.

    Attributes
    ----------
    occupancy : array (n,)
        Probability that each cell is occupied.
    edges : array (n + 1,)
        Distances of the cell boundaries from the sensor [m], starting at 0.
    cell : float or None
        Length [m] of every cell, None if they differ.
    sigma : float
        Standard deviation of the range noise [m].
    delta_occ, delta_emp : float
        Inverse sensor model: factors on the odds of the cell hit and of the cells before it.
    count_no_hit : bool
        Whether no return updates the map; see `fsmi.measures`.
    """

    occupancy: Array
    edges: Array
    cell: float | None
    sigma: float
    delta_occ: float
    delta_emp: float
    count_no_hit: bool

    @property
    def centres(self) -> Array:
        """Distances of the cell centres from the sensor [m], (n,)."""
        return np.asarray(0.5 * (self.edges[1:] + self.edges[:-1]))

    def tables(self) -> tuple[Array, Array, Array]:
        """Occupancy, gain of a hit and gain of a miss [nat] of every cell."""
        return gain_tables(self.occupancy, self.delta_occ, self.delta_emp)

    def equal_cell(self, measure: str) -> float:
        """The common cell length [m]; ValueError if there is none."""
        if self.cell is None:
            lengths = np.diff(self.edges)
            raise ValueError(
                f"{measure} needs cells of one length, cell holds {lengths.min():g} to"
                f" {lengths.max():g} m; use fsmi, approx_fsmi or numerical for unequal cells"
            )
        return self.cell

    def __repr__(self) -> str:
        return f"Beam({self.occupancy.size} cells over {self.edges[-1]:g} m, sigma {self.sigma:g})"


def first_hit(occupancy: Array) -> tuple[Array, float]:
    """P(e_j) that each cell is the first occupied one, (n,), and P(e_0) that none is."""
    reach = np.cumprod(np.concatenate(([1.0], 1.0 - occupancy)))
    return reach[:-1] * occupancy, float(reach[-1])


def check_occupancy(occupancy: npt.ArrayLike, name: str = "occupancy") -> Array:
    """`occupancy` as float64 (n,): probabilities, or int8 in ROS coding (as grids keep them)."""
    try:
        cells: npt.NDArray[Any] = np.asarray(occupancy)
    except ValueError as error:
        raise ValueError(f"{name} must be one row of numbers: {error}") from None
    if cells.ndim != 1 or cells.size == 0:
        raise ValueError(f"{name} has shape {cells.shape}; need a non-empty array (n,)")
    if cells.dtype == np.int8:
        wrong = cells[(cells < -1) | (cells > 100)]
        if wrong.size:
            raise ValueError(
                f"int8 {name} holds {wrong[0]}; ROS coding allows -1 (unknown) and 0..100 (per"
                " cent)"
            )
        return np.asarray(ROS_TABLE[cells + np.int16(1)], dtype=np.float64)
    if cells.dtype == np.bool_ or not np.issubdtype(cells.dtype, np.number):
        raise TypeError(f"{name} has dtype {cells.dtype}; need numbers in [0, 1]")
    if np.issubdtype(cells.dtype, np.complexfloating):
        raise TypeError(f"{name} has dtype {cells.dtype}; need real numbers in [0, 1]")
    values = np.ascontiguousarray(cells, dtype=np.float64)
    wrong = values[~((values >= 0.0) & (values <= 1.0))]
    if wrong.size:
        raise ValueError(
            f"{name} holds {wrong[0]:g}; probabilities must lie in [0, 1] (0.5 is unknown; ROS"
            " per cents are read from int8 arrays only)"
        )
    return values


def check_cell(cell: npt.ArrayLike, n: int) -> tuple[Array, float | None]:
    """Cell boundaries (n + 1,) [m] and the common length, None if the lengths differ."""
    lengths = np.asarray(cell, dtype=np.float64)
    if lengths.ndim not in (0, 1) or (lengths.ndim == 1 and lengths.size != n):
        raise ValueError(
            f"cell has shape {lengths.shape}; need one length or one for each of {n} cells"
        )
    wrong = lengths[~(np.isfinite(lengths) & (lengths > 0.0))]
    if wrong.size:
        raise ValueError(f"cell holds {wrong.flat[0]:g}; lengths must be finite and > 0 [m]")
    if lengths.ndim == 1 and np.all(lengths == lengths[0]):
        lengths = lengths[0]
    if lengths.ndim == 0:
        common = float(lengths)
        return common * np.arange(n + 1.0), common
    return np.concatenate(([0.0], np.cumsum(lengths))), None


def sensor_fields(sensor: RangeSensor | None, given: dict[str, Any]) -> dict[str, Any]:
    """The fields named in `DEFAULTS`: from `sensor`, or as `given` without one; checked."""
    if sensor is None:
        check_noise(given["sigma"])
        check_deltas(given["delta_occ"], given["delta_emp"])
        return given
    if not isinstance(sensor, RangeSensor):
        raise TypeError(f"sensor is {sensor!r}; need a RangeSensor or None")
    changed = [name for name in DEFAULTS if given[name] != DEFAULTS[name]]
    if changed:
        raise ValueError(
            f"{', '.join(changed)} given next to a sensor; put it into the sensor"
            " (dataclasses.replace(sensor, ...))"
        )
    return {name: getattr(sensor, name) for name in DEFAULTS}


def check_base(base: float) -> float:
    """Natural logarithm of `base`: nats divided by it are in the unit asked for."""
    if not (math.isfinite(base) and base > 1.0):
        raise ValueError(f"base is {base}; need a number > 1 (2 for bits, math.e for nats)")
    return math.log(base)


def cells_in_range(edges: Array, max_range: float) -> int:
    """How many cells begin before `max_range` [m], at least 1; whole cells count."""
    # The slack of the grid traversal: a cell entered exactly at the range is not seen.
    return max(1, int(np.searchsorted(edges[:-1], max_range * (1.0 - 1e-9))))


def prepare(
    occupancy: npt.ArrayLike, cell: npt.ArrayLike, sensor: RangeSensor | None, given: dict[str, Any]
) -> Beam:
    """A checked beam of the cells within the sensor's range."""
    cells = check_occupancy(occupancy)
    edges, common = check_cell(cell, cells.size)
    fields = sensor_fields(sensor, given)
    if sensor is not None:
        seen = cells_in_range(edges, sensor.max_range)
        cells, edges = cells[:seen].copy(), edges[: seen + 1].copy()
    return Beam(
        cells,
        edges,
        common,
        float(fields["sigma"]),
        float(fields["delta_occ"]),
        float(fields["delta_emp"]),
        bool(fields["count_no_hit"]),
    )
