"""Tab: one beam and the cells it crosses; every measure, and the truth by enumeration."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st
from charts import bars, first_hits
from robot_state import Scene
from ui import SHARED, chapter, kernel_lock, metrics, sources

from fsmi import MEASURES, beam_mi
from privfunnel.entropy import entropy, mutual_information

Array = npt.NDArray[np.float64]
MOST_ENUMERATED, MOST_CELLS = 12, 40
EXAMPLES = {
    "unknown": "0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5",
    "free, then unknown": "0.02 0.02 0.02 0.02 0.5 0.5 0.5 0.5 0.5 0.5",
    "mostly free": "0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1",
    "a wall halfway": "0.05 0.05 0.05 0.05 0.97 0.5 0.5 0.5 0.5 0.5",
    "one doubtful cell": "0.02 0.02 0.02 0.5 0.02 0.02 0.97",
}
WORDS = {
    "numerical": "FSMI by quadrature over the reading (Julian et al. 2014), the slow reference",
    "fsmi": "the same in closed form, theorem 1 of Zhang et al. (2019)",
    "approx_fsmi": "noise cut off beyond three sigma",
    "uniform_fsmi": "noise taken as uniform",
    "shannon": "true information of a noise-free range",
    "csqmi": "Cauchy-Schwarz quadratic information (Charrow et al. 2015)",
    "approx_csqmi": "the same, cut off",
    "fcmi": "continuous occupancy (Henderson et al. 2020): only its ranking has a meaning",
}


def parse(words: str) -> Array:
    """Occupancies written as numbers; ValueError says what is wrong."""
    try:
        cells = np.array([float(v) for v in words.replace(",", " ").replace(";", " ").split()])
    except ValueError:
        raise ValueError("write probabilities, separated by spaces") from None
    if not 1 <= len(cells) <= MOST_CELLS:
        raise ValueError(f"between 1 and {MOST_CELLS} cells")
    if not ((cells >= 0) & (cells <= 1)).all():
        raise ValueError("probabilities lie between 0 and 1")
    return cells


def choose_example() -> None:
    """Callback: load an example."""
    if st.session_state.beam_example:
        st.session_state.beam_cells = EXAMPLES[st.session_state.beam_example]


def enumerated(cells: Array) -> float:
    """Information between the map and a noise-free range, from the table of all maps [bit].

    Rows are the 2^n maps, columns where the beam ends; the last column is "no return".
    """
    n = len(cells)
    joint = np.zeros((2**n, n + 1))
    for k, world in enumerate(itertools.product((0, 1), repeat=n)):
        chance = math.prod(o if w else 1 - o for o, w in zip(cells, world, strict=True))
        joint[k, world.index(1) if 1 in world else n] = chance
    return mutual_information(joint)


def end_of_beam(cells: Array) -> Array:
    """Probability that the beam ends in each cell, and of no return; (n + 1,)."""
    reach = np.concatenate(([1.0], np.cumprod(1 - cells)))
    return np.append(cells * reach[:-1], reach[-1])


@st.cache_data(max_entries=64, show_spinner=False)
def measured(
    cells: tuple[float, ...], cell: float, sigma: float, hit: float, miss: float, no_hit: bool
) -> list[tuple[str, float | None, float, str]]:
    """(measure, bits or None, microseconds, why not) for every measure of fsmi."""
    rows = []
    options = {"cell": cell, "sigma": sigma, "delta_occ": hit, "delta_emp": miss,
               "count_no_hit": no_hit}  # fmt: skip
    for name in MEASURES:
        try:
            with kernel_lock():
                beam_mi(cells, measure=name, **options)  # compiled on first use
                begin = time.perf_counter()
                bits = beam_mi(cells, measure=name, **options)
                rows.append((name, bits, 1e6 * (time.perf_counter() - begin), ""))
        except ValueError as error:
            rows.append((name, None, math.nan, str(error)))
    return rows


def show(scene: Scene) -> None:
    """The tab."""
    chapter(
        "One beam, cell by cell",
        "A beam ends in the first occupied cell. What does its range tell about the cells? With up "
        f"to {MOST_ENUMERATED} cells every possible map can be written down, and the table of maps "
        "and ranges has a mutual information like any other table. The formulas have to agree.",
        r"P(e_j)=o_j\prod_{l<j}(1-o_l)",
    )
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.pills("Examples", list(EXAMPLES), key="beam_example", on_change=choose_example,
                 wrap=True)  # fmt: skip
        words = st.text_input(
            "Occupancy of the cells, nearest first", EXAMPLES["free, then unknown"],
            key="beam_cells", max_chars=400, **SHARED,
        )  # fmt: skip
        st.caption("Noise and inverse sensor model are those of the sidebar.")
    try:
        cells = parse(words)
    except ValueError as error:
        left.warning(f"That is not a beam: {error}.")
        return
    sensor = scene.sensor
    rows = measured(
        tuple(cells.tolist()), scene.resolution, sensor.sigma, sensor.delta_occ, sensor.delta_emp,
        sensor.count_no_hit,
    )  # fmt: skip
    with right:
        ends = end_of_beam(cells)
        st.altair_chart(
            first_hits(cells, ends), key="beam_ends",
            alt="Occupancy of each cell and the chance that the beam ends in it",
        )  # fmt: skip
    with left:
        truth(cells, ends)
    comparison(rows)
    sources("Zhang, Henderson, Karaman & Sze (2019); Julian, Karaman & Rus (2014); Charrow et al. "
            "(2015); Henderson, Sze & Karaman (2020).")  # fmt: skip


def truth(cells: Array, ends: Array) -> None:
    """Enumeration by one package against the formula of the other."""
    if len(cells) > MOST_ENUMERATED:
        st.info(f"More than {MOST_ENUMERATED} cells: too many maps to write down.")
        return
    with kernel_lock():
        formula = beam_mi(cells, measure="shannon")
    ways = {"all maps": enumerated(cells), "formula": formula, "H(range)": entropy(ends)}
    metrics(ways)
    spread = max(ways.values()) - min(ways.values())
    st.caption(
        f"`privfunnel` on the table of {2 ** len(cells):,} maps, `fsmi` along the beam, and the "
        f"entropy of the range (a noise-free range is a function of the map): largest difference "
        f"{spread:.1e} bit."
    )


def comparison(rows: Sequence[tuple[str, float | None, float, str]]) -> None:
    """Every measure of the same beam."""
    st.markdown("**The same beam in every measure**")
    left, right = st.columns(2, gap="large")
    values = {name: bits for name, bits, _, _ in rows if bits is not None and name != "fcmi"}
    with left:
        st.altair_chart(
            bars(values, x_title="bit"), key="beam_measures",
            alt=", ".join(f"{name} {bits:.3f} bit" for name, bits in values.items()),
        )  # fmt: skip
    with right:
        frame = pd.DataFrame(
            [(n, b, t, why or WORDS.get(n, "")) for n, b, t, why in rows],
            columns=["measure", "bit", "µs", "what it is"],
        )
        st.dataframe(
            frame, hide_index=True, key="beam_table", alt="Every measure with its time",
            column_config={
                "bit": st.column_config.NumberColumn(format="%.5f"),
                "µs": st.column_config.NumberColumn(format="%.1f"),
            },
        )  # fmt: skip
