"""Where the two packages meet: the information of a scan is that of a table of maps and readings.

On maps of up to 12 cells every map is enumerated. `privfunnel.entropy.mutual_information` of the
joint table of map and measurement must equal what fsmi computes along its beams.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fsmi import (
    OccupancyGrid,
    RangeSensor,
    beam_mi,
    mi_map,
    monte_carlo_mi,
    path_mi,
    run_lengths,
    runs_mi,
    scan_mi,
)
from privfunnel.entropy import mutual_information
from tests import reference, reference_maps

PROBABILITY = st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 0.5, 1.0]))
POSE = (1.4, 1.3, 0.35)  # (x, y, theta) in a map of 4 x 3 cells of 1 m


def grid_of(seed: int, shape: tuple[int, int] = (3, 4)) -> OccupancyGrid:
    """A small map of known, unknown and in-between cells, free under the sensor."""
    o = np.random.default_rng(seed).choice([0.05, 0.3, 0.5, 0.5, 0.9], shape).astype(np.float32)
    o[1, 1] = 0.0
    return OccupancyGrid(o, 1.0)


def scan_table(
    grid: OccupancyGrid, poses: list[tuple[float, float, float]], sensor: RangeSensor
) -> np.ndarray:
    """joint[map, outcome]: every map, and which cell stops each noise-free beam in it."""
    columns = grid.shape[1]
    beams = [
        [i * columns + j for i, j in reference_maps.beam_cells(grid.shape, pose, angle, 99.0)]
        for pose in poses
        for angle in sensor.angles()
    ]

    def outcome(cells: reference.Map) -> tuple[int, ...]:
        return tuple(next((c for c in beam if cells[c]), reference.NO_HIT) for beam in beams)

    joint, _ = reference.joint_table(grid.occupancy.ravel().astype(float).tolist(), outcome)
    return joint


@settings(deadline=None, max_examples=40)
@given(st.lists(PROBABILITY, min_size=1, max_size=9))
@example([3e-209])
def test_a_beam_is_a_table_of_maps_and_first_hits(occupancy: list[float]) -> None:
    joint, _ = reference.joint_table(occupancy, reference.first_hit_of)
    truth = mutual_information(joint)
    assert beam_mi(occupancy, measure="shannon") == pytest.approx(truth, abs=1e-9)
    assert runs_mi(*run_lengths(occupancy), measure="shannon") == pytest.approx(truth, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_a_beam_of_twelve_cells(seed: int) -> None:
    occupancy = np.random.default_rng(seed).random(12)
    joint, _ = reference.joint_table(occupancy.tolist(), reference.first_hit_of)
    assert joint.shape == (4096, 13)
    assert beam_mi(occupancy, measure="shannon") == pytest.approx(
        mutual_information(joint), abs=1e-9
    )
    # Bold updates without noise say the same in the other way; soft ones never claim more.
    bold = beam_mi(occupancy, delta_occ=1e15, delta_emp=1e-15)
    assert bold == pytest.approx(mutual_information(joint), abs=1e-9)
    assert beam_mi(occupancy) < mutual_information(joint)


@settings(deadline=None, max_examples=20)
@given(st.lists(PROBABILITY, min_size=1, max_size=12), st.floats(0.0, 4.0))
def test_fsmi_equals_julian_quadrature(occupancy: list[float], sigma: float) -> None:
    sigma = sigma if sigma > 1e-3 else 0.0
    assert beam_mi(occupancy, sigma=sigma, measure="fsmi") == pytest.approx(
        beam_mi(occupancy, sigma=sigma, measure="numerical"), abs=1e-6
    )


@pytest.mark.parametrize("heading", [0.0, 0.35, math.pi / 4, 2.0, -math.pi / 2])
def test_a_scan_of_one_beam_is_its_table(heading: float) -> None:
    grid, pose = grid_of(1), (1.4, 1.3, heading)
    sensor = RangeSensor(n_beams=1, max_range=99.0)
    truth = mutual_information(scan_table(grid, [pose], sensor))
    for joint in (False, True):
        got = scan_mi(grid, [pose], sensor, measure="shannon", joint=joint, tol=0.0)
        assert got[0] == pytest.approx(truth, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_beams", [2, 5, 9])
def test_a_joint_scan_lies_where_its_table_says(seed: int, n_beams: int) -> None:
    grid, sensor = grid_of(seed), RangeSensor(n_beams=n_beams, max_range=99.0)
    joint = scan_table(grid, [POSE], sensor)
    truth = mutual_information(joint)
    options = {"measure": "shannon", "tol": 0.0}
    once = scan_mi(grid, [POSE], sensor, joint=True, **options)[0]
    summed = scan_mi(grid, [POSE], sensor, **options)[0]
    assert once <= truth + 1e-9
    assert truth <= summed + 1e-9
    assert once > 0.9 * truth
    sampled = monte_carlo_mi(grid, [POSE], sensor, measure="shannon", n_maps=4000, rng=seed)
    # Four standard errors, and a floor for the scans that tell the same in every map.
    assert abs(sampled.value[0] - truth) < 4.0 * sampled.standard_error[0] + 1e-9


def test_seen_cells_count_their_own_entropy() -> None:
    # I(M; scan) = sum_c P(c is seen) h(o_c): fsmi-math section 5, on the table's own maps.
    grid, sensor = grid_of(7), RangeSensor(n_beams=9, max_range=99.0)
    occupancy = grid.occupancy.ravel().astype(float).tolist()
    beams = [
        [i * 4 + j for i, j in reference_maps.beam_cells(grid.shape, POSE, angle, 99.0)]
        for angle in sensor.angles()
    ]
    seen = np.zeros(12)
    for cells, p in reference.all_maps(occupancy):
        visible: set[int] = set()
        for beam in beams:
            stop = next((k for k, c in enumerate(beam) if cells[c]), len(beam) - 1)
            visible.update(beam[: stop + 1])
        seen[list(visible)] += p
    total = sum(s * reference_maps.entropy(o) for s, o in zip(seen, occupancy, strict=True))
    truth = mutual_information(scan_table(grid, [POSE], sensor))
    assert total / math.log(2.0) == pytest.approx(truth, abs=1e-12)


def test_a_path_lies_where_its_table_says() -> None:
    grid, sensor = grid_of(3), RangeSensor(n_beams=5, max_range=99.0)
    poses = [POSE, (1.6, 1.5, 2.0)]
    truth = mutual_information(scan_table(grid, poses, sensor))
    added = path_mi(grid, poses, sensor, measure="shannon", tol=0.0)
    assert 0.85 * truth < added.sum() <= truth + 1e-9
    sampled = monte_carlo_mi(grid, poses, sensor, measure="shannon", path=True, n_maps=4000, rng=0)
    assert abs(sampled.total - truth) < 4.0 * sampled.total_error


def test_a_map_of_beams_along_one_row_is_its_tables() -> None:
    # One row of cells seen along the row: every origin's beams are tables of their own.
    row = [0.3, 0.5, 0.0, 0.5, 0.2, 0.7]
    surface = mi_map(
        OccupancyGrid(np.array([row], dtype=np.float32), 1.0),
        RangeSensor(n_beams=2, max_range=99.0),
        measure="shannon",
    )
    exact = np.float32(row).astype(float).tolist()
    for i in range(len(row)):
        truth = sum(
            mutual_information(reference.joint_table(view, reference.first_hit_of)[0])
            for view in (exact[i:], exact[i::-1])
        )
        assert surface[0, i] == pytest.approx(truth, rel=1e-5)
