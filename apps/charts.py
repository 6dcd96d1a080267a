"""Altair charts of the pages. They draw what they are given and compute nothing.

Field names are short and plain: a field called `H [bit]` draws an empty chart without an error.
Units stand in the titles. Colours: Okabe & Ito, and viridis for amounts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
import numpy.typing as npt
import pandas as pd

BLUE, ORANGE, GREEN, PINK, RED, SKY = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9",
)  # fmt: skip
GREY = "#8A8A8A"
COLOURS = [BLUE, ORANGE, GREEN, PINK, RED, SKY]

# Streamlit counts axis, titles and legend as part of a chart's height [px].
AROUND, LEGEND = 75, 45


def table(
    values: npt.ArrayLike,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    title: str,
    row_title: str = "X",
    column_title: str = "Y",
    diverging: bool = False,
    number_format: str = ".3f",
) -> alt.LayerChart:
    """A table as coloured squares with its numbers in them; `diverging` puts white at zero."""
    array = np.asarray(values, dtype=float)
    frame = pd.DataFrame(
        [
            {"row": r, "column": c, "value": array[i, j] if np.isfinite(array[i, j]) else None}
            for i, r in enumerate(rows)
            for j, c in enumerate(columns)
        ]
    )
    finite = array[np.isfinite(array)]
    top = float(np.abs(finite).max()) if finite.size else 1.0
    top = top or 1.0
    scale = (
        alt.Scale(scheme="purpleorange", domain=[-top, top], reverse=True)
        if diverging
        else alt.Scale(scheme="viridis", domain=[0, top])
    )
    base = alt.Chart(frame).encode(
        x=alt.X("column:N", title=column_title, sort=list(columns), axis=alt.Axis(labelAngle=0)),
        y=alt.Y("row:N", title=row_title, sort=list(rows)),
        tooltip=[
            alt.Tooltip("row:N", title=row_title),
            alt.Tooltip("column:N", title=column_title),
            alt.Tooltip("value:Q", title=title, format=".6f"),
        ],
    )
    squares = base.mark_rect(stroke="#8A8A8A", strokeWidth=0.5).encode(
        color=alt.Color("value:Q", scale=scale, legend=None)
    )
    light = f"abs(datum.value) > {0.6 * top}" if diverging else f"datum.value < {0.6 * top}"
    numbers = base.mark_text(fontSize=13).encode(
        text=alt.Text("value:Q", format=number_format),
        color=alt.condition(light, alt.value("#FFFFFF"), alt.value("#111111")),
    )
    height = AROUND + 30 + 44 * len(rows)
    return alt.layer(squares, numbers).properties(title=title, height=height)


def information_bars(h_x: float, h_y: float, mi: float, joint: float) -> alt.LayerChart:
    """The same quantities as a Venn diagram, as bars on one axis: each exactly to scale."""
    parts = [
        ("H(X,Y)", "H(X|Y)", 0.0, joint - h_y),
        ("H(X,Y)", "I(X;Y)", joint - h_y, h_x),
        ("H(X,Y)", "H(Y|X)", h_x, joint),
        ("H(X)", "H(X|Y)", 0.0, joint - h_y),
        ("H(X)", "I(X;Y)", joint - h_y, h_x),
        ("H(Y)", "I(X;Y)", joint - h_y, h_x),
        ("H(Y)", "H(Y|X)", h_x, joint),
    ]
    frame = pd.DataFrame(parts, columns=["bar", "part", "start", "end"])
    frame["bits"] = frame["end"] - frame["start"]
    base = alt.Chart(frame).encode(
        y=alt.Y("bar:N", title=None, sort=["H(X,Y)", "H(X)", "H(Y)"]),
        x=alt.X("start:Q", title="bit"),
        x2="end:Q",
        tooltip=["bar:N", "part:N", alt.Tooltip("bits:Q", format=".4f")],
    )
    colour = alt.Color(
        "part:N",
        scale=alt.Scale(domain=["H(X|Y)", "I(X;Y)", "H(Y|X)"], range=[BLUE, GREEN, ORANGE]),
        legend=alt.Legend(title=None, orient="bottom"),
    )
    return alt.layer(base.mark_bar(height=26).encode(color=colour)).properties(
        height=AROUND + LEGEND + 105
    )


def intervals(
    rows: Sequence[Mapping[str, object]],
    *,
    title: str,
    truth: float | None = None,
    truth_label: str = "truth",
    order: Sequence[str] | None = None,
    label_title: str | None = None,
    colour_by: str | None = None,
) -> alt.LayerChart:
    """Values with their intervals, one line each: rows hold name, value, lower, upper [bit]."""
    frame = pd.DataFrame(rows)
    names = list(order) if order is not None else list(dict.fromkeys(frame["name"]))
    tooltips = [
        alt.Tooltip("name:N", title="name"),
        alt.Tooltip("value:Q", format=".4f"),
        alt.Tooltip("lower:Q", format=".4f"),
        alt.Tooltip("upper:Q", format=".4f"),
    ]
    y = alt.Y("name:N", title=label_title, sort=names, axis=alt.Axis(labelLimit=220))
    base = alt.Chart(frame).encode(y=y, tooltip=tooltips)
    colour = (
        alt.Color(f"{colour_by}:N", legend=alt.Legend(title=None, orient="bottom"))
        if colour_by
        else alt.value(BLUE)
    )
    layers: list[alt.Chart] = [
        base.mark_bar(opacity=0.35, height=16).encode(
            x=alt.X("value:Q", title=title), color=colour
        ),
        base.mark_rule(strokeWidth=2.5).encode(x="lower:Q", x2="upper:Q", color=colour),
        base.mark_point(filled=True, size=70, opacity=1).encode(x="value:Q", color=colour),
    ]
    if truth is not None:
        mark = pd.DataFrame({"truth": [truth], "what": [truth_label]})
        layers.append(
            alt.Chart(mark)
            .mark_rule(strokeDash=[6, 4], strokeWidth=2, color=RED)
            .encode(x="truth:Q", tooltip=["what:N", alt.Tooltip("truth:Q", format=".4f")])
        )
    return alt.layer(*layers).properties(
        height=AROUND + 36 * len(names) + (LEGEND if colour_by else 0)
    )


def scatter(
    x: npt.ArrayLike, y: npt.ArrayLike, *, x_title: str = "x", y_title: str = "y", height: int = 360
) -> alt.Chart:
    """Points; at most 2000 of them are sent to the browser."""
    frame = pd.DataFrame({"x": np.ravel(x)[:2000], "y": np.ravel(y)[:2000]})
    return (
        alt.Chart(frame)
        .mark_circle(size=22, opacity=0.45, color=BLUE)
        .encode(
            x=alt.X("x:Q", title=x_title, scale=alt.Scale(zero=False)),
            y=alt.Y("y:Q", title=y_title, scale=alt.Scale(zero=False)),
            tooltip=[alt.Tooltip("x:Q", format=".3f"), alt.Tooltip("y:Q", format=".3f")],
        )
        .properties(height=height)
    )


def lines(
    frame: pd.DataFrame,
    *,
    x_title: str,
    y_title: str,
    height: int = 300,
    points: bool = False,
    log_x: bool = False,
    log_y: bool = False,
    marker: float | None = None,
    counts: bool = False,
) -> alt.LayerChart:
    """Curves: `frame` holds x, y, series.

    `marker` is a place on the x axis to point at; `counts` says that x holds whole numbers.
    """
    axis = alt.Axis(tickMinStep=1, format="d") if counts else alt.Axis()
    base = alt.Chart(frame).encode(
        x=alt.X(
            "x:Q", title=x_title, axis=axis, scale=alt.Scale(type="log" if log_x else "linear")
        ),
        color=alt.Color(
            "series:N",
            sort=list(dict.fromkeys(frame["series"])),
            legend=alt.Legend(title=None, orient="bottom", columns=2, labelLimit=260),
        ),
        tooltip=["series:N", alt.Tooltip("x:Q", format=".4g"), alt.Tooltip("y:Q", format=".4g")],
    )
    y = alt.Y("y:Q", title=y_title, scale=alt.Scale(type="log" if log_y else "linear"))
    layers = [base.mark_line(point=points, strokeWidth=2).encode(y=y)]
    if marker is not None:
        layers.append(
            alt.Chart(pd.DataFrame({"x": [marker]}))
            .mark_rule(color=RED, strokeWidth=1.5)
            .encode(x="x:Q")
        )
    return alt.layer(*layers).properties(height=height)


def bars(values: Mapping[str, float], *, x_title: str, colour: str = BLUE) -> alt.Chart:
    """Horizontal bars, name -> value, in the order given."""
    frame = pd.DataFrame({"name": list(values), "value": list(values.values())})
    return (
        alt.Chart(frame)
        .mark_bar(color=colour)
        .encode(
            y=alt.Y("name:N", title=None, sort=list(values), axis=alt.Axis(labelLimit=260)),
            x=alt.X("value:Q", title=x_title),
            tooltip=["name:N", alt.Tooltip("value:Q", format=".4f")],
        )
        .properties(height=AROUND + 36 * len(frame))
    )


def curve(
    x: npt.ArrayLike, y: npt.ArrayLike, *, x_title: str, y_title: str, height: int = 240
) -> alt.Chart:
    """One curve over an area, from zero."""
    frame = pd.DataFrame({"x": np.ravel(x), "y": np.ravel(y)})
    return (
        alt.Chart(frame)
        .mark_area(line={"color": BLUE}, color=BLUE, opacity=0.3)
        .encode(
            x=alt.X("x:Q", title=x_title, scale=alt.Scale(nice=False)),
            y=alt.Y("y:Q", title=y_title),
            tooltip=[alt.Tooltip("x:Q", format=".3g"), alt.Tooltip("y:Q", format=".4g")],
        )
        .properties(height=height)
    )


def legend(top: float, *, unit: str = "bit", height: int = 84) -> alt.Chart:
    """A strip of viridis with its numbers, for pictures that have no axes."""
    shares = np.linspace(0.0, top, 65)
    frame = pd.DataFrame({"start": shares[:-1], "end": shares[1:]})
    return (
        alt.Chart(frame)
        .mark_rect()
        .encode(
            x=alt.X("start:Q", title=unit, scale=alt.Scale(domain=[0, top], nice=False)),
            x2="end:Q",
            color=alt.Color("start:Q", legend=None, scale=alt.Scale(scheme="viridis")),
        )
        .properties(height=height)
    )


def errors(frame: pd.DataFrame, truth: float, *, height: int = 360) -> alt.LayerChart:
    """Estimates over the size of the sample: x, y, lower, upper, series; the truth dashed."""
    base = alt.Chart(frame).encode(
        x=alt.X("x:Q", title="rows in the sample", scale=alt.Scale(type="log", nice=False)),
        color=alt.Color(
            "series:N",
            sort=list(dict.fromkeys(frame["series"])),
            legend=alt.Legend(title=None, orient="bottom"),
        ),
    )
    band = base.mark_area(opacity=0.2).encode(
        y=alt.Y("lower:Q", title="estimate [bit]"), y2="upper:Q"
    )
    mean = base.mark_line(point=True, strokeWidth=2.5).encode(
        y="y:Q",
        tooltip=[
            "series:N",
            "x:Q",
            alt.Tooltip("y:Q", format=".4f"),
            alt.Tooltip("error:Q", format=".4f"),
        ],
    )
    line = (
        alt.Chart(pd.DataFrame({"truth": [truth]}))
        .mark_rule(strokeDash=[6, 4], strokeWidth=2, color=RED)
        .encode(y="truth:Q", tooltip=[alt.Tooltip("truth:Q", format=".4f")])
    )
    return alt.layer(band, mean, line).properties(height=height)


def first_hits(occupancy: npt.ArrayLike, ends: npt.ArrayLike) -> alt.LayerChart:
    """A beam: occupancy of its cells (grey), and where it ends, "no return" last (blue)."""
    o, p = np.ravel(occupancy), np.ravel(ends)
    names = [str(k + 1) for k in range(len(o))] + ["no return"]
    frame = pd.DataFrame({"cell": names, "occupied": [*o, 0.0], "ends": p})
    x = alt.X("cell:N", sort=names, title="cell", axis=alt.Axis(labelAngle=0))
    tips = [
        "cell:N",
        alt.Tooltip("occupied:Q", format=".3f"),
        alt.Tooltip("ends:Q", title="beam ends here", format=".4f"),
    ]
    base = alt.Chart(frame).encode(x=x, tooltip=tips)
    walls = base.mark_bar(color=GREY, opacity=0.35).encode(
        y=alt.Y("occupied:Q", title="probability", scale=alt.Scale(domain=[0, 1]))
    )
    hits = base.mark_bar(color=BLUE, width={"band": 0.45}).encode(y="ends:Q")
    return alt.layer(walls, hits).properties(
        height=300, title="occupied (grey), beam ends here (blue)"
    )
