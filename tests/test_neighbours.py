"""Neighbours and counts against all distances: every backend, every kind of degenerate input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privfunnel.estimators import neighbours
from privfunnel.estimators.neighbours import count_below, count_within, nearest
from tests.reference_knn import distances


def samples(n: int, d: int, kind: str) -> np.ndarray:
    rng = np.random.default_rng(n + d)
    if kind == "normal":
        return rng.normal(size=(n, d))
    if kind == "lattice":
        return rng.integers(0, 4, (n, d)).astype(float)
    if kind == "heavy":
        return rng.standard_cauchy((n, d)) ** 3
    if kind == "sorted":
        return np.sort(rng.normal(size=(n, d)), axis=0)
    return np.full((n, d), 2.5)


KINDS = ["normal", "lattice", "heavy", "sorted", "equal"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "d"), [(40, 1), (700, 2), (700, 8), (2100, 12)])
def test_nearest_matches_all_distances(n: int, d: int, kind: str) -> None:
    points = samples(n, d, kind)
    exact = distances(points)
    want = np.sort(exact, axis=1)[:, :5]
    for search in (nearest, neighbours._nearest_by_tree, neighbours._nearest_by_bits):
        near, who = search(points, 5)
        np.testing.assert_array_equal(near, want)
        # The indices are of other rows, all different, at these distances.
        np.testing.assert_array_equal(np.take_along_axis(exact, who, axis=1), want)
        assert (np.diff(np.sort(who, axis=1), axis=1) > 0).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "d"), [(40, 1), (700, 1), (700, 2), (2100, 12), (3000, 3)])
def test_counts_match_all_distances(n: int, d: int, kind: str) -> None:
    points = samples(n, d, kind)
    exact = distances(points)
    # The radius of a neighbour in a larger space, which lies exactly on the edge for some.
    radius = np.sort(exact, axis=1)[:, 6]
    below = np.where(radius > 0, (exact < radius[:, None]).sum(1), (exact == 0).sum(1))
    np.testing.assert_array_equal(count_below(points, radius), below)
    np.testing.assert_array_equal(count_within(points, radius), (exact <= radius[:, None]).sum(1))


@pytest.mark.parametrize("k", [1, 2, 30])
def test_many_neighbours(k: int) -> None:
    points = samples(31, 7, "normal")
    want = np.sort(distances(points), axis=1)[:, :k]
    for search in (neighbours._nearest_by_tree, neighbours._nearest_by_bits):
        np.testing.assert_array_equal(search(points, k)[0], want)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(2, 60),
    st.integers(1, 4),
    st.integers(0, 10**6),
    st.sampled_from([2.0**-990, 2.0**-26, 1.0, 2.0**40]),
    st.floats(-1e6, 1e6),
)
def test_counts_at_any_scale_and_place(
    n: int, d: int, seed: int, scale: float, shift: float
) -> None:
    # Whole numbers times a power of two keep differences exact, so the edge is where it should be.
    rng = np.random.default_rng(seed)
    points = rng.integers(-9, 9, (n, d)) * scale
    if scale == 1.0:
        points = points + round(shift)
    exact = distances(points)
    radius = exact[np.arange(n), rng.integers(0, n - 1, n) - np.arange(n) - 1]
    radius = np.where(np.isfinite(radius), radius, 0.0)
    below = np.where(radius > 0, (exact < radius[:, None]).sum(1), (exact == 0).sum(1))
    np.testing.assert_array_equal(count_below(points, radius), below)
    np.testing.assert_array_equal(count_within(points, radius), (exact <= radius[:, None]).sum(1))
