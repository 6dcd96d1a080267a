"""The true mutual information of a noise-free beam: the entropy of its first hit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fsmi.measures.beam import Beam, first_hit

Array = npt.NDArray[np.float64]


def shannon(beam: Beam) -> float:
    """Entropy [nat] of the first hit: what a noise-free beam tells about the map.

    A noise-free reading is a function of the map, so `I(M; Z) = H(Z) = -sum_j P(e_j) ln P(e_j)`
    with j = 0 (no return) among them if `count_no_hit`. `sigma`, `delta_occ` and `delta_emp`
    play no part: no sensor with noise and no inverse sensor model gets more out of the beam.
    """
    hit, none = first_hit(beam.occupancy)
    outcomes = np.append(hit, none) if beam.count_no_hit else hit
    possible = outcomes[outcomes > 0.0]
    return float(0.0 - possible @ np.log(possible))  # 0, not -0, on a known map


def shannon_tables(o: Array) -> tuple[Array, Array, Array]:
    """Tables (o, hit, miss) [nat] for which a noise-free expected gain is the entropy of e_j.

    The gain of "first hit in j" is then `-ln P(e_j) = -ln o_j - sum_{i<j} ln(1 - o_i)`: the
    limit of f_occ and f_emp for delta_occ -> inf, delta_emp -> 0.
    """
    # The gain of an event that can't happen is never used; 0 keeps 0 * inf out of the sums.
    hit = -np.log(np.where(o > 0.0, o, 1.0))
    miss = -np.log1p(-np.where(o < 1.0, o, 0.0))
    return o, hit, miss
