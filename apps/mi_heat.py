"""Chapter: mutual information along the heat flow, as an animation."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st
from charts import BLUE, ORANGE, RED
from drawing import draw
from moving import heat_flow
from scipy.stats import norm
from ui import SHARED, chapter, sources

from privfunnel.datasets import bivariate_normal, gap_gaussian

INPUTS = {
    "Two points": "$X_0=\\pm1$. At first nothing is lost: the two bumps do not overlap, the curve "
    "starts flat and **bends down before it bends up**. From the inflection on it is convex.",
    "Gaussian": "$X_0\\sim N(0,1)$. A log-concave start: the curve is **convex from the first "
    "moment**.",
}
FRAMES = 90


@st.cache_data(max_entries=4, show_spinner=False)
def curve(start: str) -> pd.DataFrame:
    """I(X_0; X_t) [bit] over t, its slope and where it is convex."""
    t = np.linspace(0.03, 3.0, FRAMES)
    if start == "Two points":  # scaled so that the noise has variance 1
        bits = [gap_gaussian(1 / np.sqrt(v)).bits for v in t]
    else:
        bits = [bivariate_normal(1 / np.sqrt(1 + v)).bits for v in t]
    frame = pd.DataFrame({"frame": np.arange(FRAMES), "t": t, "bits": bits})
    frame["bend"] = np.gradient(np.gradient(frame["bits"], t), t)
    return frame


@st.cache_data(max_entries=4, show_spinner=False)
def densities(start: str) -> pd.DataFrame:
    """Density of X_t for every frame; for the two points also each bump by itself."""
    x = np.linspace(-5, 5, 121)
    parts = []
    for k, t in enumerate(curve(start)["t"]):
        if start == "Two points":
            width = np.sqrt(t)
            bumps = {f"x0 = {c:+d}": norm.pdf(x, c, width) / 2 for c in (1, -1)}
        else:
            bumps = {"density": norm.pdf(x, 0, np.sqrt(1 + t))}
        parts += [pd.DataFrame({"frame": k, "x": x, "y": y, "part": p}) for p, y in bumps.items()]
    return pd.concat(parts, ignore_index=True)


def animation(start: str) -> alt.HConcatChart:
    """Density and curve with one clock, which runs in the browser."""
    clock = alt.param(
        name="clock", value=0, bind=alt.binding_range(min=0, max=FRAMES - 1, step=1, name="time ")
    )
    table = curve(start)
    picture = (
        alt.Chart(densities(start))
        .transform_filter("datum.frame == clock")
        .mark_area(opacity=0.45)
        .encode(
            x=alt.X("x:Q", title="x"),
            y=alt.Y("y:Q", title="density of Xt", stack=None,
                    scale=alt.Scale(domain=[0, 0.8], clamp=True)),
            color=alt.Color("part:N", scale=alt.Scale(range=[BLUE, ORANGE]),
                            legend=alt.Legend(title=None, orient="top")),
        )
        .properties(width=380, height=260)
    )  # fmt: skip
    base = alt.Chart(table).encode(x=alt.X("t:Q", title="time t (variance of the noise)"))
    y = alt.Y("bits:Q", title="I(X0; Xt) [bit]")
    line = base.mark_line(strokeWidth=2.5, color=BLUE).encode(y=y)
    dot = (
        base.transform_filter("datum.frame == clock")
        .mark_point(filled=True, size=160, color=RED, opacity=1)
        .encode(
            y=y, tooltip=[alt.Tooltip("t:Q", format=".2f"), alt.Tooltip("bits:Q", format=".3f")]
        )
    )
    concave = (
        base.transform_filter("datum.bend < 0").mark_line(strokeWidth=6, color=ORANGE).encode(y=y)
    )
    right = alt.layer(concave, line, dot).properties(width=380, height=260)
    return alt.hconcat(picture, right).add_params(clock)


@st.cache_data(max_entries=4, show_spinner=False)
def moving(start: str) -> str:
    """The same as a drawing that moves by itself."""
    table, long = curve(start), densities(start)
    bumps = {
        name: part.pivot(index="frame", columns="x", values="y").to_numpy()[::2, ::2]
        for name, part in long.groupby("part", sort=False)
    }
    x = np.unique(long["x"])[::2]
    return heat_flow(
        x, bumps, table["t"].to_numpy()[::2], table["bits"].to_numpy()[::2], top=0.8,
        alt="Moving picture: the density spreads while the information falls",
    )  # fmt: skip


@st.fragment
def show() -> None:
    """The chapter."""
    chapter(
        "Information along the heat flow",
        "Add ever more Gaussian noise: $X_t=X_0+\\sqrt t\\,N$. What $X_t$ tells about where it "
        "came from can only fall (data processing). **How** it falls depends on the start.",
        r"X_t=X_0+\sqrt{t}\,N,\qquad \frac{d}{dt}I(X_0;X_t)\le 0",
    )
    start = st.segmented_control(
        "Start", list(INPUTS), default="Two points", required=True, key="heat_start", **SHARED
    )
    st.markdown(INPUTS[start])
    if st.toggle("Play", key="heat_play", help="The browser moves the picture.", **SHARED):
        draw(moving(start), key=f"heat_moving_{start}")
    else:
        st.altair_chart(
            animation(start), key=f"heat_{start}", width="content",
            alt="Density of the noisy variable and its information about the start, over time",
        )  # fmt: skip
        st.caption("Drag *time* below the chart. Orange marks where the curve bends down.")
    sources("Wibisono & Jog (2018), *Convexity of mutual information along the heat flow*: convex "
            "for log-concave starts, and for any bounded start from some time on.")  # fmt: skip
