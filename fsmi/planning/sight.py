"""What views of a belief are expected to see: one kernel for bits, counts and sets of cells.

The belief of a planner is simple: nothing in free cells, an end at solid ones, a chance in between.
A beam then needs one byte a cell, and arithmetic only where something is unknown; this is what
makes hundreds of candidates affordable in a plan. `fsmi.scan_mi` of the same belief with
``measure="shannon", joint=True, tol=0`` gives the same bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import numpy.typing as npt

from fsmi._jit import kernel
from fsmi.grid import binary_entropy
from fsmi.planning.knowledge import Knowledge, Mask
from fsmi.raycast import TIE, cells_left, grid_poses, start_axis
from fsmi.sensor import RangeSensor

Array = npt.NDArray[np.float64]
# One byte a cell. Every other value is a free cell: no cell closer than so many steps of a king
# is anything but free, which lets a beam leap.
SOLID, UNKNOWN = 255, 254
FARTHEST = 253
LEAP = 6  # free steps from which on a leap is cheaper than walking
LIKELY = 0.5  # a cell seen with this probability counts as seen when views are combined


@kernel
def _free_steps(codes: npt.NDArray[np.uint8]) -> None:
    """Write into each free cell (0) the steps of a king to the nearest one that is not free.

    Two passes, each over the neighbours that the other one has not seen. Beyond the edge of the
    map nothing counts: a beam that leaps over it has left the map.
    """
    h, w = codes.shape
    for i in range(h):
        for j in range(w):
            if codes[i, j] >= UNKNOWN:
                continue
            least = FARTHEST - 1
            if j > 0 and codes[i, j - 1] < least:
                least = codes[i, j - 1]
            elif j > 0 and codes[i, j - 1] >= UNKNOWN:
                least = 0
            if i > 0:
                for b in range(max(0, j - 1), min(w, j + 2)):
                    other = codes[i - 1, b]
                    if other >= UNKNOWN:
                        least = 0
                    elif other < least:
                        least = other
            codes[i, j] = least + 1
    for i in range(h - 1, -1, -1):
        for j in range(w - 1, -1, -1):
            if codes[i, j] >= UNKNOWN:
                continue
            least = codes[i, j] - 1
            if j < w - 1:
                other = codes[i, j + 1]
                least = 0 if other >= UNKNOWN else min(least, other)
            if i < h - 1:
                for b in range(max(0, j - 1), min(w, j + 2)):
                    other = codes[i + 1, b]
                    least = 0 if other >= UNKNOWN else min(least, other)
            codes[i, j] = least + 1


@kernel
def _look(
    u: float,
    v: float,
    heading: float,
    angles: Array,
    length: float,
    codes: npt.NDArray[np.uint8],
    pass_on: npt.NDArray[np.float32],
    least: float,
    best: npt.NDArray[np.float32],
    seen: npt.NDArray[np.int32],
) -> int:
    """Fill `best` with the largest reach of a beam in each unknown cell, and `seen` with them.

    A beam ends where its reach falls below `least`.
    """
    h, w = codes.shape
    flat, passing, reaches = codes.ravel(), pass_on.ravel(), best.ravel()
    count = 0
    for b in range(angles.shape[0]):
        a = heading + angles[b]
        j, step_j, t_j, gap_j = start_axis(u, math.cos(a))
        i, step_i, t_i, gap_i = start_axis(v, math.sin(a))
        if i < 0 or j < 0 or i >= h or j >= w:
            continue
        left_i, left_j = cells_left(i, step_i, h), cells_left(j, step_j, w)
        at = i * w + j
        jump_i, jump_j = step_i * w, step_j
        gap = min(gap_i, gap_j)
        reach = 1.0
        while True:
            code = flat[np.uintp(at)]
            if code == SOLID:
                break
            t = min(t_i, t_j)
            if code == UNKNOWN:
                if reach > reaches[at]:
                    if reaches[at] == 0.0:
                        seen[count] = at
                        count += 1
                    reaches[at] = reach
                reach *= passing[at]
                if reach < least:
                    break
            if t >= length - TIE:
                break
            if LEAP <= code < UNKNOWN:
                # Up to here the beam crosses nothing but free cells.
                t = min(t + (code - 2) * gap, length - TIE)
                if t_j <= t:
                    n = int((t - t_j) / gap_j) + 1
                    left_j -= n
                    at += n * jump_j
                    t_j += n * gap_j
                if t_i <= t:
                    n = int((t - t_i) / gap_i) + 1
                    left_i -= n
                    at += n * jump_i
                    t_i += n * gap_i
                if left_i < 0 or left_j < 0:
                    break
                continue
            if t_j <= t + TIE:
                left_j -= 1
                at += jump_j
                t_j += gap_j
            if t_i <= t + TIE:
                left_i -= 1
                at += jump_i
                t_i += gap_i
            if left_i < 0 or left_j < 0:
                break
    return count


@kernel
def _views(
    poses: Array,
    angles: Array,
    length: float,
    codes: npt.NDArray[np.uint8],
    pass_on: npt.NDArray[np.float32],
    worth: npt.NDArray[np.float32],
    listing: bool,
    out: Array,
    starts: npt.NDArray[np.int64],
    cells: npt.NDArray[np.int32],
) -> int:
    """Sum reach times worth at each pose; or list the cells that are seen with even odds.

    Returns the number of cells listed, or -1 as soon as `cells` is too short to list them.
    """
    best = np.zeros(codes.shape, dtype=np.float32)
    reaches, worths = best.ravel(), worth.ravel()
    seen = np.empty(codes.size, dtype=np.int32)
    listed = 0
    for p in range(poses.shape[0]):
        count = _look(
            poses[p, 0],
            poses[p, 1],
            poses[p, 2],
            angles,
            length,
            codes,
            pass_on,
            LIKELY if listing else 0.0,
            best,
            seen,
        )
        total = 0.0
        starts[p] = listed
        for k in range(count):
            at = seen[k]
            total += reaches[at] * worths[at]
            if listing and reaches[at] >= LIKELY:
                if listed == cells.shape[0]:
                    return -1
                cells[listed] = at
                listed += 1
            reaches[at] = 0.0
        out[p] = total
    starts[poses.shape[0]] = listed
    return listed


@final
@dataclass(frozen=True)
class Sight:
    """A belief prepared for looking.

    Attributes
    ----------
    codes : uint8 array (H, W)
        SOLID, UNKNOWN, or how far a free cell is from both.
    pass_on : float32 array (H, W)
        Probability that a beam goes on behind a cell.
    worth : float32 array (H, W)
        Entropy of each cell [bit].
    """

    known: Knowledge
    sensor: RangeSensor
    codes: npt.NDArray[np.uint8]
    pass_on: npt.NDArray[np.float32]
    worth: npt.NDArray[np.float32]

    @classmethod
    def of(cls, known: Knowledge, sensor: RangeSensor) -> Sight:
        """The belief in `known`, to be looked at with `sensor`."""
        belief = known.belief.occupancy
        codes = np.where(known.solid, SOLID, np.where(known.open, UNKNOWN, 0)).astype(np.uint8)
        _free_steps(codes)
        worth = np.zeros(belief.shape, dtype=np.float32)
        odd = known.open & (belief != np.float32(known.prior))
        worth[known.open] = binary_entropy(known.prior)
        worth[odd] = binary_entropy(belief[odd])
        return cls(known, sensor, codes, np.float32(1.0) - belief, worth)

    def _run(
        self, poses: npt.ArrayLike, pass_on: npt.NDArray[np.float32],
        worth: npt.NDArray[np.float32], listing: bool, room: int,
    ) -> tuple[Array, npt.NDArray[np.int64], npt.NDArray[np.int32]]:  # fmt: skip
        checked = grid_poses(self.known.belief, poses)
        out = np.empty(len(checked))
        starts = np.zeros(len(checked) + 1, dtype=np.int64)
        length = self.sensor.max_range / self.known.belief.resolution
        angles = self.sensor.angles()
        while True:  # at most len(poses) * H * W cells are listed
            cells = np.empty(room, dtype=np.int32)
            listed = _views(
                checked, angles, length, self.codes, pass_on, worth, listing, out, starts, cells
            )
            if listed >= 0:
                return out, starts, cells[:listed]
            room *= 4

    def information(self, poses: npt.ArrayLike) -> Array:
        """Bits that a scan at each pose (P, 3) is expected to tell, each cell counted once, (P,).

        It is the entropy that the belief is expected to lose if what is seen becomes known.
        """
        return self._run(poses, self.pass_on, self.worth, False, 0)[0]

    def together(self, poses: npt.ArrayLike) -> float:
        """Bits that scans at all of the poses (P, 3) together tell, each cell counted once.

        A cell is taken to be seen by the scan that most probably reaches it.
        """
        checked = grid_poses(self.known.belief, poses)
        length = self.sensor.max_range / self.known.belief.resolution
        best = np.zeros(self.codes.shape, dtype=np.float32)
        seen = np.empty(self.codes.size, dtype=np.int32)
        angles = self.sensor.angles()
        for u, v, heading in checked:
            _look(u, v, heading, angles, length, self.codes, self.pass_on, 0.0, best, seen)
        return float((best * self.worth).sum(dtype=np.float64))

    def count(self, poses: npt.ArrayLike) -> Array:
        """Unknown cells that a scan at each pose (P, 3) would cross if all were free, (P,)."""
        ones = np.ones(self.codes.shape, dtype=np.float32)
        return self._run(poses, ones, ones, False, 0)[0]

    def mask(self, pose: npt.ArrayLike) -> Mask:
        """The unknown cells (H, W) that `count` counts at one pose (3,)."""
        ones = np.ones(self.codes.shape, dtype=np.float32)
        cells = self._run(pose, ones, ones, True, self.codes.size)[2]
        out = np.zeros(self.codes.size, dtype=np.bool_)
        out[cells] = True
        return out.reshape(self.codes.shape)

    def likely(self, poses: npt.ArrayLike) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """Cells that a scan at each pose probably sees: pose p sees cells[starts[p]:starts[p+1]].

        Flat indices; `starts` is (P + 1,).
        """
        room = 2000 * max(1, len(np.atleast_2d(np.asarray(poses))))
        _, starts, cells = self._run(poses, self.pass_on, self.worth, True, room)
        return starts, cells

    def without(self, poses: npt.ArrayLike) -> Sight:
        """The same belief in which what scans at `poses` (P, 3) probably see is worth nothing."""
        worth = self.worth.copy()
        worth.ravel()[self.likely(poses)[1]] = 0.0
        return replace(self, worth=worth)

    def __repr__(self) -> str:
        return f"Sight({self.known!r})"
