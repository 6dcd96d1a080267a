"""Mutual information between one beam and the cells that it crosses, one module per measure.

Cells 1..n lie along the beam in order of traversal. The event e_j, "the first occupied cell is
j", has probability P(e_j) = o_j prod_{l<j} (1 - o_l); e_0, "no cell is occupied: no return",
has P(e_0) = prod_l (1 - o_l).

The convention
--------------
One rule for beam, pose and map, under the name `count_no_hit` (an option of `beam_mi`, a field of
`RangeSensor`, default True):

* **No return.** The sensor reports e_0 without error: a hit is never mistaken for no return, and
  no return never for a range. If `count_no_hit`, the report updates every cell of the beam as
  empty and adds ``P(e_0) * sum_i f_emp(i)``, noise or not. If not, it updates nothing and adds 0.
* **Noise mass off the beam.** A range that noise carries behind the sensor (before cell 1) or
  past the end of the beam (after cell n) is thrown away: it updates nothing and adds 0. It is
  neither folded back, nor renormalised, nor turned into "no return". The same holds for the mass
  that a truncated kernel cuts off.

So with C_k the gain of a report "cell k" and G[k, j] the noise::

    I = sum_{j=1..n} P(e_j) sum_{k=1..n} G[k, j] C_k  +  [count_no_hit] P(e_0) sum_{i=1..n} f_emp(i)

In the backward recursion over a line (`mi_map`) this means: past the end ``I = 0`` and ``M = 1``
if `count_no_hit` else ``M = 0``; ``g_i`` counts only kernel mass on cells up to the end; the mass
behind the sensor is subtracted. The end of the beam is the end of its cells, whether it left the
map or reached `max_range`.

The measures that are no expected gain follow the same rule as far as it has a meaning for them:
`shannon` drops the term of e_0 if `count_no_hit` is False; `csqmi` treats e_0 as a reading of its
own that overlaps no range, absent if `count_no_hit` is False, and integrates its densities over
the whole range axis, as published; `fcmi` has no noise, and its beam ends with e_0 or with
nothing.
"""

from __future__ import annotations

from fsmi.measures.beam import Beam, first_hit
from fsmi.measures.gain import gain, gain_tables
from fsmi.measures.registry import MEASURES, beam_mi
from fsmi.measures.rle import RUN_MEASURES, run_lengths, runs_mi

__all__ = [
    "MEASURES",
    "RUN_MEASURES",
    "Beam",
    "beam_mi",
    "first_hit",
    "gain",
    "gain_tables",
    "run_lengths",
    "runs_mi",
]
