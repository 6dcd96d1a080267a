"""Counting pairs of codes as fast as memory delivers them; needs numba, and nothing imports this
module before many rows are to be counted (see `counting.count_pairs`).

Equal pairs often follow each other, and adding one to a number that was just written waits for
that write. Four tables taken in turn keep four of them under way.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

_TABLES = 4


def count_pairs(x: npt.NDArray[Any], y: npt.NDArray[Any], r: int, c: int) -> npt.NDArray[np.int64]:
    """The (r, c) table of counts of codes 0 <= x < r, 0 <= y < c, which the caller vouches for."""
    tables = np.zeros((_TABLES, r * c), dtype=np.int64)
    _add(x, y, np.int64(c), tables)
    return np.asarray(tables.sum(axis=0).reshape(r, c))


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _add(x: Any, y: Any, c: Any, tables: Any) -> None:
    whole = len(x) - len(x) % 4
    for i in range(0, whole, 4):
        tables[0, np.int64(x[i]) * c + np.int64(y[i])] += 1
        tables[1, np.int64(x[i + 1]) * c + np.int64(y[i + 1])] += 1
        tables[2, np.int64(x[i + 2]) * c + np.int64(y[i + 2])] += 1
        tables[3, np.int64(x[i + 3]) * c + np.int64(y[i + 3])] += 1
    for i in range(whole, len(x)):
        tables[0, np.int64(x[i]) * c + np.int64(y[i])] += 1
