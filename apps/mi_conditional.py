"""Chapter: conditional mutual information on three small graphs, and the chain rule."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import streamlit as st
from charts import bars
from diagrams import graph
from drawing import draw
from ui import SHARED, chapter, metrics, sources

from privfunnel.entropy import (
    conditional_mutual_information,
    interaction_information,
    mutual_information,
)

Array = npt.NDArray[np.float64]
# name -> (edges, what it means)
GRAPHS = {
    "Chain": ([("X", "Z"), ("Z", "Y")],
              "$X$ acts on $Y$ only through $Z$: given $Z$, the dependence is **gone**."),
    "Fork": ([("Z", "X"), ("Z", "Y")],
             "A common cause: $X$ and $Y$ move together although neither acts on the other; given "
             "$Z$, the dependence is **gone**."),
    "Collider": ([("X", "Z"), ("Y", "Z")],
                 "A common effect: $X$ and $Y$ are independent, and looking at $Z$ **makes** them "
                 "dependent (explaining away)."),
}  # fmt: skip
GATES = {
    "XOR": np.array([[0, 1], [1, 0]]),
    "AND": np.array([[0, 0], [0, 1]]),
    "OR": np.array([[0, 1], [1, 1]]),
}
PLACES = {"X": (70.0, 70.0), "Y": (370.0, 70.0), "Z": (220.0, 200.0)}


def flip(error: float) -> Array:
    """Binary symmetric channel, rows are inputs."""
    return np.array([[1 - error, error], [error, 1 - error]])


def joint_table(kind: str, gate: str, bias: float, error_x: float, error_y: float) -> Array:
    """p(x, y, z) of the graph; for the collider the two errors are noise on its output."""
    coin = np.array([1 - bias, bias])
    if kind == "Chain":
        return np.einsum("x,xz,zy->xyz", coin, flip(error_x), flip(error_y))
    if kind == "Fork":
        return np.einsum("z,zx,zy->xyz", coin, flip(error_x), flip(error_y))
    output = np.eye(2)[GATES[gate]] @ flip(error_x) @ flip(error_y)
    return np.einsum("x,y,xyz->xyz", coin, coin, output)


@st.fragment
def show() -> None:
    """The chapter."""
    chapter(
        "What a third variable does",
        "Conditioning can destroy information or create it. Three variables and two arrows are "
        "enough to see both.",
        r"I(X;Y\mid Z)=\sum_z p(z)\; I(X;Y\mid Z=z)",
    )
    left, right = st.columns([2, 3], gap="large")
    with left:
        kind = st.segmented_control(
            "Graph", list(GRAPHS), default="Chain", required=True, key="cond_graph", **SHARED
        )
        gate = st.segmented_control(
            "Z is", list(GATES), default="XOR", required=True, key="cond_gate",
            disabled=kind != "Collider", **SHARED,
        )  # fmt: skip
        bias = st.slider("Probability of a 1", 0.0, 1.0, 0.5, 0.01, key="cond_bias", **SHARED)
        e_x = st.slider("Noise on the first arrow", 0.0, 0.5, 0.1, 0.01, key="cond_ex", **SHARED)
        e_y = st.slider("Noise on the second arrow", 0.0, 0.5, 0.1, 0.01, key="cond_ey", **SHARED)
        st.markdown(GRAPHS[kind][1])
    joint = joint_table(kind, gate, bias, e_x, e_y)
    i_xy = mutual_information(joint.sum(axis=2))
    i_xy_z = conditional_mutual_information(joint)
    i_xz = mutual_information(joint.sum(axis=1))
    i_yz = mutual_information(joint.sum(axis=0))
    # Seen as one variable, the pair (X, Z) against Y.
    i_pair = mutual_information(joint.transpose(0, 2, 1).reshape(4, 2))
    with right:
        draw(
            graph(
                PLACES, GRAPHS[kind][0], size=(440, 250),
                alt=f"{kind}: arrows " + ", ".join(f"{a} to {b}" for a, b in GRAPHS[kind][0]),
            ),
            key="cond_drawing",
        )  # fmt: skip
        metrics({"I(X;Y)": i_xy, "I(X;Y|Z)": i_xy_z, "I(X;Z)": i_xz, "I(Y;Z)": i_yz,
                 "interaction": interaction_information(joint)},
                help_texts={"interaction": "I(X;Y|Z) − I(X;Y): positive for synergy, "
                            "negative for redundancy (McGill 1954)."})  # fmt: skip
        both = {"I(X;Y) without Z": i_xy, "I(X;Y|Z) given Z": i_xy_z}
        st.altair_chart(
            bars(both, x_title="bit"), key="cond_bars",
            alt=f"I(X;Y) {i_xy:.3f} bit without Z, {i_xy_z:.3f} bit given Z",
        )  # fmt: skip
    st.markdown("**The chain rule**: learn about $Y$ from $Z$ first, then from $X$ as well.")
    st.latex(
        rf"\underbrace{{I(X,Z;Y)}}_{{{i_pair:.4f}}}="
        rf"\underbrace{{I(Z;Y)}}_{{{i_yz:.4f}}}+\underbrace{{I(X;Y\mid Z)}}_{{{i_xy_z:.4f}}}"
    )
    st.caption(f"Difference of the two sides: {abs(i_pair - i_yz - i_xy_z):.1e} bit (rounding).")
    sources("McGill (1954) for the interaction; Pearl, *Causality*, section 1.2, for the graphs.")
