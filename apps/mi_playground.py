"""Chapter: estimators against known truth, over the size of the sample."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st
from charts import errors
from mi_methods import about, continuous, discrete
from ui import SHARED, chapter, progress_bar, sources

from privfunnel import estimate_mi
from privfunnel.datasets import Task
from privfunnel.panel import continuous_tasks, discrete_tasks, independent_tasks

FIRST = "additive 1x1 width=0.1"  # neither Gaussian nor hard: the methods differ
LARGEST_DIMENSION = 10  # sides beyond this need minutes


@st.cache_resource(max_entries=1, show_spinner=False)
def tasks() -> Mapping[str, tuple[Task, bool]]:
    """Name -> the task and whether it is made of codes."""
    found: dict[str, tuple[Task, bool]] = {}
    for task in (*continuous_tasks(), *independent_tasks()):
        if max(side.shape[1] for side in task.sample(2, 0)) <= LARGEST_DIMENSION:
            found[task.name] = (task, False)
    for task in discrete_tasks():
        both_codes = all(side.dtype.kind in "iu" for side in task.sample(2, 0))
        found[task.name] = (task, both_codes)
    return found


@st.cache_data(max_entries=4096, show_spinner=False)
def reading(name: str, method: str, n: int, seed: int) -> float:
    """The estimate [bit] on one fresh sample: one more sample costs one more estimate."""
    x, y = tasks()[name][0].sample(n, seed)
    return estimate_mi(x, y, method=method, rng=seed).value


def measured(name: str, methods: list[str], sizes: list[int], repeats: int) -> pd.DataFrame:
    """One row per method and size: mean reading, spread, error [bit]."""
    known = tasks()[name][0].bits
    rows = []
    jobs = [(m, n) for n in sizes for m in methods]
    with progress_bar("Estimating") as report:
        for k, (method, n) in enumerate(jobs):
            report(k / len(jobs), f"{method}, {n} rows")
            values = np.array([reading(name, method, n, seed) for seed in range(repeats)])
            error = np.abs(values - known)
            rows.append({
                "series": method, "x": n, "y": values.mean(), "lower": values.min(),
                "upper": values.max(), "error": error.mean(),
            })  # fmt: skip
    return pd.DataFrame(rows)


@st.fragment
def show() -> None:
    """The chapter."""
    chapter(
        "Estimator playground",
        "From a sample the information has to be **estimated**, and every method errs in its own "
        "way. These distributions have a known truth, so the error can be seen. The formula is "
        "*ksg*: it counts the $n_x$ and $n_y$ neighbours on each side that are nearer than the "
        "$k$-th nearest of the pair.",
        r"\hat I_{\mathrm{KSG}}=\psi(k)+\psi(n)-\big\langle\psi(n_x+1)+\psi(n_y+1)\big\rangle",
    )
    left, right = st.columns([2, 3], gap="large")
    with left:
        names = list(tasks())
        name = st.selectbox(
            "Distribution", names, key="play_task", index=names.index(FIRST), **SHARED
        )
        task, codes = tasks()[name]
        offered = discrete() if codes else continuous()
        methods = st.pills(
            "Estimators", offered, selection_mode="multi", default=offered[:3],
            key=f"play_methods_{'codes' if codes else 'numbers'}", wrap=True, **SHARED,
        )  # fmt: skip
        largest = st.select_slider(
            "Largest sample", [100, 300, 1000, 3000], 1000, key="play_n", **SHARED
        )
        repeats = st.slider("Fresh samples of each size", 1, 10, 4, key="play_repeats", **SHARED)
        for method in methods:
            st.caption(f"**{method}**: {about(method)}")
    with right:
        if not methods:
            st.info("Choose an estimator.")
            return
        sizes = [n for n in (30, 100, 300, 1000, 3000) if n <= largest]
        frame = measured(name, methods, sizes, repeats)
        st.markdown(
            f"True value: **{task.bits:.4f} bit**. Lines: means; bands: smallest to largest."
        )
        st.altair_chart(
            errors(frame, task.bits), key="play_chart",
            alt=f"Estimates of {task.bits:.2f} bit over the size of the sample",
        )  # fmt: skip
        last = frame[frame["x"] == sizes[-1]][["series", "y", "error"]]
        st.dataframe(
            last.rename(columns={"series": "estimator", "y": "mean", "error": "mean error"}),
            hide_index=True, key="play_table", alt=f"Errors at {sizes[-1]} rows",
            column_config={
                c: st.column_config.NumberColumn(f"{c} [bit]", format="%.4f")
                for c in ("mean", "mean error")
            },
        )  # fmt: skip
    sources("Czyż, Grabowski, Vogt, Beerenwinkel & Marx (2023), *Beyond normal*, for the panel of "
            "distributions with known information; Kraskov, Stögbauer & Grassberger (2004) for "
            "the formula (in nats).")  # fmt: skip
