"""Chapter: the data-processing inequality, live."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st
from charts import bars, lines, table
from diagrams import graph
from drawing import draw
from ui import SHARED, chapter, metrics, sources

from privfunnel.entropy import entropy, mutual_information

Array = npt.NDArray[np.float64]
CHANNELS = ["Symmetric noise", "Erasure", "One-way error", "Merge neighbours", "Copy"]
INPUTS = 4


def channel(kind: str, strength: float, n: int) -> Array:
    """p(out | in), rows are inputs. Every kind but the erasure keeps the alphabet."""
    same = np.eye(n)
    if kind == "Symmetric noise":
        return (1 - strength) * same + strength / max(1, n - 1) * (1 - same)
    if kind == "Erasure":
        return np.hstack(((1 - strength) * same, np.full((n, 1), strength)))
    if kind == "One-way error":
        return (1 - strength) * same + strength * np.roll(same, 1, axis=1)
    if kind == "Merge neighbours":
        merged = np.zeros((n, (n + 1) // 2))
        merged[np.arange(n), np.arange(n) // 2] = 1.0
        return merged
    return same


def pick(step: str, label: str, kind: str, strength: float) -> tuple[str, float]:
    """The widgets of one channel."""
    st.markdown(f"**{label}**")
    chosen = st.selectbox(
        "Channel", CHANNELS, index=CHANNELS.index(kind), key=f"chain_{step}", **SHARED
    )
    noisy = chosen in CHANNELS[:3]
    amount = st.slider(
        "Probability of an error", 0.0, 1.0, strength, 0.01, key=f"chain_{step}_p",
        disabled=not noisy, **SHARED,
    )  # fmt: skip
    return chosen, amount


def repeated(prior: Array, first: Array, second: Array, times: int) -> pd.DataFrame:
    """I(X;Z_n) after n passes through the second channel; it must keep its alphabet."""
    state, rows = first, []
    for n in range(times + 1):
        rows.append({"x": n, "y": mutual_information(prior[:, None] * state), "series": "I(X;Zn)"})
        state = state @ second
    return pd.DataFrame(rows)


@st.fragment
def show() -> None:
    """The chapter."""
    chapter(
        "Processing never adds information",
        "$Z$ is made from $Y$ without looking at $X$ again: a copy of a copy, a summary, a "
        "release. Whatever the step does, $Z$ knows at most what $Y$ knew. That is why a released "
        "table can be judged once, and why no amount of sensor processing beats a better view.",
        r"X\to Y\to Z\quad\Longrightarrow\quad I(X;Z)\le \min\{I(X;Y),\,I(Y;Z)\}",
    )
    left, right = st.columns([2, 3], gap="large")
    with left:
        tilt = st.slider(
            "How uneven X is", 0.0, 1.0, 0.0, 0.05, key="chain_tilt",
            help="0: four equally likely values; 1: almost always the first.", **SHARED,
        )  # fmt: skip
        prior = (1 - 0.97 * tilt) * np.full(INPUTS, 1 / INPUTS) + 0.97 * tilt * np.eye(INPUTS)[0]
        kind1, p1 = pick("one", "X → Y", "Symmetric noise", 0.1)
        kind2, p2 = pick("two", "Y → Z", "Symmetric noise", 0.2)
    first = channel(kind1, p1, INPUTS)
    second = channel(kind2, p2, first.shape[1])
    p_y = prior @ first
    i_xy = mutual_information(prior[:, None] * first)
    i_yz = mutual_information(p_y[:, None] * second)
    i_xz = mutual_information(prior[:, None] * (first @ second))
    h_x = entropy(prior)
    with right:
        draw(
            graph(
                {"X": (60, 70), "Y": (310, 70), "Z": (560, 70)}, [("X", "Y"), ("Y", "Z")],
                labels={("X", "Y"): f"I(X;Y) = {i_xy:.3f} bit",
                        ("Y", "Z"): f"I(Y;Z) = {i_yz:.3f} bit"},
                alt=f"Chain X to Y to Z; I(X;Y) {i_xy:.3f}, I(Y;Z) {i_yz:.3f}, I(X;Z) {i_xz:.3f}",
                size=(620, 120),
            ),
            key="chain_graph",
        )  # fmt: skip
        metrics({"H(X)": h_x, "I(X;Y)": i_xy, "I(X;Z)": i_xz,
                 "lost in X → Y": h_x - i_xy, "lost in Y → Z": i_xy - i_xz})  # fmt: skip
        holds = i_xz <= min(i_xy, i_yz) + 1e-12
        st.caption(
            f":material/check_circle: {i_xz:.4f} ≤ min({i_xy:.4f}, {i_yz:.4f})"
            if holds
            else f":material/error: violated: {i_xz} > min({i_xy}, {i_yz})"
        )
        along = {"H(X) = I(X;X)": h_x, "I(X;Y)": i_xy, "I(X;Z)": i_xz}
        st.altair_chart(
            bars(along, x_title="information about X [bit]"), key="chain_bars",
            alt="Information about X along the chain: "
            + ", ".join(f"{name} {value:.3f}" for name, value in along.items()),
        )  # fmt: skip
    below_left, below_right = st.columns(2, gap="large")
    with below_left:
        x_names = [f"x{i + 1}" for i in range(INPUTS)]
        z_names = [f"z{i + 1}" for i in range(second.shape[1])]
        st.altair_chart(
            table(first @ second, x_names, z_names, title="p(z | x): both channels as one",
                  column_title="Z"),
            key="chain_table", alt="The two channels multiplied",
        )  # fmt: skip
    with below_right:
        if second.shape[0] == second.shape[1]:
            st.altair_chart(
                lines(
                    repeated(prior, first, second, 20), points=True, counts=True,
                    x_title="passes n through the second channel", y_title="I(X;Z) after n [bit]",
                ),
                key="chain_curve", alt="Information about X falls with every further pass",
            )  # fmt: skip
        else:
            st.caption("The second channel changes the alphabet, so it cannot be repeated.")
    sources("Cover & Thomas, theorem 2.8.1.")
