"""VoxelMap against dictionaries and dense arrays."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsmi.grid import binary_entropy
from fsmi.voxels import VoxelMap
from tests.reference_voxels import leaf_set, merged_leaves, random_dense

SHAPES = [(1, 1, 1), (3, 5, 7), (16, 16, 16), (20, 33, 9)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("block", [1, 4])
def test_dense_round_trip_and_smallest_tree(shape: tuple[int, int, int], block: int) -> None:
    p = random_dense(np.random.default_rng(sum(shape) + block), shape, block)
    voxels = VoxelMap.from_dense(p, 0.1, (-0.7, 0.3, -0.4))
    assert voxels.shape == shape
    np.testing.assert_allclose(voxels.to_dense(), p, rtol=2e-6)
    np.testing.assert_allclose(voxels.bounds[:3], (-0.7, 0.3, -0.4), atol=1e-12)
    low = voxels.low
    with np.errstate(divide="ignore"):
        odds = (np.log(p) - np.log1p(-p)).astype(np.float32)
    cells = {
        (low[0] + j, low[1] + i, low[2] + k): float(odds[k, i, j])
        for k, i, j in np.argwhere(p != 0.5).tolist()
    }
    assert leaf_set(voxels) == merged_leaves(cells)
    assert voxels.entropy() == pytest.approx(float(binary_entropy(p).sum()), rel=1e-5)


def test_same_content_has_the_same_arrays() -> None:
    rng = np.random.default_rng(3)
    keys = rng.integers(-20, 20, size=(400, 3))
    points, added = (keys + 0.5) * 0.1, rng.choice([0.85, -0.4], size=400)
    empty = VoxelMap.unknown((-3, -3, -3, 3, 3, 3), 0.1)
    at_once = empty.insert(points, added)
    in_parts = empty.insert(points[200:], added[200:]).insert(points[:200], added[:200])
    np.testing.assert_allclose(at_once.to_dense(), in_parts.to_dense(), atol=1e-6)
    again = empty.insert(points[::-1], added[::-1])
    assert np.array_equal(at_once.blocks, again.blocks)
    assert np.array_equal(at_once.values, again.values, equal_nan=True)


@given(
    st.lists(st.tuples(*[st.integers(0, 7)] * 3, st.sampled_from([0.85, -0.4, 2.0])), max_size=40)
)
@settings(deadline=None, max_examples=40)
def test_insert_adds_log_odds_and_clamps(points: list[tuple[int, int, int, float]]) -> None:
    voxels = VoxelMap.unknown((0, 0, 0, 2, 2, 2), 0.25)
    want: dict[tuple[int, int, int], float] = {}
    top = math.log(0.9 / 0.1)
    for x, y, z, odds in points:
        voxels = voxels.insert(
            [((x + 0.3) * 0.25, (y + 0.5) * 0.25, (z + 0.9) * 0.25)], odds, limits=(0.1, 0.9)
        )
        key = (x + 32768, y + 32768, z + 32768)
        new = min(max(want.get(key, 0.0) + odds, -top), top)
        want[key] = float(np.float32(new))
    assert leaf_set(voxels) == merged_leaves(want)


def test_a_full_block_merges_and_splits_again() -> None:
    centres = (np.stack(np.meshgrid(*[np.arange(8)] * 3), axis=-1).reshape(-1, 3) + 0.5) * 0.5
    voxels = VoxelMap.unknown((0, 0, 0, 4, 4, 4), 0.5).insert(centres, 1.0)
    assert voxels.n_leaves == 1
    assert voxels.leaves().size.tolist() == [4.0]
    split = voxels.insert(centres[:1], 0.5)
    assert split.n_leaves == 7 + 7 + 8
    assert split.log_odds_at(centres[0]) == pytest.approx(1.5)
    assert split.insert(centres[:1], -0.5).n_leaves == 1


def test_queries_tell_unknown_from_even_odds() -> None:
    voxels = VoxelMap.unknown((-1, -1, 0, 1, 1, 1), 0.1).insert([[0.05, 0.05, 0.05]] * 2, [1, -1])
    assert voxels.n_leaves == 1
    assert voxels.log_odds_at([0.05, 0.05, 0.05]) == 0.0
    assert math.isnan(voxels.log_odds_at([0.15, 0.05, 0.05]))
    assert voxels.occupancy_at([[0.15, 0.05, 0.05]], prior=0.1).tolist() == [0.1]
    assert voxels.entropy(prior=0.0) == pytest.approx(1.0)
    assert voxels.entropy() == pytest.approx(20 * 20 * 10)


def test_layers_are_grids() -> None:
    p = random_dense(np.random.default_rng(1), (4, 6, 5))
    voxels = VoxelMap.from_dense(p, 0.2, (-1.0, 2.0, 0.4))
    grid = voxels.slice_at(0.4 + 0.5)
    np.testing.assert_allclose(grid.occupancy, p[2], rtol=2e-6)
    assert grid.origin[:2] == pytest.approx((-1.0, 2.0))


def test_prune_rounds_and_merges() -> None:
    rng = np.random.default_rng(4)
    p = np.full((16, 16, 16), 0.1) + rng.normal(0, 1e-4, (16, 16, 16))
    voxels = VoxelMap.from_dense(p, 0.1)
    assert voxels.n_leaves > 4000
    small = voxels.prune(0.5)
    assert small.n_leaves == 1
    assert float(small.leaves().log_odds[0]) == pytest.approx(-2.0)
    assert np.array_equal(voxels.prune().blocks, voxels.blocks)


def test_memory_is_linear_in_leaves() -> None:
    rng = np.random.default_rng(5)
    for n in (500, 5000):
        points = rng.random((n, 3)) * 10.0
        voxels = VoxelMap.unknown((0, 0, 0, 10, 10, 10), 0.05).insert(points, 1.0)
        # scattered voxels are the worst case: each may need a block of its own on 8 levels
        assert voxels.nbytes < 8 * 32 * voxels.n_leaves + 32 * 16
    solid = VoxelMap.from_dense(rng.random((40, 40, 40)), 0.1)
    assert solid.nbytes < 9.0 * solid.n_leaves


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: VoxelMap.unknown((0, 0, 0, 1, 1, 1), 0.0), "resolution is 0"),
        (lambda: VoxelMap.unknown((0, 0, 0, 1, 1, 1), math.nan), "resolution is nan"),
        (lambda: VoxelMap.unknown((0, 0, 0, 1, 1, 0), 0.1), "bounds are"),
        (lambda: VoxelMap.unknown((0, 0, 0, 1, 1, 1e6), 0.1), "leaves the tree"),
        (lambda: VoxelMap.unknown((0, 0, 0, 1, 1), 0.1), "bounds are"),
        (lambda: VoxelMap.from_dense(np.zeros((2, 2)), 0.1), r"shape \(2, 2\)"),
        (lambda: VoxelMap.from_dense(np.zeros((0, 2, 2)), 0.1), "non-empty"),
        (lambda: VoxelMap.from_dense(np.full((1, 1, 1), 1.5), 0.1), "holds 1.5"),
        (lambda: VoxelMap.from_dense(np.full((1, 1, 1), np.nan), 0.1), "holds nan"),
        (lambda: VoxelMap.from_dense(np.zeros((1, 1, 1)), 0.1, (0.05, 0, 0)), "not a multiple"),
        (lambda: VoxelMap.from_dense(np.zeros((1, 1, 1)), 0.1, (1e9, 0, 0)), "lies 32768"),
        (lambda: UNIT.insert([[2.0, 0.0, 0.0]], 1.0), "outside the map"),
        (lambda: UNIT.insert([[math.nan, 0.0, 0.0]], 1.0), "outside the map"),
        (lambda: UNIT.insert([[0.0, 0.0]], 1.0), r"shape \(1, 2\)"),
        (lambda: UNIT.insert([[0.1, 0.1, 0.1]], math.inf), "not finite"),
        (lambda: UNIT.insert([[0.1, 0.1, 0.1]], 1.0, limits=(0.6, 0.9)), "limits are"),
        (lambda: UNIT.occupancy_at([0.1, 0.1, 0.1], prior=2.0), "prior is 2"),
        (lambda: UNIT.prune(-1.0), "step is -1"),
        (lambda: UNIT.known_box(), "no known voxel"),
        (lambda: WIDE.to_dense(), "65536 x 65536 x 65536 voxels"),
        (lambda: WIDE.slice_at(0.0), "65536 x 65536 voxels; at most"),
        (lambda: FULL.cropped((0, 0, 0), (1, 1, 1)), "leaves out known"),
    ],
)
def test_bad_input_is_named(make, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        make()


WIDE = VoxelMap.unknown((-32768, -32768, -32768, 32768, 32768, 32768), 1.0)
UNIT = VoxelMap.unknown((0, 0, 0, 1, 1, 1), 0.1)
FULL = VoxelMap.from_dense(np.full((2, 2, 2), 0.9), 0.1)
