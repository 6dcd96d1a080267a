"""Nearest neighbours, and counts of points within a distance, in the maximum norm.

Neighbours come from a k-d tree in few dimensions. In more, and for all counts, sets of points are
strings of bits: along one coordinate the points within a distance of another one are a run of
ranks, and the bit string of a run is the exclusive or of two entries of a table. A ball of the
maximum norm is the bitwise and of its runs, so 64 points are tested per processor word and
coordinate, without computing a distance. In one dimension the two ends of the run are enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

FloatArray = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint64]

# Points in one table of bits (the table is quadratic in it: 128 kB), and rows taken at a time.
CHUNK = 1024
_ROWS = 16_384
_BLOCK = 4096
_FEW = 256
# A tree is slower than bits from about this many columns on, later when there are many rows.
TREE_DIMENSIONS = 6
# The first points are searched without bits: they give the first upper bound of each distance.
_FIRST = 512
# Distances of at least so many steps are worth measuring in steps.
_FINE = 50
# A few roundings of a float64.
_ROUNDING = 4 * float(np.finfo(np.float64).eps)


def nearest(points: FloatArray, k: int) -> tuple[FloatArray, Counts]:
    """Distances and indices, both (n, k), of the k nearest other rows of `points` (n, d).

    Ascending; 1 <= k < n. Among equal distances any of the rows may be returned.
    """
    n, d = points.shape
    if d <= TREE_DIMENSIONS or n <= _FIRST or (n > 30_000 and d <= TREE_DIMENSIONS + 3):
        return _nearest_by_tree(points, k)
    return _nearest_by_bits(points, k)


def count_below(points: FloatArray, radius: FloatArray) -> Counts:
    """Number (n,) of other rows of `points` (n, d) nearer than `radius` (n,); equal rows count."""
    return _count(points, radius, -_ROUNDING)


def count_within(points: FloatArray, radius: FloatArray) -> Counts:
    """Number (n,) of other rows of `points` (n, d) not farther than `radius` (n,)."""
    return _count(points, radius, _ROUNDING)


def _nearest_by_tree(points: FloatArray, k: int) -> tuple[FloatArray, Counts]:
    tree = cKDTree(points, balanced_tree=False, compact_nodes=False)
    # Asked leaf by leaf, the tree stays in the processor's cache: twice as fast for many rows.
    order = np.asarray(tree.indices, dtype=np.int64)
    near = tree.query(points[order], k=k + 1, p=np.inf)
    distances, indices = np.empty((len(points), k + 1)), np.empty((len(points), k + 1), np.int64)
    distances[order], indices[order] = near
    # Each row is its own nearest unless an equal row took that place: then that one moves to
    # where the row itself stands, if it is listed at all.
    for row in np.flatnonzero(indices[:, 0] != np.arange(len(points))):
        indices[row, indices[row] == row] = indices[row, 0]
    return distances[:, 1:], indices[:, 1:]


def _count(points: FloatArray, radius: FloatArray, rounding: float) -> Counts:
    order = np.argsort(points[:, 0])
    points, radius = points[order], radius[order]
    # Points of similar first coordinate stand together: few chunks overlap a small ball.
    low, high, ranks = _runs(points, radius, rounding)
    counts = np.zeros(len(points), dtype=np.int64)
    if points.shape[1] == 1:
        counts[order] = high[0] - low[0] - 1
        return counts
    for start in range(0, len(points), CHUNK):
        chunk = slice(start, min(len(points), start + CHUNK))
        near = np.flatnonzero((low[0] < chunk.stop) & (high[0] > chunk.start))
        for rows, inside in _balls(ranks[:, chunk], low[:, near], high[:, near]):
            counts[near[rows]] += np.bitwise_count(inside).sum(axis=1, dtype=np.int64)
    result = np.empty_like(counts)
    result[order] = counts - 1
    return result


def _runs(points: FloatArray, radius: FloatArray, rounding: float) -> tuple[Counts, Counts, Counts]:
    # For each coordinate (d, n): the first rank within `radius`, the one after the last, and the
    # rank of the point itself. The edge is moved by `rounding` times what is added, so that
    # a neighbour at exactly `radius` falls on the right side although x - radius is rounded.
    columns = np.ascontiguousarray(points.T)
    low, high, ranks = (np.empty(columns.shape, dtype=np.int64) for _ in range(3))
    for j, column in enumerate(columns):
        order = np.argsort(column)
        ordered = column[order]
        reach = radius[order]
        reach = np.maximum(reach + rounding * (np.abs(ordered) + reach), 0.0)
        low[j, order] = _places(ordered, ordered - reach, "left")
        high[j, order] = _places(ordered, ordered + reach, "right")
        ranks[j, order] = np.arange(len(column))
    return low, high, ranks


def _places(ordered: FloatArray, keys: FloatArray, side: Literal["left", "right"]) -> Counts:
    # Sorting the keys first makes the search twice as fast: neighbouring ones share their path.
    order = np.argsort(keys)
    places = np.empty(len(keys), dtype=np.int64)
    places[order] = np.searchsorted(ordered, keys[order], side=side)
    return places


def _balls(chunk: Counts, low: Counts, high: Counts) -> Iterator[tuple[slice, Bits]]:
    # Blocks of rows, and for each row the bit string (rows, words) of the chunk's points that lie
    # in its run along every coordinate. `chunk` (d, c) holds the ranks of the chunk's points.
    size, words = chunk.shape[1], -(-chunk.shape[1] // 64)
    n = int(max(chunk.max(), high.max(initial=0))) + 1
    tables = np.zeros((len(chunk), size + 1, words), dtype=np.uint64)
    ends = np.empty((2, *low.shape), dtype=np.int64)
    for j, ranks in enumerate(chunk):
        order = np.argsort(ranks)
        bit = np.left_shift(np.uint64(1), (order & 63).astype(np.uint64))
        tables[j, np.arange(1, size + 1), order >> 6] = bit
        np.bitwise_or.accumulate(tables[j], axis=0, out=tables[j])
        before = np.zeros(n + 1, dtype=np.int64)
        before[ranks + 1] = 1
        np.cumsum(before, out=before)
        np.take(before, low[j], out=ends[0, j], mode="clip")
        np.take(before, high[j], out=ends[1, j], mode="clip")
    whole = np.empty((min(_ROWS, low.shape[1]), words), dtype=np.uint64)
    run, end = (np.empty((_BLOCK, words), dtype=np.uint64) for _ in range(2))
    for start in range(0, low.shape[1], _ROWS):
        rows = slice(start, min(low.shape[1], start + _ROWS))
        inside = whole[: rows.stop - start]
        # One table at a time stays in the processor's second-level cache.
        for j, table in enumerate(tables):
            for at in range(start, rows.stop, _BLOCK):
                block = slice(at, min(rows.stop, at + _BLOCK))
                part = inside[at - start : block.stop - start]
                a, b = run[: len(part)], end[: len(part)]
                # mode="clip" skips a copy of the output; every index is in range.
                np.take(table, ends[0, j, block], axis=0, out=a, mode="clip")
                np.take(table, ends[1, j, block], axis=0, out=b, mode="clip")
                np.bitwise_xor(a, b, out=a if j else part)
                if j:
                    part &= a
        yield rows, inside


def _nearest_by_bits(points: FloatArray, k: int) -> tuple[FloatArray, Counts]:
    # Points are taken in in a random order. The distance to the k-th nearest so far is an upper
    # bound, and whatever the distribution a new point beats it with chance k / (points so far):
    # some 20 k distances are computed per row instead of n.
    n = len(points)
    order = np.random.default_rng(0).permutation(n)
    shuffled = points[order]
    columns = np.ascontiguousarray(shuffled.T)
    radius = _upper_bounds(columns, min(n, max(_FIRST, 2 * k + 2)), k)
    distances, indices = np.full((n, k), np.inf), np.zeros((n, k), dtype=np.int64)
    start, stop = 0, min(n, 3 * _FIRST)
    while start < n:
        low, high, ranks = _runs(shuffled, radius, _ROUNDING)
        for begin in range(start, stop, CHUNK):
            chunk = slice(begin, min(stop, begin + CHUNK))
            for rows, inside in _balls(ranks[:, chunk], low, high):
                _take_in(columns, rows, inside, begin, distances, indices)
        radius = distances[:, -1]
        start, stop = stop, 6 * stop if 10 * stop < n else n
    result = np.empty_like(distances), np.empty_like(indices)
    result[0][order], result[1][order] = distances, order[indices]
    return result


def _upper_bounds(columns: FloatArray, first: int, k: int) -> FloatArray:
    # A little more than the distance (n,) to the k-th nearest of the first points. In steps of
    # 16-bit integers it takes half the time; where those are coarse beside the distances (columns
    # with a far outlier) they would let in too many candidates.
    low, high = columns.min(axis=1), columns.max(axis=1)
    step = float((high - low).max()) / 32_767
    if step > 0:
        steps = _kth_of_first(((columns - low[:, None]) / step).astype(np.int16), first, k)
        if np.median(steps) > _FINE:
            return (steps + 1) * step
    bounds = _kth_of_first(columns.astype(np.float32), first, k)
    return bounds * (1 + 1e-5) + 1e-6 * float(np.abs(columns).max())


def _kth_of_first(columns: npt.NDArray[Any], first: int, k: int) -> FloatArray:
    # Distance (n,) to the k-th nearest of the first points, in the type of the columns (d, n).
    n = columns.shape[1]
    result = np.empty(n)
    gap, block = (np.empty((_FEW, first), dtype=columns.dtype) for _ in range(2))
    for start in range(0, n, _FEW):
        rows = slice(start, min(n, start + _FEW))
        part, each = block[: rows.stop - start], gap[: rows.stop - start]
        part.fill(0)
        for column in columns:
            np.subtract(column[rows, None], column[None, :first], out=each)
            np.maximum(part, np.abs(each, out=each), out=part)
        # k + 1 distances with the zero to itself, where the row is among the first.
        result[rows] = np.partition(part, k, axis=1)[:, k]
    return result


def _take_in(
    columns: FloatArray,
    rows: slice,
    inside: Bits,
    offset: int,
    distances: FloatArray,
    indices: Counts,
) -> None:
    # Let the points marked in `inside` compete for the k places of their row.
    k, words = distances.shape[1], inside.shape[1]
    full = np.flatnonzero(inside)
    bits = np.unpackbits(inside.reshape(-1)[full].view(np.uint8), bitorder="little")
    hit = np.flatnonzero(bits.view(bool))
    row, point = np.divmod(full[hit >> 6] * 64 + (hit & 63), 64 * words)
    point += offset
    gap = np.zeros(len(row))
    for column in columns:
        np.maximum(gap, np.abs(column[row + rows.start] - column[point]), out=gap)
    better = (gap < distances[row + rows.start, -1]) & (point != row + rows.start)
    row, point, gap = row[better], point[better], gap[better]
    each = np.bincount(row, minlength=rows.stop - rows.start)
    changed = np.flatnonzero(each)
    place = np.arange(len(row)) - (np.cumsum(each) - each)[row]
    seat = (np.cumsum(each > 0) - 1)[row]
    width = int(each.max(initial=0))
    near = np.full((len(changed), k + width), np.inf)
    who = np.zeros((len(changed), k + width), dtype=np.int64)
    absolute = changed + rows.start
    near[:, :k], who[:, :k] = distances[absolute], indices[absolute]
    near[seat, k + place], who[seat, k + place] = gap, point
    best = np.argsort(near, axis=1)[:, :k]
    distances[absolute] = np.take_along_axis(near, best, axis=1)
    indices[absolute] = np.take_along_axis(who, best, axis=1)
