"""Runs from the tree against a dense traversal and against sorted crossings."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsmi._jit import bit_length, kernel
from fsmi._lattice import HALF
from fsmi.raycast import trace_3d
from fsmi.raycast3d import Runs, cast_runs, simulate_ranges_3d
from fsmi.sensor3d import DepthCamera, SpinningLidar
from fsmi.voxels import VoxelMap
from tests.reference_voxels import beam_cells, random_dense

RESOLUTION = 0.125  # exact in binary: points on voxel faces stay there
ORIGIN = (-0.375, -1.75, 0.875)


def scene(block: int, shape: tuple[int, int, int] = (24, 40, 33)) -> VoxelMap:
    return VoxelMap.from_dense(
        random_dense(np.random.default_rng(block), shape, block), RESOLUTION, ORIGIN
    )


SCENES = {block: scene(block) for block in (1, 2, 4, 8, 16, 64)}
DENSE = {block: voxels.to_dense(dtype=float) for block, voxels in SCENES.items()}


def dense_runs(block: int, origin: np.ndarray, ray: np.ndarray, length: float) -> tuple:
    """Occupancy of each voxel and boundaries [m] by `trace_3d` on the dense array."""
    voxels, dense = SCENES[block], DENSE[block]
    start = origin * (1.0 / RESOLUTION) - (np.array(voxels.low) - HALF)
    shape = np.array(dense.shape)
    flat = np.empty(sum(dense.shape) + 5, dtype=np.uintp)
    edges = np.empty(flat.size + 1)
    n = trace_3d(start, ray / np.linalg.norm(ray), length / RESOLUTION, shape, flat, edges)
    return dense.ravel()[flat[:n]], np.minimum(edges[: n + 1] * RESOLUTION, length)


def assert_same(runs: Runs, occupancy: np.ndarray, edges: np.ndarray) -> None:
    assert runs.cells.sum() == len(occupancy)
    np.testing.assert_array_equal(np.repeat(runs.occupancy, runs.cells), occupancy)
    ends = np.concatenate(([0], np.cumsum(runs.cells)))
    np.testing.assert_allclose(runs.edges, edges[ends], rtol=0.0, atol=1e-9)


def special_rays(rng: np.random.Generator, n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Origins [voxels from the corner] and directions, half of them full of ties."""
    rays = []
    for m in range(n):
        where = rng.random(3) * (33, 40, 24)
        ray = rng.normal(size=3)
        if m % 2:
            where = np.floor(where) + rng.choice([0.0, 0.25, 0.5], size=3)
            ray = rng.integers(-3, 4, size=3).astype(float)
        if m % 8 == 0:  # nearly in a plane of voxels
            ray[rng.integers(3)] *= 1e-8
        if np.any(ray):
            rays.append((where, ray))
    return rays


@pytest.mark.parametrize("block", SCENES)
def test_runs_equal_the_dense_traversal(block: int) -> None:
    rng = np.random.default_rng(10 + block)
    low = np.array(SCENES[block].bounds[:3])
    tested = 0
    for where, ray in special_rays(rng, 600):
        origin = low + where * RESOLUTION
        if not SCENES[block].contains(origin):
            continue
        length = float(rng.choice([0.05, 0.1, 1.0, 3.0, math.inf]))
        runs = cast_runs(SCENES[block], origin, ray, length)
        assert_same(runs, *dense_runs(block, origin, ray, length))
        tested += 1
    assert tested > 500


@pytest.mark.parametrize("block", [1, 8])
def test_runs_equal_sorted_crossings(block: int) -> None:
    """A second twin that shares no code: planes sorted by distance."""
    voxels, dense = SCENES[block], DENSE[block]
    rng = np.random.default_rng(20)
    for where, ray in special_rays(rng, 80):
        if m_on_boundary(where, ray):
            continue
        origin = np.array(voxels.bounds[:3]) + where * RESOLUTION
        if not voxels.contains(origin):
            continue
        cells, edges = beam_cells(dense, where, ray, 20.0)
        runs = cast_runs(voxels, origin, ray, 20.0 * RESOLUTION)
        occupancy = np.array([dense[cell] for cell in cells])
        np.testing.assert_allclose(np.repeat(runs.occupancy, runs.cells), occupancy)
        ends = np.concatenate(([0], np.cumsum(runs.cells)))[:-1]
        np.testing.assert_allclose(runs.edges[:-1], np.array(edges)[ends] * RESOLUTION, atol=1e-9)


