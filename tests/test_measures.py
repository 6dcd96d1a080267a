"""`beam_mi` over the whole registry: properties, the convention, traps, bad input."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fsmi
from fsmi import MEASURES, RangeSensor, beam_mi
from tests import reference

NATS: dict[str, Any] = {"base": math.e}
PROBABILITY = st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 0.5, 1.0]))
BEAMS = st.lists(PROBABILITY, min_size=1, max_size=12)
SIGMAS = st.sampled_from([0.0, 0.05, 0.4, 1.0, 3.0])
LENGTHS = st.floats(0.2, 3.0)
GAINS = ["numerical", "fsmi", "approx_fsmi", "uniform_fsmi"]


@settings(deadline=None, max_examples=60)
@given(BEAMS, SIGMAS, st.booleans())
@pytest.mark.parametrize("measure", MEASURES)
def test_information_is_never_negative(
    measure: str, occupancy: list[float], sigma: float, counted: bool
) -> None:
    # The densities of fcmi have no sign without the outcome that completes them.
    counted = counted or measure == "fcmi"
    value = beam_mi(occupancy, sigma=sigma, measure=measure, count_no_hit=counted)
    assert value >= 0.0
    assert math.isfinite(value)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("sigma", [0.0, 0.7])
@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("known", [[0.0], [1.0], [0.0, 0.0, 0.0], [0.0, 1.0], [1.0, 0.0, 1.0]])
def test_a_known_map_has_nothing_to_tell(
    measure: str, sigma: float, counted: bool, known: list[float]
) -> None:
    value = beam_mi(known, sigma=sigma, measure=measure, count_no_hit=counted)
    assert value == pytest.approx(0.0, abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(st.data(), SIGMAS, st.booleans())
@pytest.mark.parametrize("measure", ["numerical", "fsmi"])
def test_fsmi_and_quadrature_are_theorem_1(
    measure: str, data: st.DataObject, sigma: float, counted: bool
) -> None:
    occupancy = data.draw(BEAMS)
    lengths = data.draw(st.lists(LENGTHS, min_size=len(occupancy), max_size=len(occupancy)))
    want = reference.expected_gain(
        occupancy, reference.gaussian_noise(lengths, sigma), count_no_hit=counted
    )
    got = beam_mi(
        occupancy, cell=lengths, sigma=sigma, measure=measure, count_no_hit=counted, **NATS
    )
    assert got == pytest.approx(want, abs=1e-10)


@settings(deadline=None, max_examples=30)
@given(BEAMS, st.floats(0.02, 5.0), st.floats(1.1, 50.0), st.floats(0.02, 0.9))
def test_fsmi_equals_julian_quadrature(
    occupancy: list[float], sigma: float, delta_occ: float, delta_emp: float
) -> None:
    options: dict[str, Any] = {"sigma": sigma, "delta_occ": delta_occ, "delta_emp": delta_emp}
    exact = beam_mi(occupancy, measure="fsmi", **options)
    assert exact == pytest.approx(beam_mi(occupancy, measure="numerical", **options), abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(st.data(), SIGMAS, st.integers(0, 5), st.booleans())
def test_approx_fsmi_is_the_truncated_double_sum(
    data: st.DataObject, sigma: float, window: int, counted: bool
) -> None:
    occupancy = data.draw(BEAMS)
    lengths = data.draw(
        st.one_of(
            st.just([0.7] * len(occupancy)),
            st.lists(LENGTHS, min_size=len(occupancy), max_size=len(occupancy)),
        )
    )
    noise = reference.gaussian_noise(lengths, sigma, window)
    got = beam_mi(
        occupancy, cell=lengths, sigma=sigma, measure="approx_fsmi", window=window,
        count_no_hit=counted, **NATS,
    )  # fmt: skip
    want = reference.expected_gain(occupancy, noise, count_no_hit=counted)
    assert got == pytest.approx(want, abs=1e-13)


@settings(deadline=None, max_examples=40)
@given(BEAMS, st.integers(0, 20), st.booleans())
def test_uniform_fsmi_is_the_double_sum(occupancy: list[float], half: int, counted: bool) -> None:
    want = reference.expected_gain(occupancy, reference.uniform_noise(half), count_no_hit=counted)
    got = beam_mi(occupancy, measure="uniform_fsmi", half_width=half, count_no_hit=counted, **NATS)
    assert got == pytest.approx(want, abs=1e-13)


def test_truncation_is_as_close_as_claimed() -> None:
    rng = np.random.default_rng(1)
    for occupancy in (np.full(100, 0.5), np.full(100, 0.03), rng.random(100) ** 2):
        exact = beam_mi(occupancy, sigma=1.0, measure="fsmi")
        three, four = (
            beam_mi(occupancy, sigma=1.0, measure="approx_fsmi", window=w) for w in (3, 4)
        )
        assert abs(three / exact - 1.0) < 2e-3
        assert abs(four / exact - 1.0) < 5e-5


@settings(deadline=None, max_examples=30)
@given(st.lists(PROBABILITY, min_size=1, max_size=8), st.booleans())
@pytest.mark.parametrize("measure", GAINS)
def test_without_noise_every_fsmi_is_the_mean_over_all_maps(
    measure: str, occupancy: list[float], counted: bool
) -> None:
    want = reference.expected_gain_over_maps(occupancy, 1.5, 1.0 / 1.5, counted)
    got = beam_mi(occupancy, measure=measure, count_no_hit=counted, **NATS)
    assert got == pytest.approx(want, abs=1e-13)


@settings(deadline=None, max_examples=40)
@given(BEAMS, st.booleans())
@pytest.mark.parametrize("measure", GAINS)
def test_bold_deltas_without_noise_give_the_entropy_of_the_first_hit(
    measure: str, occupancy: list[float], counted: bool
) -> None:
    # Occupancies below 1/delta are not resolved by any finite delta.
    clear = [o if min(o, 1.0 - o) > 1e-6 else round(o) * 1.0 for o in occupancy]
    bold = beam_mi(clear, delta_occ=1e20, delta_emp=1e-20, measure=measure, count_no_hit=counted)
    assert bold == pytest.approx(beam_mi(clear, measure="shannon", count_no_hit=counted), abs=1e-9)


def test_soft_deltas_claim_a_few_per_cent_of_the_true_information() -> None:
    unknown = [0.5] * 20
    assert beam_mi(unknown) / beam_mi(unknown, measure="shannon") == pytest.approx(0.025, abs=5e-3)


def test_bold_deltas_with_noise_claim_more_than_there_is() -> None:
    unknown = [0.5] * 8
    true = reference.noisy_information(unknown, [1.0] * 8, 1.0) / math.log(2.0)
    bold = beam_mi(unknown, sigma=1.0, delta_occ=1e6, delta_emp=1e-6)
    assert true < beam_mi(unknown, measure="shannon")
    assert bold > 2.0 * true


# The traps of the field, each with its measured size.


@pytest.mark.parametrize("measure", GAINS)
def test_trap_4_counting_the_no_hit_outcome_is_an_option(measure: str) -> None:
    corridor = [0.03] * 30
    counted, dropped = (
        beam_mi(corridor, measure=measure, count_no_hit=c, **NATS) for c in (True, False)
    )
    none = 0.97**30 * reference.report_gain(corridor, reference.NO_HIT, 1.5, 1.0 / 1.5)
    assert counted - dropped == pytest.approx(none, abs=1e-14)
    assert counted / dropped == pytest.approx(2.4, abs=0.2)


@pytest.mark.parametrize("measure", ["numerical", "fsmi"])
def test_trap_5_noise_off_the_beam_is_dropped_and_matters(measure: str) -> None:
    unknown, sigma = [0.5] * 20, 1.0
    dropped = beam_mi(unknown, sigma=sigma, measure=measure, **NATS)
    # The same beam with the readings behind the sensor read as its first cell.
    gain_first = reference.report_gain(unknown, 0, 1.5, 1.0 / 1.5)
    behind = sum(
        0.5 ** (j + 1) * reference.normal_mass(-math.inf, -(j + 0.5) / sigma) for j in range(20)
    )
    folded = dropped + behind * gain_first
    assert 0.05 < 1.0 - dropped / folded < 0.25


@pytest.mark.parametrize("measure", ["numerical", "fsmi"])
def test_trap_5_known_free_cells_around_a_beam_show_what_was_dropped(measure: str) -> None:
    unknown, sigma = [0.5, 0.4, 0.5], 1.0
    options: dict[str, Any] = {"sigma": sigma, "measure": measure, **NATS}
    dropped = beam_mi(unknown, **options)
    # Read behind the sensor or in a cell known to be free: nothing is told either way.
    assert beam_mi([0.0] * 9 + unknown, **options) == pytest.approx(dropped, abs=1e-15)
    # Read in a free cell past the end, though, a hit clears the whole beam.
    hits = [0.5, 0.5 * 0.4, 0.5 * 0.6 * 0.5]
    past = sum(p * reference.normal_mass((2.5 - j) / sigma, 11.5 - j) for j, p in enumerate(hits))
    cleared = past * reference.report_gain(unknown, reference.NO_HIT, 1.5, 1.0 / 1.5)
    assert cleared > 0.05 * dropped
    assert beam_mi(unknown + [0.0] * 9, **options) == pytest.approx(dropped + cleared, abs=1e-12)


@pytest.mark.parametrize("measure", ["numerical", "fsmi", "approx_fsmi", "uniform_fsmi"])
def test_trap_5_a_reading_off_the_beam_adds_nothing_and_no_return_is_never_mistaken(
    measure: str,
) -> None:
    # One certain wall in one cell of a beam: only its own reading could tell, and it tells 0;
    # one unknown cell: mass m of the readings stays on it.
    for sigma in (0.2, 1.0):
        half = round(max(0.0, 0.5 * (math.sqrt(12.0) * sigma - 1.0)))
        inside = 1.0 - 2.0 * reference.normal_mass(-math.inf, -0.5 / sigma)
        mass = 1.0 / (2 * half + 1) if measure == "uniform_fsmi" else inside
        hit = 0.5 * mass * reference.report_gain([0.5], 0, 1.5, 1.0 / 1.5)
        none = 0.5 * reference.report_gain([0.5], reference.NO_HIT, 1.5, 1.0 / 1.5)
        assert beam_mi([0.5], sigma=sigma, measure=measure, **NATS) == pytest.approx(hit + none)
        assert beam_mi(
            [0.5], sigma=sigma, measure=measure, count_no_hit=False, **NATS
        ) == pytest.approx(hit)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("sigma", [0.0, 1.0])
def test_trap_6_saturated_cells_work_and_close_the_view(measure: str, sigma: float) -> None:
    open_view = [0.3, 0.2, 0.5, 0.5]
    walled = [0.3, 1.0, 0.5, 0.5]
    assert math.isfinite(beam_mi([0.0, 0.5, 1.0, 0.5], sigma=sigma, measure=measure))
    # Almost certain is almost the same as certain, on both sides.
    for near, at in ((1e-12, 0.0), (1.0 - 1e-12, 1.0)):
        if measure == "fcmi" and at == 1.0:
            continue  # its walls count by ln(Lambda / rate): 1 - 1e-12 is far from certain
        got = beam_mi([0.3, near, 0.4], sigma=sigma, measure=measure)
        assert got == pytest.approx(beam_mi([0.3, at, 0.4], sigma=sigma, measure=measure), abs=1e-9)
    if sigma == 0.0:
        # Nothing behind a wall is ever seen.
        assert beam_mi(walled, measure=measure) == pytest.approx(
            beam_mi(walled[:2], measure=measure), abs=1e-12
        )
        assert beam_mi(walled, measure=measure) < beam_mi(open_view, measure=measure)


def test_trap_6_walls_short_of_certain_still_pay_with_soft_deltas() -> None:
    wall = [0.0] * 10 + [0.97]
    assert beam_mi(wall) > 0.0
    assert beam_mi([0.0] * 10 + [1.0]) == 0.0


# Shapes, units, sensors.


@pytest.mark.parametrize("measure", MEASURES)
def test_base_sets_the_unit(measure: str) -> None:
    beam = [0.2, 0.5, 0.7]
    bits, nats = (beam_mi(beam, measure=measure, sigma=0.4, base=b) for b in (2, math.e))
    assert nats == pytest.approx(bits * math.log(2.0), rel=1e-14)


@pytest.mark.parametrize("measure", MEASURES)
def test_ros_codes_and_float32_give_the_same(measure: str) -> None:
    codes = np.array([-1, 0, 7, 100, 30], dtype=np.int8)
    floats = np.array([0.5, 0.0, 0.07, 1.0, 0.3], dtype=np.float32)
    assert beam_mi(codes, measure=measure) == beam_mi(floats, measure=measure)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_sensor_brings_its_noise_model_and_range(measure: str) -> None:
    rng = np.random.default_rng(2)
    beam = rng.random(30) * 0.3
    sensor = RangeSensor(
        max_range=1.0, sigma=0.06, delta_occ=3.0, delta_emp=0.4, count_no_hit=False
    )
    # 1 m holds the 20 cells that begin before it.
    want = beam_mi(
        beam[:20], cell=0.05, sigma=0.06, delta_occ=3.0, delta_emp=0.4, count_no_hit=False,
        measure=measure,
    )  # fmt: skip
    assert beam_mi(beam, sensor, cell=0.05, measure=measure) == pytest.approx(want, rel=1e-14)
    short = dataclasses.replace(sensor, max_range=1e-3)
    assert beam_mi(beam, short, cell=0.05, measure=measure) == pytest.approx(
        beam_mi(beam, dataclasses.replace(sensor, max_range=0.05), cell=0.05, measure=measure)
    )


def test_equal_lengths_in_an_array_are_one_length() -> None:
    beam = [0.2, 0.5, 0.7]
    assert beam_mi(beam, cell=[0.1] * 3, measure="uniform_fsmi") == beam_mi(
        beam, cell=0.1, measure="uniform_fsmi"
    )


@settings(deadline=None, max_examples=30)
@given(BEAMS, st.floats(0.05, 2.0), st.floats(0.1, 10.0))
@pytest.mark.parametrize("measure", [m for m in MEASURES if m != "uniform_fsmi"])
def test_only_the_ratio_of_noise_to_cells_counts(
    measure: str, occupancy: list[float], sigma: float, scale: float
) -> None:
    one = beam_mi(occupancy, sigma=sigma, measure=measure)
    assert beam_mi(occupancy, cell=scale, sigma=sigma * scale, measure=measure) == pytest.approx(
        one, rel=1e-9, abs=1e-12
    )


@pytest.mark.parametrize("measure", MEASURES)
def test_long_beams_do_not_underflow(measure: str) -> None:
    long = beam_mi(np.full(700, 0.5), sigma=0.5, measure=measure)
    assert long == pytest.approx(beam_mi(np.full(90, 0.5), sigma=0.5, measure=measure), rel=1e-9)


def test_input_is_left_alone() -> None:
    beam = np.array([0.2, 0.5, 0.7])
    beam.flags.writeable = False
    for measure in MEASURES:
        beam_mi(beam, sigma=0.3, measure=measure)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ([[]], {}, "need a non-empty array"),
        ([[[0.5]]], {}, r"shape \(1, 1\)"),
        ([0.5], {}, r"shape \(\)"),
        ([[0.5, 1.2]], {}, "holds 1.2"),
        ([[0.5, -0.1]], {}, "holds -0.1"),
        ([[0.5, math.nan]], {}, "holds nan"),
        ([[50, 100]], {}, "holds 50.*int8"),
        ([np.array([-2], dtype=np.int8)], {}, "holds -2.*-1"),
        ([np.array([101], dtype=np.int8)], {}, "holds 101.*100"),
        ([[[0.5], [0.5, 0.5]]], {}, "one row of numbers"),
        ([[0.5]], {"measure": "csmi"}, "'csmi'; one of numerical, fsmi"),
        ([[0.5]], {"base": 1.0}, "base is 1.0"),
        ([[0.5]], {"base": math.nan}, "base is nan"),
        ([[0.5]], {"cell": 0.0}, "cell holds 0"),
        ([[0.5]], {"cell": math.inf}, "cell holds inf"),
        ([[0.5]], {"cell": [0.1, 0.1]}, "cell has shape"),
        ([[0.5, 0.5]], {"cell": [0.1, -0.1]}, "cell holds -0.1"),
        ([[0.5]], {"sigma": -1.0}, "sigma is -1.0"),
        ([[0.5]], {"sigma": math.nan}, "sigma is nan"),
        ([[0.5]], {"delta_occ": 1.0}, "delta_occ is 1.0"),
        ([[0.5]], {"delta_emp": 1.0}, "delta_emp is 1.0"),
        ([[0.5]], {"delta_emp": 0.0}, "delta_emp is 0.0"),
        ([[0.5]], {"measure": "approx_fsmi", "window": -1}, "window is -1"),
        ([[0.5]], {"measure": "approx_fsmi", "window": 1.5}, "window is 1.5"),
        ([[0.5]], {"measure": "uniform_fsmi", "half_width": -1}, "half_width is -1"),
        ([[0.5]], {"measure": "approx_csqmi", "window": -1}, "window is -1"),
        ([[0.5]], {"measure": "numerical", "order": 0}, "order is 0"),
        ([[0.5]], {"measure": "fcmi", "dimension": 4}, "dimension is 4; need 1, 2 or 3"),
        ([[0.5]], {"measure": "fcmi", "max_rate": 0.0}, "max_rate is 0.0"),
        ([[0.5]], {"measure": "fcmi", "resolution": -1.0}, "resolution is -1.0"),
        ([[0.5, 0.5]], {"measure": "fcmi", "cell": [0.1, 0.2]}, "needs resolution="),
        ([[0.5, 0.5]], {"measure": "uniform_fsmi", "cell": [0.1, 0.2]}, "0.1 to 0.2 m"),
        ([[0.5], RangeSensor()], {"sigma": 0.1}, "sigma given next to a sensor"),
    ],
)
def test_bad_values_are_refused(
    arguments: list[Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        beam_mi(*arguments, **options)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ([["wall"]], {}, "dtype"),
        ([[True, False]], {}, "dtype bool"),
        ([[0.5j]], {}, "real numbers"),
        ([[0.5], "lidar"], {}, "sensor is 'lidar'"),
        ([[0.5]], {"window": 3}, "'fsmi' has no option window; it takes none"),
        ([[0.5]], {"measure": "approx_fsmi", "width": 3}, "no option width; it takes window"),
    ],
)
def test_bad_types_are_refused(arguments: list[Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        beam_mi(*arguments, **options)


def test_the_registry_is_what_the_design_promises() -> None:
    assert {"numerical", "fsmi", "approx_fsmi", "uniform_fsmi", "csqmi", "fcmi"} <= set(MEASURES)
    assert all(function.__doc__ for function in MEASURES.values())
    assert fsmi.beam_mi is beam_mi
