"""Chapter: entropies as areas, with sliders that keep each other feasible."""

from __future__ import annotations

import streamlit as st
from charts import information_bars
from diagrams import venn
from drawing import draw
from ui import SHARED, chapter, metrics, sources

TOP = 4.0


def keep_feasible(changed: str) -> None:
    """Callback: 0 <= I <= min(H(X), H(Y)); the slider that was moved wins over the others."""
    state = st.session_state
    if changed == "venn_i":
        state.venn_hx = max(state.venn_hx, state.venn_i)
        state.venn_hy = max(state.venn_hy, state.venn_i)
    else:
        state.venn_i = min(state.venn_i, state[changed])


@st.fragment
def show() -> None:
    """The chapter."""
    chapter(
        "Entropies as areas",
        "Draw each entropy as a disc. What the discs share is the mutual information, what is left "
        "over is what the other one does not tell. The areas are to scale. The sliders move each "
        "other: no pair of variables shares more than the smaller of them holds.",
        r"0\le I(X;Y)\le \min\{H(X),\,H(Y)\},\qquad H(X,Y)=H(X)+H(Y)-I(X;Y)",
    )
    left, right = st.columns([2, 3], gap="large")
    with left:
        h_x = slider("H(X) [bit]", "venn_hx", 2.0)
        h_y = slider("H(Y) [bit]", "venn_hy", 1.5)
        mi = slider("I(X;Y) [bit]", "venn_i", 0.8)
    if mi > min(h_x, h_y):  # only an address typed by hand can ask for this
        mi = min(h_x, h_y)
        left.warning(f"I(X;Y) cannot exceed the smaller entropy: drawn with {mi:g} bit.")
    with left:
        if mi == 0:
            st.info("Independent: knowing one says nothing about the other.")
        elif mi == h_x == h_y:
            st.info("Each determines the other.")
        elif mi in (h_x, h_y):
            inner, outer = ("X", "Y") if mi == h_x else ("Y", "X")
            st.info(f"{inner} is a function of {outer}: $H({inner}|{outer})=0$.")
    joint = h_x + h_y - mi
    with right:
        draw(venn(h_x, h_y, mi), key="venn_discs")
        metrics({
            "H(X,Y)": joint, "H(X|Y)": h_x - mi, "H(Y|X)": h_y - mi,
            "distance H(X|Y)+H(Y|X)": joint - mi,
        })  # fmt: skip
        st.altair_chart(
            information_bars(h_x, h_y, mi, joint), key="venn_bars",
            alt="The same quantities as bars",
        )  # fmt: skip
    with st.expander("Why every position of the sliders is possible", icon=":material/lightbulb:"):
        st.markdown(
            "Take three independent variables $A$, $B$, $C$ with $H(C)=I$, $H(A)=H(X)-I$ and "
            "$H(B)=H(Y)-I$; then $X=(A,C)$ and $Y=(B,C)$ have exactly these entropies. With "
            "*three* variables the picture breaks: the middle region, the interaction "
            "information, can be negative (two fair coins and their XOR; see *Conditioning*)."
        )
    sources("MacKay, *Information Theory, Inference, and Learning Algorithms*, section 8.1, "
            "on why the bars are the safer picture.")  # fmt: skip


def slider(label: str, key: str, start: float) -> float:
    """One of the three sliders."""
    return float(
        st.slider(
            label, 0.0, TOP, start, 0.05, key=key, on_change=keep_feasible, args=(key,), **SHARED
        )
    )
