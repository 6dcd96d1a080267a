"""Is one continuous side a function of the other, as far as the sample can tell?

Then their mutual information is infinite, and every finite reading only says how many rows there
are. The test: a column of one side, predicted at a row by a plane through the rows nearest on the
other side, misses by much less than that column differs among those rows.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from privfunnel.entropy import FloatArray

# Median miss over median spread among the neighbours. In one dimension noise of this size hides
# between neighbouring rows: the information is above what a nearest-neighbour reading can show.
_CLOSE = 0.1
_ROWS = 200
# Below this many rows smooth chance patterns are too easily found.
_FEWEST = 30


def determined(x: FloatArray, y: FloatArray) -> bool:
    """Whether a column of `y` (n, e) is a smooth function of `x` (n, d), or the other way round.

    Columns with many repeated values do not count: what is determined then may be finite.
    """
    if len(x) < _FEWEST:
        return False
    return _predicts(x, y) or _predicts(y, x)


def _predicts(x: FloatArray, y: FloatArray) -> bool:
    n, d = x.shape
    near = 2 * d + 4
    columns = [c for c in y.T if len(np.unique(c)) > 0.9 * n]
    if near + 1 > n // 2 or not columns or any(len(np.unique(c)) <= 0.9 * n for c in x.T):
        return False
    # Each column on its own scale, whatever the units.
    spread = x.std(axis=0)
    points = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    rows = np.linspace(0, n - 1, min(n, _ROWS)).astype(np.int64)
    around = np.asarray(cKDTree(points).query(points[rows], k=near + 1)[1])[:, 1:]
    # Planes through the neighbours, the row itself at the origin and left out.
    design = np.concatenate(
        [np.ones((*around.shape, 1)), points[around] - points[rows][:, None, :]], axis=2
    )
    weights = np.linalg.pinv(design)[:, 0, :]
    targets = np.stack(columns, axis=1)
    values = targets[around]
    miss = np.abs(np.einsum("rk,rkc->rc", weights, values) - targets[rows])
    width = values.std(axis=1)
    return bool((np.median(miss, axis=0) < _CLOSE * np.median(width, axis=0)).any())
