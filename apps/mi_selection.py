"""Chapter: choosing columns; relevance alone against relevance less redundancy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st
from charts import bars, lines
from funnel_data import BUNDLED, bundled
from ui import SHARED, chapter, plain, progress_bar, remembered, sources

from privfunnel import estimate_mi
from privfunnel.selection import CRITERIA, Selection, select_features

MADE = "made data"
MOST = 6
WORDS = {
    "relevance": "the most telling columns, one by one",
    "mrmr": "relevance less what the chosen ones already say",
    "mrmr_quotient": "relevance over redundancy",
    "jmi": "what a column adds beside each chosen one",
    "cmim": "what it adds beside the one that knows most of it",
}


@st.cache_data(max_entries=4, show_spinner=False)
def made() -> tuple[pd.DataFrame, pd.Series]:
    """Three copies of one signal, one weaker new signal, noise; y needs both signals."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 1200))
    blur = rng.normal(size=(3, 1200))
    columns = {
        "signal A": a + 0.2 * blur[0],
        "copy of A": a + 0.25 * blur[1],
        "another copy of A": a + 0.3 * blur[2],
        "signal B": b + 0.8 * rng.normal(size=1200),
        "noise 1": rng.normal(size=1200),
        "noise 2": rng.normal(size=1200),
    }
    target = 2 * (a > 0).astype(int) + (b > 0).astype(int)
    return pd.DataFrame(columns), pd.Series(target, name="quadrant of (A, B)")


@st.cache_data(max_entries=8, show_spinner=False)
def data(source: str, target: str | None) -> tuple[pd.DataFrame, pd.Series]:
    """Columns and target."""
    if source == MADE:
        return made()
    table = bundled(source)
    frame = pd.DataFrame({c.name: c.decode(c.values) for c in table})
    name = target or BUNDLED[source][1]
    return frame.drop(columns=name), frame[name]


@remembered(lambda *all_of_them: all_of_them, most=32)
def chosen(source: str, target: str | None, criterion: str) -> Selection:
    """The first columns in the order in which the criterion takes them, one after another."""
    X, y = data(source, target)
    most = min(MOST, X.shape[1])
    with progress_bar(f"Choosing by {criterion}") as report:
        return select_features(X, y, most, criterion=criterion, rng=0, progress=report)


@st.cache_data(max_entries=128, show_spinner=False)
def together(source: str, target: str | None, names: tuple[str, ...]) -> float:
    """What some columns tell together about the target: a held-out lower bound [bit]."""
    X, y = data(source, target)
    return estimate_mi(X[list(names)], y, method="logistic", rng=0).value


@st.fragment
def show() -> None:
    """The chapter."""
    chapter(
        "Choosing columns",
        "Which few columns tell the most about a target? Taking the most telling ones one by one "
        "buys the same information several times. Take off what is already known.",
        r"\text{mRMR}:\quad \max_j\; I(X_j;Y)-\frac{1}{|S|}\sum_{s\in S} I(X_j;X_s)",
    )
    left, right = st.columns([2, 3], gap="large")
    with left:
        source = st.selectbox("Data", [MADE, *BUNDLED], key="select_data", **SHARED)
        target = None
        if source != MADE:
            names = bundled(source).names
            target = st.selectbox(
                "Target", names, index=names.index(BUNDLED[source][1]), key="select_target",
                **SHARED,
            )  # fmt: skip
        X, y = data(source, target)
        rivals = st.pills(
            "Criteria", list(CRITERIA), selection_mode="multi", default=["relevance", "mrmr"],
            key="select_criteria", wrap=True, **SHARED,
        )  # fmt: skip
        k = st.slider("Columns to choose", 1, min(MOST, X.shape[1]), 3, key="select_k", **SHARED)
        for name in rivals:
            st.caption(f"**{name}**: {WORDS.get(name, '')}")
    if not rivals:
        right.info("Choose a criterion.")
        return
    found = {name: chosen(source, target, name) for name in rivals}
    with right:
        first = next(iter(found.values()))
        order = np.argsort(first.relevance)[::-1]
        st.altair_chart(
            bars({X.columns[j]: first.relevance[j] for j in order},
                 x_title=f"I(column; {y.name}) [bit]"),
            key="select_relevance", alt="Relevance of every column",
        )  # fmt: skip
        for name, selection in found.items():
            picks = " → ".join(plain(n, 30) for n in selection.names[:k])
            st.markdown(f"**{name}** takes {picks}")
    rows = [
        {"x": i, "y": together(source, target, selection.names[:i]), "series": name}
        for name, selection in found.items()
        for i in range(1, k + 1)
    ]
    st.markdown("**What the chosen columns tell together** (logistic regression on unseen rows, "
                "a lower bound)")  # fmt: skip
    st.altair_chart(
        lines(pd.DataFrame(rows), points=True, counts=True, x_title="columns chosen",
              y_title=f"I(chosen; {y.name}) [bit]", height=320),
        key="select_curve",
        alt="; ".join(f"{r['series']} {r['x']}: {r['y']:.2f} bit" for r in rows),
    )  # fmt: skip
    sources(
        "Peng, Long & Ding (2005) for mRMR; Brown, Pocock, Zhao & Luján (2012) for all criteria on "
        "one scale."
    )
