"""The run-length forms equal the cells."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsmi import RangeSensor, beam_mi, run_lengths, runs_mi
from fsmi.measures import RUN_MEASURES

OCCUPANCY = st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 1e-9, 0.02, 0.5, 0.97, 1.0]))
RUNS = st.lists(st.tuples(OCCUPANCY, st.integers(1, 30)), min_size=1, max_size=8)


@settings(deadline=None, max_examples=80)
@given(RUNS, st.sampled_from([0.0, 0.3, 1.0, 4.0, 30.0]), st.booleans())
@pytest.mark.parametrize("measure", RUN_MEASURES)
def test_runs_equal_cells(
    measure: str, runs: list[tuple[float, int]], sigma: float, counted: bool
) -> None:
    o, lengths = zip(*runs, strict=True)
    options: dict[str, Any] = {"sigma": sigma, "measure": measure, "count_no_hit": counted}
    cells = beam_mi(np.repeat(o, lengths), **options)
    assert runs_mi(o, lengths, **options) == pytest.approx(cells, rel=1e-12, abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(RUNS)
def test_run_lengths_is_the_inverse_of_repeat(runs: list[tuple[float, int]]) -> None:
    cells = np.repeat(*zip(*runs, strict=True))
    o, lengths = run_lengths(cells)
    np.testing.assert_array_equal(np.repeat(o, lengths), cells)
    assert np.all(o[1:] != o[:-1])


@pytest.mark.parametrize("measure", RUN_MEASURES)
def test_a_billion_cells_cost_no_more_than_a_few(measure: str) -> None:
    far = runs_mi([1e-12, 0.5, 1.0], [10**9, 7, 3], sigma=1.0, measure=measure)
    assert math.isfinite(far)
    near = runs_mi([0.0, 0.5, 1.0], [100, 7, 3], sigma=1.0, measure=measure)
    assert far == pytest.approx(near, rel=0.05)


@pytest.mark.parametrize("measure", RUN_MEASURES)
@pytest.mark.parametrize("max_range", [0.05, 0.34, 0.35, 0.36, 1.0, 50.0])
def test_a_sensor_cuts_runs_as_it_cuts_cells(measure: str, max_range: float) -> None:
    sensor = RangeSensor(max_range=max_range, sigma=0.07)
    o, lengths = [0.1, 0.5, 0.2], [4, 3, 9]
    want = beam_mi(np.repeat(o, lengths), sensor, cell=0.05, measure=measure)
    assert runs_mi(o, lengths, sensor, cell=0.05, measure=measure) == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize(
    ("o", "lengths", "options", "error", "message"),
    [
        ([0.5], [0], {}, ValueError, "lengths holds 0"),
        ([0.5], [-3], {}, ValueError, "lengths holds -3"),
        ([0.5], [1, 2], {}, ValueError, "lengths has shape"),
        ([0.5], [1.5], {}, TypeError, "lengths has dtype float64"),
        ([], [], {}, ValueError, "non-empty"),
        ([1.5], [1], {}, ValueError, "holds 1.5"),
        ([0.5], [1], {"measure": "csqmi"}, ValueError, "'csqmi'; on runs one of fsmi"),
        ([0.5], [1], {"cell": [0.1]}, ValueError, "one finite length"),
        ([0.5], [1], {"cell": 0.0}, ValueError, "cell is 0.0"),
        ([0.5], [1], {"delta_occ": 0.5}, ValueError, "delta_occ is 0.5"),
    ],
)
def test_bad_runs_are_refused(
    o: list[float], lengths: list[float], options: dict[str, Any], error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        runs_mi(o, lengths, **options)
