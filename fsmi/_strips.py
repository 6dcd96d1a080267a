"""Strips of digital lines: as many neighbouring lines of an angle as the scratch of a sweep holds.

Lines are numbered across a map, line l of a row being in column ``l - base + shift[row]``. In a
strip, what belongs to a line stays at one place whatever the row, so it is aligned and in the
cache; only the map itself is read (and added to) at shifting columns, from a rim of `MARGIN`
columns on. That keeps whole vectors of `LANES` lines together, in and out of the map.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fsmi._jit import kernel

LANES = 16  # a vector of float32 in 512 bits
SCRATCH = 400_000  # bytes: half an L2 cache of 1 MiB, the other half is for the map


def padded(width: int) -> int:
    """Whole vectors that hold `width` columns."""
    return (width + LANES - 1) // LANES * LANES


def aligned_zeros(shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Zeros from a cache line's start on: vectors that straddle two lines cost twice."""
    kind = np.dtype(dtype)
    size = int(np.prod(shape)) * kind.itemsize
    raw = np.zeros(size + 64, dtype=np.uint8)
    skip = -raw.ctypes.data % 64
    return raw[skip : skip + size].view(kind).reshape(shape)


def bordered(
    tables: tuple[npt.NDArray[Any], ...], dtype: npt.DTypeLike, rim: int, void: tuple[float, ...]
) -> npt.NDArray[Any]:
    """Tables (n, h, w) stacked with a border of `void` values: `rim` rows, `rim + LANES` columns.

    Rows are an odd number of cache lines apart: rows 4 KiB apart share the few lines of one cache
    set, and the kernels read several at once.
    """
    h, w = tables[0].shape
    left = rim + LANES
    pitch = padded(w + 2 * left)
    pitch += LANES * (1 - pitch // LANES % 2)
    stack = aligned_zeros((len(tables), h + 2 * rim, pitch), dtype)
    for layer, table, value in zip(stack, tables, void, strict=True):
        if value:
            layer[:] = value
        layer[rim : rim + h, left : left + w] = table
    return stack


@kernel
def strip_width(lines: int, line_bytes: int) -> int:
    """Lines a strip, in whole vectors: what fits the scratch, but no sliver at the end."""
    most = max(4, SCRATCH // (max(line_bytes, 1) * LANES))
    vectors = (lines + LANES - 1) // LANES
    strips = (vectors + most - 1) // most
    return (vectors + strips - 1) // strips * LANES


@kernel
def strip_span(first: int, width: int, w: int) -> tuple[int, int]:
    """Lines lo..hi of a strip of `width` that starts in column `first`: those in the map."""
    lo = min(width, max(0, -first) // LANES * LANES)
    hi = min(width, (max(0, w - first) + LANES - 1) // LANES * LANES)
    return lo, max(lo, hi)


@kernel
def look_up(codes: npt.NDArray[np.uint8], table: npt.NDArray[Any], out: npt.NDArray[Any]) -> None:
    """`table[codes]` (256,) into `out`, both (h, w)."""
    for i in range(codes.shape[0]):
        for j in range(codes.shape[1]):
            out[i, j] = table[np.uintp(codes[i, j])]
