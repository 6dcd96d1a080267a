"""Distances to nearest neighbours and counts of points within a distance, in the maximum norm.

One dimension: sorting. Few dimensions: a k-d tree. More: blocks of all pairs in float32, small
enough to stay in the processor's cache; rounding the coordinates once (relative error 6e-8) keeps
both passes consistent, so a neighbour never slips over the edge of its own ball.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

FloatArray = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

# From this many columns on, all pairs are cheaper than a tree.
TREE_DIMENSIONS = 7
# float32 values in one block of pairs: 1 MiB.
_BLOCK = 262_144


def kth_distance(points: FloatArray, k: int) -> FloatArray:
    """Distance (n,) of each row of `points` (n, d) to its k-th nearest other row."""
    return neighbour_distances(points, k)[:, -1]


def neighbour_distances(points: FloatArray, k: int) -> FloatArray:
    """Distances (n, k) of each row of `points` (n, d) to its k nearest other rows, ascending."""
    if points.shape[1] < TREE_DIMENSIONS:
        tree = cKDTree(points, balanced_tree=False, compact_nodes=False)
        distances: FloatArray = tree.query(points, k=k + 1, p=np.inf)[0][:, 1:]
        return distances
    parts = [
        np.sort(np.partition(joint, k, axis=1)[:, : k + 1], axis=1)[:, 1:]
        for _, (joint,) in blocks([points])
    ]
    return np.concatenate(parts).astype(np.float64)


def count_below(points: FloatArray, radius: FloatArray) -> Counts:
    """Number (n,) of other rows of `points` (n, d) strictly nearer than `radius` (n,)."""
    if points.shape[1] == 1:
        return _count_line(points[:, 0], radius)
    if points.shape[1] < TREE_DIMENSIONS:
        tree = cKDTree(points)
        inside = np.nextafter(radius, 0)
        counts = tree.query_ball_point(points, inside, p=np.inf, return_length=True)
        return np.maximum(np.asarray(counts, dtype=np.int64) - 1, 0)
    edge = radius.astype(np.float32)[:, None]
    parts = [
        np.count_nonzero(distance < edge[rows], axis=1) for rows, (distance,) in blocks([points])
    ]
    return np.maximum(np.concatenate(parts) - 1, 0)


def _count_line(values: FloatArray, radius: FloatArray) -> Counts:
    # The edge is drawn in by a few roundings of the coordinates, so that the neighbour at exactly
    # `radius` is not counted because x - radius was rounded.
    slack = 4 * np.finfo(np.float64).eps * np.abs(values).max(initial=0.0)
    inner = radius - slack
    ordered = np.sort(values)
    high = np.searchsorted(ordered, values + inner, side="left")
    low = np.searchsorted(ordered, values - inner, side="right")
    return np.maximum(high - low - 1, 0)


def blocks(
    sides: Sequence[FloatArray],
) -> Iterator[tuple[slice, list[npt.NDArray[np.float32]]]]:
    """Blocks of rows, and for each side the float32 distances (rows, n) to all points."""
    columns = [np.ascontiguousarray(side.T, dtype=np.float32) for side in sides]
    n = columns[0].shape[1]
    step = max(1, min(n, _BLOCK // n))
    buffers = [np.empty((step, n), dtype=np.float32) for _ in sides]
    spare = np.empty((step, n), dtype=np.float32)
    for start in range(0, n, step):
        rows = slice(start, min(n, start + step))
        size = rows.stop - rows.start
        for side, buffer in zip(columns, buffers, strict=True):
            _max_norm(side, rows, buffer[:size], spare[:size])
        yield rows, [buffer[:size] for buffer in buffers]


def _max_norm(
    columns: npt.NDArray[np.float32],
    rows: slice,
    out: npt.NDArray[np.float32],
    spare: npt.NDArray[np.float32],
) -> None:
    for j, column in enumerate(columns):
        target = spare if j else out
        np.subtract(column[rows, None], column[None, :], out=target)
        np.abs(target, out=target)
        if j:
            np.maximum(out, spare, out=out)
