"""The measures by name, and `beam_mi`, the one door to them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from fsmi.measures.beam import check_base, prepare
from fsmi.measures.csqmi import approx_csqmi, csqmi
from fsmi.measures.fcmi import fcmi
from fsmi.measures.fsmi import approx_fsmi, fsmi, uniform_fsmi
from fsmi.measures.numerical import numerical
from fsmi.measures.shannon import shannon
from fsmi.sensor import RangeSensor

# Name -> function of a prepared `Beam` and keyword options, in nats; its docstring says what it is.
MEASURES: dict[str, Callable[..., float]] = {
    "numerical": numerical,
    "fsmi": fsmi,
    "approx_fsmi": approx_fsmi,
    "uniform_fsmi": uniform_fsmi,
    "shannon": shannon,
    "csqmi": csqmi,
    "approx_csqmi": approx_csqmi,
    "fcmi": fcmi,
}


def _check_options(measure: str, options: dict[str, Any]) -> None:
    known = list(inspect.signature(MEASURES[measure]).parameters)[1:]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise TypeError(
            f"measure {measure!r} has no option {', '.join(unknown)};"
            f" it takes {', '.join(known) if known else 'none'}"
        )


def beam_mi(
    occupancy: npt.ArrayLike,
    sensor: RangeSensor | None = None,
    *,
    cell: npt.ArrayLike = 1.0,
    sigma: float = 0.0,
    delta_occ: float = 1.5,
    delta_emp: float = 1.0 / 1.5,
    measure: str = "fsmi",
    base: float = 2,
    count_no_hit: bool = True,
    **options: Any,
) -> float:
    """Mutual information [bit] between one beam and the cells that it crosses.

    Parameters
    ----------
    occupancy : array_like (n,)
        Probability that each cell is occupied, the first cell first; 0 and 1 are legal. An int8
        array is read in ROS coding (-1 unknown, 0..100 per cent), as grids keep it.
    sensor : RangeSensor, optional
        Where given, `sigma`, the deltas and `count_no_hit` are its own, and the cells that
        begin at or beyond its `max_range` are left out.
    cell : float or array_like (n,)
        Length of the way through every cell or through each [m]. `uniform_fsmi` needs one
        length; `fcmi` needs `resolution` if lengths differ.
    sigma : float
        Standard deviation of the range noise [m].
    delta_occ, delta_emp : float
        Inverse sensor model: factors on the odds of the cell hit (> 1) and of those before it.
    measure : str
        One of `MEASURES`:

        - ``numerical``: FSMI by quadrature over the reading, the slow reference (`order`);
        - ``fsmi``: the same in closed form, theorem 1 of Zhang et al. 2019;
        - ``approx_fsmi``: noise cut off `window` cells from the true one (default 3 sigma);
        - ``uniform_fsmi``: noise uniform over 2 `half_width` + 1 cells (default: like sigma);
        - ``shannon``: the true information of a noise-free beam, whatever `sigma` and deltas;
        - ``csqmi``, ``approx_csqmi``: Cauchy-Schwarz quadratic MI, exact and cut off at `window`;
        - ``fcmi``: continuous occupancy (`dimension` 1, 2, 3, `max_rate`, `resolution`).
    base : float
        Base of the logarithm: 2 for bits, `math.e` for nats.
    count_no_hit : bool
        Whether no return updates the map. `fsmi.measures` states the convention.
    **options
        The options of the measure, named above.

    Returns
    -------
    float
        Information in the unit of `base`; for `fcmi` times m^(dimension - 1).

    Raises
    ------
    ValueError, TypeError
        On values outside their range, unknown measures or options; the message says what is
        allowed.
    """
    if measure not in MEASURES:
        raise ValueError(f"measure is {measure!r}; one of {', '.join(MEASURES)}")
    if options:
        _check_options(measure, options)
    unit = check_base(base)
    given = {
        "sigma": sigma,
        "delta_occ": delta_occ,
        "delta_emp": delta_emp,
        "count_no_hit": count_no_hit,
    }
    return MEASURES[measure](prepare(occupancy, cell, sensor, given), **options) / unit