def m_on_boundary(where: np.ndarray, ray: np.ndarray) -> bool:
    """Whether the ray begins on a plane, where `origin` in metres may round to either side."""
    return bool(((where % 1.0 == 0.0) | (np.abs(ray) < 1e-5)).any())


@given(st.integers(0, 6), st.integers(1, 40), st.integers(-40, 40), st.integers(-40, 40))
@settings(deadline=None, max_examples=150)
def test_rational_slopes_tie_like_the_dense_traversal(which: int, a: int, b: int, c: int) -> None:
    """Directions of a camera on the lattice: ties as rare as once in 40 voxels."""
    ray = np.array(list(itertools.permutations((a, b, c)))[which % 6], dtype=float)
    origin = np.array(SCENES[64].bounds[:3]) + np.array([5.5, 20.5, 12.5]) * RESOLUTION
    for block in (8, 64):
        runs = cast_runs(SCENES[block], origin, ray)
        assert_same(runs, *dense_runs(block, origin, ray, math.inf))


def test_homogeneous_space_is_one_run() -> None:
    voxels = VoxelMap.unknown((-100, -100, -100, 100, 100, 100), 0.05)
    runs = cast_runs(voxels, (0.01, 0.02, 0.03), (1.0, 0.3, -0.2), 50.0, prior=0.1)
    assert runs.occupancy.tolist() == [0.1]
    assert runs.length.sum() == pytest.approx(50.0)
    d = np.array([1.0, 0.3, -0.2]) / np.linalg.norm([1.0, 0.3, -0.2])
    assert runs.cells[0] == pytest.approx(1 + 1000 * np.abs(d).sum(), abs=3)


@pytest.mark.parametrize(
    "sensor",
    [SpinningLidar(5, 24, max_range=2.0), DepthCamera(12, 9, fx=8.0, fy=8.0, max_range=2.5)],
)
def test_simulated_ranges_are_those_of_the_first_solid_voxel(sensor) -> None:  # type: ignore[no-untyped-def]
    voxels = SCENES[4]
    pose = (1.634, 0.151, 2.421, 0.4)
    ranges = simulate_ranges_3d(voxels, pose, sensor)[0]
    assert np.isinf(ranges).any()
    assert np.isfinite(ranges).any()
    c, s = math.cos(0.4), math.sin(0.4)
    turn = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    for ray, found in zip(sensor.directions() @ turn.T, ranges, strict=True):
        runs = cast_runs(voxels, pose[:3], ray, sensor.max_range, prior=0.0)
        solid = np.flatnonzero(runs.occupancy > 0.5)
        assert found == pytest.approx(runs.edges[solid[0]] if solid.size else math.inf)


@pytest.mark.parametrize(
    ("origin", "ray", "max_range", "message"),
    [
        ((0, 0, 0), (1, 0, 0), 1.0, "outside the map"),
        ((math.nan, 0, 1), (1, 0, 0), 1.0, "not finite"),
        ((0, 0, 1), (0, 0, 0), 1.0, "not all zero"),
        ((0, 0, 1), (math.inf, 0, 0), 1.0, "not all zero"),
        ((0, 0, 1), (1, 0), 1.0, "not all zero"),
        ((0, 0, 1), (1, 0, 0), 0.0, "max_range is 0"),
        ((0, 0, 1), (1, 0, 0), math.nan, "max_range is nan"),
        ((0, 0), (1, 0, 0), 1.0, r"origin has shape \(2,\)"),
    ],
)
def test_bad_rays_are_named(origin, ray, max_range, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        cast_runs(SCENES[8], origin, ray, max_range)


@kernel
def _compiled_bits(number: int) -> int:
    return bit_length(number)


def test_bit_lengths_in_compiled_code() -> None:
    compiled = _compiled_bits
    for number in (0, 1, 2, 3, 255, 256, 65535, 1 << 40):
        assert compiled(number) == bit_length(number) == number.bit_length()
