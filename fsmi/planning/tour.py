"""Several views at once: which together see what is left, and in which order to visit them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fsmi._jit import kernel
from fsmi.planning.views import Views

Array = npt.NDArray[np.float64]


@kernel
def _greedy(
    starts: npt.NDArray[np.int64],
    cells: npt.NDArray[np.int32],
    worth: npt.NDArray[np.float32],
    first: int,
    least: float,
    chosen: npt.NDArray[np.int64],
    gained: Array,
) -> int:
    """Lazy greedy cover: views in order of what each adds to the ones before; returns how many.

    What a view adds only shrinks as others are chosen, so an old value bounds the new one and
    most views need no second look (Minoux 1978).
    """
    n = starts.shape[0] - 1
    taken = np.zeros(worth.shape[0], dtype=np.bool_)
    bound = np.empty(n)
    for p in range(n):
        total = 0.0
        for k in range(starts[p], starts[p + 1]):
            total += worth[cells[k]]
        bound[p] = total
    count = 0
    while count < chosen.shape[0]:
        best = first if count == 0 and first >= 0 and bound[first] >= least else -1
        while best < 0:
            top = int(np.argmax(bound))
            if bound[top] < least:
                return count
            total = 0.0
            for k in range(starts[top], starts[top + 1]):
                if not taken[cells[k]]:
                    total += worth[cells[k]]
            if total >= bound[top]:  # the bound was no bound any more but the value
                best = top
            bound[top] = total
        for k in range(starts[best], starts[best + 1]):
            taken[cells[k]] = True
        chosen[count], gained[count] = best, bound[best]
        bound[best] = -1.0
        count += 1
    return count


def cover(views: Views, limit: int) -> tuple[npt.NDArray[np.int64], Array]:
    """Views that together see what can be seen, and what each adds to those before it [bit].

    At most `limit` of them, each worth half a scan; the present goal comes first if it is.
    """
    starts, cells = views.sight.likely(views.poses)
    chosen = np.empty(min(limit, len(views)), dtype=np.int64)
    gained = np.empty(len(chosen))
    count = _greedy(
        starts, cells, views.sight.worth.ravel(), views.goal, 0.5 * views.least, chosen, gained
    )
    return chosen[:count], gained[:count]


@kernel
def _waiting(order: npt.NDArray[np.int64], distance: Array, weight: Array, stop: float) -> float:
    """Sum over the views of weight times distance driven until each is reached; from place 0."""
    at, driven, total = 0, 0.0, 0.0
    for k in order:
        driven += distance[at, k] + stop
        total += weight[k] * driven
        at = k
    return total


@kernel
def _improve(order: npt.NDArray[np.int64], distance: Array, weight: Array, stop: float) -> float:
    """Local search that keeps the first view: move one, or turn a stretch around, while it helps.

    At most as many passes as there are views.
    """
    n = order.shape[0]
    best = _waiting(order, distance, weight, stop)
    trial = order.copy()
    for _ in range(n):
        improved = False
        for i in range(1, n):
            for j in range(1, n):
                if i == j:
                    continue
                trial[:] = order
                if i < j:  # turn around
                    for k in range(j - i + 1):
                        trial[i + k] = order[j - k]
                    value = _waiting(trial, distance, weight, stop)
                    if value < best - 1e-9:
                        best, improved = value, True
                        order[:] = trial
                        continue
                    trial[:] = order
                moved = trial[i]  # move
                if i < j:
                    trial[i:j] = order[i + 1 : j + 1]
                else:
                    trial[j + 1 : i + 1] = order[j:i]
                trial[j] = moved
                value = _waiting(trial, distance, weight, stop)
                if value < best - 1e-9:
                    best, improved = value, True
                    order[:] = trial
        if not improved:
            break
    return best


@kernel
def _best_orders(distance: Array, weight: Array, stop: float, out: Array) -> None:
    """out[k]: the least weighted waiting of a tour from place 0 that begins with place k + 1."""
    n = distance.shape[0] - 1
    order = np.empty(n, dtype=np.int64)
    used = np.empty(n + 1, dtype=np.bool_)
    for first in range(1, n + 1):
        used[:] = False
        used[first] = True
        order[0] = first
        for k in range(1, n):  # nearest unvisited, weighted
            at, best, rate = order[k - 1], -1, -1.0
            for to in range(1, n + 1):
                if not used[to]:
                    r = weight[to] / (distance[at, to] + stop)
                    if r > rate:
                        best, rate = to, r
            order[k] = best
            used[best] = True
        out[first - 1] = _improve(order, distance, weight, stop)


def waiting_times(distance: npt.ArrayLike, weight: npt.ArrayLike, *, stop: float) -> Array:
    """For each view as the first one: weighted distance until all views are reached, (n,).

    Parameters
    ----------
    distance : array (n + 1, n + 1)
        Path lengths [m] between the robot (0) and the views.
    weight : array (n,)
        How much it costs that a view waits for one metre.
    stop : float
        Distance [m] that a stop at a view is worth.
    """
    lengths = np.ascontiguousarray(distance, dtype=np.float64)
    weights = np.concatenate(([0.0], np.asarray(weight, dtype=np.float64)))
    out = np.empty(len(lengths) - 1)
    _best_orders(lengths, weights, stop, out)
    return out
