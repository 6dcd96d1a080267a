"""Chapter: a joint table, its entropies, and six ways to write its mutual information."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st
from charts import information_bars, table
from ui import SHARED, chapter, metrics, sources

from privfunnel.entropy import (
    conditional_entropy,
    entropy,
    kl_divergence,
    mutual_information,
    normalise,
    pointwise_mutual_information,
)

PRESETS = {
    "Noisy copy": "0.4 0.1; 0.1 0.4",
    "Independent": "0.28 0.42; 0.12 0.18",
    "Perfect copy": "0.5 0; 0 0.5",
    "Erasure channel": "0.35 0.15 0; 0 0.15 0.35",
    "Sum of two dice": "; ".join(
        " ".join("1" if die <= total - 1 < die + 6 else "0" for total in range(2, 13))
        for die in range(1, 7)
    ),
    "Typewriter": "2 1 0 0; 0 2 1 0; 0 0 2 1; 1 0 0 2",
    "Eye and hair colour": "68 119 26 7; 20 84 17 94; 15 54 14 10; 5 29 14 16",
}
LARGEST = 12


def parse(words: str) -> npt.NDArray[np.float64]:
    """The weights written as `a b; c d`; ValueError says what is wrong with them."""
    rows = [row.replace(",", " ").split() for row in words.strip().strip(";").split(";")]
    if len({len(row) for row in rows}) != 1:
        raise ValueError("every row needs the same number of weights")
    if len(rows) > LARGEST or len(rows[0]) > LARGEST:
        raise ValueError(f"at most {LARGEST} rows and {LARGEST} columns")
    try:
        weights = np.array([[float(v) for v in row] for row in rows])
    except ValueError:
        raise ValueError("weights are numbers, rows are separated by semicolons") from None
    if weights.size == 0:
        raise ValueError("the table is empty")
    normalise(weights)
    return weights


def write(weights: npt.NDArray[np.float64]) -> str:
    """Weights in the notation that `parse` reads."""
    return "; ".join(" ".join(f"{v:g}" for v in row) for row in weights)


def choose_preset() -> None:
    """Callback: load the preset into the text of the table."""
    if st.session_state.joint_preset:
        st.session_state.joint_table = PRESETS[st.session_state.joint_preset]


def resize() -> None:
    """Callback: a table of the wanted size that keeps the weights it can keep."""
    old = current()
    new = np.ones((st.session_state.joint_rows, st.session_state.joint_columns))
    rows, columns = min(len(old), len(new)), min(old.shape[1], new.shape[1])
    new[:rows, :columns] = old[:rows, :columns]
    st.session_state.joint_table = write(new)


def take_edits() -> None:
    """Callback: write what was typed into the cells into the text of the table."""
    weights = current()
    edits = st.session_state[editor_key()]["edited_rows"]
    for row, cells in edits.items():
        for name, value in cells.items():
            weights[int(row), int(name.removeprefix("y")) - 1] = max(0.0, float(value or 0.0))
    if weights.sum() > 0:
        st.session_state.joint_table = write(weights)
    st.session_state.joint_version = st.session_state.get("joint_version", 0) + 1


def editor_key() -> str:
    """The editor starts afresh (without pending edits) after each edit that was taken in."""
    return f"joint_editor_{st.session_state.get('joint_version', 0)}"


def current() -> npt.NDArray[np.float64]:
    """The weights as they stand; the first preset when the text cannot be read."""
    try:
        return parse(st.session_state.get("joint_table", PRESETS["Noisy copy"]))
    except ValueError:
        return parse(PRESETS["Noisy copy"])


def controls() -> npt.NDArray[np.float64]:
    """The widgets; returns the weights."""
    st.pills(
        "Examples",
        list(PRESETS),
        key="joint_preset",
        on_change=choose_preset,
        wrap=True,
        help="Load a table, then change it.",
    )
    weights = current()
    with st.container(horizontal=True):
        for name, size in (("rows", weights.shape[0]), ("columns", weights.shape[1])):
            st.session_state[f"joint_{name}"] = size
            st.number_input(
                f"{name.capitalize()} ({'X' if name == 'rows' else 'Y'})",
                1,
                LARGEST,
                key=f"joint_{name}",
                on_change=resize,
            )
    frame = pd.DataFrame(
        weights,
        index=[f"x{i + 1}" for i in range(weights.shape[0])],
        columns=[f"y{j + 1}" for j in range(weights.shape[1])],
    )
    st.data_editor(
        frame,
        key=editor_key(),
        on_change=take_edits,
        column_config={
            c: st.column_config.NumberColumn(min_value=0.0, format="%g") for c in frame.columns
        },
        alt="Weights of the joint table; editable",
    )
    written = st.text_input(
        "The same table as text (counts or probabilities)",
        value=PRESETS["Noisy copy"],
        key="joint_table",
        max_chars=2000,
        help="Rows separated by semicolons. It is kept in the address of this page.",
        **SHARED,
    )
    try:
        return parse(written)
    except ValueError as error:
        st.warning(f"That is not a table: {error}. Showing the first example instead.")
        return parse(PRESETS["Noisy copy"])


def six_forms(joint: npt.NDArray[np.float64]) -> pd.DataFrame:
    """The six ways to write I(X;Y), each put together from other library calls."""
    p_x, p_y = joint.sum(axis=1), joint.sum(axis=0)
    h_x, h_y, h_xy = entropy(p_x), entropy(p_y), entropy(joint)
    h_x_y, h_y_x = conditional_entropy(joint), conditional_entropy(joint.T)
    kept = p_x > 0
    rows = joint[kept] / p_x[kept, None]
    surprise = sum(w * kl_divergence(row, p_y) for w, row in zip(p_x[kept], rows, strict=True))
    forms = [
        ("H(X) − H(X|Y)", "uncertainty about X that Y removes", h_x - h_x_y),
        ("H(Y) − H(Y|X)", "the same the other way round", h_y - h_y_x),
        ("H(X) + H(Y) − H(X,Y)", "what is counted twice", h_x + h_y - h_xy),
        ("H(X,Y) − H(X|Y) − H(Y|X)", "what belongs to neither alone", h_xy - h_x_y - h_y_x),
        ("D( p(x,y) ‖ p(x) p(y) )", "distance from independence",
         kl_divergence(joint, np.outer(p_x, p_y))),
        ("Σ p(x) D( p(y|x) ‖ p(y) )", "how much x changes the belief about y", surprise),
    ]  # fmt: skip
    return pd.DataFrame(forms, columns=["Form", "In words", "Bits"])


@st.fragment
def show() -> None:
    """The chapter."""
    chapter(
        "One table holds everything",
        "Write down how often each pair $(x, y)$ happens. Every entropy, and the mutual "
        "information, is read off that table. Change any cell and watch.",
        r"I(X;Y)=\sum_{x,y} p(x,y)\,\log_2\frac{p(x,y)}{p(x)\,p(y)}",
    )
    left, right = st.columns([2, 3], gap="large")
    with left:
        joint = normalise(controls())
    names = (
        [f"x{i + 1}" for i in range(joint.shape[0])],
        [f"y{j + 1}" for j in range(joint.shape[1])],
    )
    mi = mutual_information(joint)
    h_x, h_y, h_xy = entropy(joint.sum(axis=1)), entropy(joint.sum(axis=0)), entropy(joint)
    with right:
        metrics(
            {"I(X;Y) [bit]": mi, "H(X)": h_x, "H(Y)": h_y, "H(X,Y)": h_xy,
             "H(X|Y)": conditional_entropy(joint), "H(Y|X)": conditional_entropy(joint.T)}
        )  # fmt: skip
        view = st.segmented_control(
            "Show", ["Probabilities", "Pointwise information"], default="Probabilities",
            required=True, key="joint_view", label_visibility="collapsed", **SHARED,
        )  # fmt: skip
        if view == "Probabilities":
            chart = table(joint, *names, title="p(x, y)")
        else:
            values = pointwise_mutual_information(joint)
            chart = table(
                values, *names, title="log p(x,y) / p(x)p(y)  [bit]", diverging=True,
                number_format="+.2f",
            )  # fmt: skip
        st.altair_chart(chart, key="joint_chart", alt=f"{view} of the table, {mi:.3f} bit in all")
        st.altair_chart(
            information_bars(h_x, h_y, mi, h_xy), key="joint_bars",
            alt="Entropies as bars; the part common to H(X) and H(Y) is the mutual information",
        )  # fmt: skip
    forms = six_forms(joint)
    spread = forms["Bits"].max() - forms["Bits"].min()
    st.markdown("**Six ways to write the same number**")
    st.dataframe(
        forms, hide_index=True, key="joint_forms", alt="Six equivalent forms of I(X;Y)",
        column_config={"Bits": st.column_config.NumberColumn(format="%.12f")},
    )  # fmt: skip
    st.caption(f"Largest difference between the six: {spread:.1e} bit (rounding).")
    sources("Shannon (1948); Cover & Thomas, *Elements of Information Theory*, chapter 2. "
            "Eye and hair colour: Snee (1974), 592 students.")  # fmt: skip
