"""Tab: one column against the sensitive one; the best release of it, exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st
from charts import table
from funnel_charts import region
from funnel_data import Task, cached
from ui import SHARED, metrics, plain, progress_bar, remembered, sources

from privfunnel.entropy import entropy, mutual_information, normalise
from privfunnel.funnels.discrete import DiscreteFunnel
from privfunnel.tables import quantile_bins

MOST_LEVELS, POINTS = 12, 9


@dataclass(frozen=True)
class Pair:
    """The joint table of the sensitive column (rows) and one other, with the names of its cells."""

    joint: npt.NDArray[np.float64]
    s_names: list[str]
    x_names: list[str]


@cached()
def pair(task: Task, column: str) -> Pair:
    """Counted from the table; many-valued columns are cut into bins of about equal size."""
    sides = [levels(task, name) for name in (task.sensitive, column)]
    counts = np.zeros([len(names) for _, names in sides])
    np.add.at(counts, tuple(codes for codes, _ in sides), 1)
    return Pair(normalise(counts), sides[0][1], sides[1][1])


def levels(task: Task, name: str) -> tuple[npt.NDArray[np.integer], list[str]]:
    """Codes of a column and their names, at most MOST_LEVELS of them."""
    column = task.table[name]
    codes, names = column.coded
    if len(names) <= MOST_LEVELS:
        return codes, [str(n)[:24] for n in names]
    bins = quantile_bins(column.values, MOST_LEVELS)
    spans = [column.values[bins == b] for b in range(int(bins.max()) + 1)]
    return bins, [f"{s.min():g} to {s.max():g}" for s in spans]


@remembered(lambda task, column: (task.key, column))
def edge(task: Task, column: str) -> pd.DataFrame:
    """Least and most leakage for a range of utilities [bit], and the line of erasing at random."""
    joint = pair(task, column).joint
    h_x, raw = entropy(joint.sum(axis=0)), mutual_information(joint)
    rows = []
    with progress_bar("Computing both edges") as report:
        for i, utility in enumerate(np.linspace(0, h_x, POINTS)):
            report(i / POINTS, f"utility {utility:.2f} bit")
            if utility == 0 or i == POINTS - 1:
                low = high = 0.0 if utility == 0 else raw
            else:
                funnel = DiscreteFunnel(utility=float(utility), rng=0).fit(joint)
                low, high = funnel.leakage.value, funnel.bottleneck().value
            rows.append({"x": utility, "low": low, "high": high, "erase": raw * utility / h_x})
    return pd.DataFrame(rows)


@cached()
def release(task: Task, column: str, budget: float) -> DiscreteFunnel:
    """The release of the column that keeps most for this budget of leakage."""
    return DiscreteFunnel(budget=budget, rng=0).fit(pair(task, column).joint)


def show(task: Task) -> None:
    """The tab."""
    st.markdown(
        "Release one column through a random channel. The **funnel** is the least that any such "
        "release leaks for what it keeps, the **bottleneck** the most; every release of the "
        "column lies between the two. Erasing entries at random walks along the straight line."
    )
    column = st.selectbox("Column to release", task.others, key="exact_column", **SHARED)
    both = pair(task, column)
    raw, h_x = mutual_information(both.joint), entropy(both.joint.sum(axis=0))
    if raw < 1e-9:
        st.info(
            f"{plain(column)} tells nothing about {plain(task.sensitive)}: release it as it is."
        )
        return
    share = st.slider(
        "Leakage budget, as a share of what the column leaks [%]", 0, 100, 30, key="exact_share",
        **SHARED,
    )  # fmt: skip
    funnel = release(task, column, raw * share / 100)
    metrics(
        {"leaks as it is [bit]": raw, "leaks released": funnel.leakage.value,
         "utility as it is": h_x, "utility released": funnel.utility.value}
    )  # fmt: skip
    left, right = st.columns(2, gap="large")
    with left:
        point = (funnel.utility.value, funnel.leakage.value)
        st.altair_chart(
            region(edge(task, column), point=point), key="exact_edge",
            alt=f"Leakage against utility; the release keeps {point[0]:.2f} bit and leaks "
            f"{point[1]:.3f} bit",
        )  # fmt: skip
    with right:
        letters = [str(name)[:24] for name in funnel.letters]
        st.altair_chart(
            table(funnel.channel, both.x_names, letters, title="p(released | true)",
                  row_title="true value", column_title="released letter", number_format=".2f"),
            key="exact_channel", alt="The channel of the release",
        )  # fmt: skip
    st.caption(f"How it was made: {plain(funnel.mechanism, 200)}.")
    sources("Makhdoumi, Salamatian, Fawaz & Medard (2014) for the funnel; Tishby, Pereira & Bialek "
            "(1999) for the bottleneck. Exact for this table of counts; the *Release* tab measures "
            "on people it was not fitted on.")  # fmt: skip
