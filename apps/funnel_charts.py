"""Charts of the privacy page: what releases leak and keep."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd
from charts import AROUND, BLUE, GREEN, GREY, ORANGE, PINK, RED


def region(
    edges: pd.DataFrame, *, point: tuple[float, float] | None = None, height: int = 360
) -> alt.LayerChart:
    """What releases can do: `edges` holds x (utility), low, high and erase (leakage) [bit]."""
    x = alt.X("x:Q", title="utility I(X;Z) [bit]")
    title = "leakage I(S;Z) [bit]"
    base = alt.Chart(edges).encode(x=x)
    area = base.mark_area(opacity=0.15, color=BLUE).encode(
        y=alt.Y("low:Q", title=title), y2="high:Q"
    )
    named = {"high": "bottleneck: the most", "erase": "erase at random", "low": "funnel: the least"}
    long = edges.rename(columns=named).melt(
        "x", list(named.values()), var_name="series", value_name="y"
    )
    curves = (
        alt.Chart(long)
        .mark_line(point=True, strokeWidth=2.5)
        .encode(
            x=x,
            y=alt.Y("y:Q", title=title),
            color=alt.Color(
                "series:N",
                scale=alt.Scale(domain=list(named.values()), range=[ORANGE, GREY, BLUE]),
                legend=alt.Legend(title=None, orient="bottom", columns=3),
            ),
            tooltip=[
                "series:N",
                alt.Tooltip("x:Q", format=".3f"),
                alt.Tooltip("y:Q", format=".4f"),
            ],
        )
    )
    layers: list[alt.Chart] = [area, curves]
    if point is not None:
        frame = pd.DataFrame({"x": [point[0]], "y": [point[1]], "what": ["this release"]})
        layers.append(
            alt.Chart(frame)
            .mark_point(shape="diamond", filled=True, size=220, color=RED, opacity=1)
            .encode(x="x:Q", y="y:Q", tooltip=["what:N", "x:Q", "y:Q"])
        )
    return alt.layer(*layers).properties(height=height)


def kept_bars(rows: Sequence[tuple[str, float, float]]) -> alt.LayerChart:
    """How much of each column is kept: (name, information, entropy) [bit]."""
    frame = pd.DataFrame(rows, columns=["name", "kept", "whole"])
    y = alt.Y("name:N", title=None, sort=list(frame["name"]), axis=alt.Axis(labelLimit=220))
    base = alt.Chart(frame).encode(
        y=y,
        tooltip=[
            "name:N",
            alt.Tooltip("kept:Q", format=".3f"),
            alt.Tooltip("whole:Q", format=".3f"),
        ],
    )
    whole = base.mark_bar(color=GREY, opacity=0.3, height=18).encode(
        x=alt.X("whole:Q", title="kept (blue) of all there is (grey) [bit]")
    )
    kept = base.mark_bar(color=BLUE, height=18).encode(x="kept:Q")
    return alt.layer(whole, kept).properties(height=AROUND + 36 * len(frame))


def frontier(
    points: pd.DataFrame,
    raw: tuple[float, float],
    rivals: pd.DataFrame,
    *,
    best: pd.DataFrame | None = None,
    height: int = 420,
) -> alt.LayerChart:
    """Releases with their intervals, and the table as it is: utility and leakage [bit].

    `points` holds x, left, right, y, low, high, budget, status; `rivals` x, y, name, or nothing;
    `best` x and low, the exact funnel of a single column.
    """
    x = alt.X("x:Q", title="utility kept [bit, summed over columns]", scale=alt.Scale(domainMin=0))
    y = alt.Y("y:Q", title="leakage [bit]")
    colour = alt.Color(
        "status:N",
        scale=alt.Scale(domain=["within", "undecided", "over"], range=[GREEN, ORANGE, RED]),
        legend=alt.Legend(title=None, orient="bottom"),
    )
    base = alt.Chart(points).encode(color=colour)
    tips = [
        alt.Tooltip("budget:Q"),
        alt.Tooltip("x:Q", title="utility", format=".2f"),
        alt.Tooltip("y:Q", title="leakage", format=".4f"),
        alt.Tooltip("high:Q", title="at most", format=".4f"),
        "status:N",
    ]
    random = pd.DataFrame({"x": [0.0, raw[0]], "y": [0.0, raw[1]], "what": "erase at random"})
    line = (
        alt.Chart(random)
        .mark_line(color=GREY, strokeDash=[5, 4])
        .encode(x=x, y=y, tooltip=["what:N"])
    )
    up = base.mark_rule(strokeWidth=2).encode(
        x=x, y=alt.Y("low:Q", title="leakage [bit]"), y2="high:Q"
    )
    across = base.mark_rule(strokeWidth=2).encode(x=alt.X("left:Q"), x2="right:Q", y=y)
    dots = base.mark_point(filled=True, size=110, opacity=1).encode(x=x, y=y, tooltip=tips)
    names = base.mark_text(dy=-14, dx=14, fontSize=12).encode(
        x=x, y=y, text=alt.Text("budget:Q", format=".2~f")
    )
    table = pd.DataFrame({"x": [raw[0]], "y": [raw[1]], "what": ["the table as it is"]})
    star = (
        alt.Chart(table)
        .mark_point(shape="diamond", filled=True, size=200, color=BLUE, opacity=1)
        .encode(x=x, y=y, tooltip=["what:N", alt.Tooltip("y:Q", format=".3f")])
    )
    layers = [line, up, across, dots, names, star]
    if best is not None:
        exact = alt.Chart(best.assign(what="exact funnel"))
        tips = ["what:N", alt.Tooltip("x:Q", format=".2f"), alt.Tooltip("low:Q", format=".4f")]
        layers.insert(
            0,
            exact.mark_line(color=BLUE, strokeWidth=2.5).encode(
                x=x, y=alt.Y("low:Q", title="leakage [bit]"), tooltip=tips
            ),
        )
    if len(rivals):
        tips = ["name:N", alt.Tooltip("x:Q", format=".2f"), alt.Tooltip("y:Q", format=".4f")]
        base = alt.Chart(rivals)
        layers.append(base.mark_line(color=PINK, strokeWidth=1.5).encode(x=x, y=y))
        layers.append(
            base.mark_point(shape="square", filled=True, size=70, color=PINK, opacity=1).encode(
                x=x, y=y, tooltip=tips
            )
        )
    return alt.layer(*layers).properties(height=height)
