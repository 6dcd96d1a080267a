"""Chapter: a quiz. The answers are not typed in; the library works them out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st
from ui import SHARED, chapter

from privfunnel.datasets import bivariate_normal, erasure_channel, symmetric_channel
from privfunnel.entropy import (
    conditional_mutual_information,
    entropy,
    interaction_information,
    mutual_information,
)


@dataclass(frozen=True)
class Question:
    """One question; `right` says which of the options is right, from a computation."""

    text: str
    options: tuple[str, ...]
    right: Callable[[], int]
    why: str


def xor_table() -> np.ndarray:
    """p(x, y, z) of two fair coins and their XOR."""
    table = np.zeros((2, 2, 2))
    for x in range(2):
        for y in range(2):
            table[x, y, x ^ y] = 0.25
    return table


def nearest(value: float, options: tuple[float, ...]) -> int:
    """Position of the option closest to a computed value."""
    return int(np.argmin([abs(value - o) for o in options]))


QUESTIONS = [
    Question(
        "A fair die is rolled; you are told only whether the number is **even**. How many bits did "
        "you learn about the number?",
        ("0.5 bit", "1 bit", "log₂ 6 ≈ 2.58 bit"),
        lambda: nearest(
            mutual_information(np.array([[k % 2 == 0, k % 2 == 1] for k in range(6)]) / 6.0),
            (0.5, 1.0, 2.585),
        ),
        "Even or odd is a function of the number, so I = H(even/odd) = 1 bit.",
    ),
    Question(
        "Two fair coins and their **XOR**: how much does the first coin alone tell about the XOR?",
        ("0 bit", "0.5 bit", "1 bit"),
        lambda: nearest(mutual_information(xor_table().sum(axis=1)), (0.0, 0.5, 1.0)),
        "Nothing: whatever the first coin shows, the XOR is still a fair coin.",
    ),
    Question(
        "Now you also know the **second coin**. How much does the first tell about the XOR then?",
        ("0 bit", "0.5 bit", "1 bit"),
        lambda: nearest(
            conditional_mutual_information(xor_table().transpose(0, 2, 1)), (0.0, 0.5, 1.0)
        ),
        "Everything: I(X;Z|Y) = 1 bit. Conditioning can create information (synergy).",
    ),
    Question(
        "The interaction information of three identical copies of one fair coin is …",
        ("+1 bit", "0", "−1 bit"),
        lambda: nearest(
            interaction_information(np.einsum("x,xy,xz->xyz", [0.5, 0.5], np.eye(2), np.eye(2))),
            (1.0, 0.0, -1.0),
        ),
        "Negative: the third copy repeats what the second one said (redundancy).",
    ),
    Question(
        "A bit passes a channel that **flips** it with probability 0.11. What gets through?",
        ("0.89 bit", "0.5 bit", "0.11 bit"),
        lambda: nearest(mutual_information(symmetric_channel(0.11)), (0.89, 0.5, 0.11)),
        "1 − h(0.11) ≈ 0.5 bit. One flip in nine costs half of the information.",
    ),
    Question(
        "And a channel that **erases** it (and says so) with probability 0.11?",
        ("0.89 bit", "0.5 bit", "0.11 bit"),
        lambda: nearest(mutual_information(erasure_channel(0.11)), (0.89, 0.5, 0.11)),
        "0.89 bit: knowing *where* something is missing is worth a lot.",
    ),
    Question(
        "A Gaussian pair has correlation **0.5**. Its mutual information is about …",
        ("0.5 bit", "0.21 bit", "0.25 bit"),
        lambda: nearest(bivariate_normal(0.5).bits, (0.5, 0.2075, 0.25)),
        "−½ log₂(1 − ρ²) = 0.21 bit. Correlations look larger than the information they carry.",
    ),
    Question(
        "$Y=X^2$ with $X$ uniform on {−2, −1, 0, 1, 2}. Correlation and information are …",
        ("both zero", "zero and positive", "both positive"),
        lambda: 1 if mutual_information(square_table()) > 0.1 else 0,
        "The correlation is exactly 0; I(X;Y) = H(Y) = 1.52 bit, because Y is a function of X.",
    ),
    Question(
        "A table is released without the sensitive column. Its leakage is …",
        ("0, the column is gone", "what the other columns tell about it", "always H(S)"),
        lambda: 1 if mutual_information(symmetric_channel(0.1)) > 0 else 0,
        "Any column that depends on S tells about it. The *Privacy funnel* page shows how much the "
        "answers of voters give away of their vote, without the vote.",
    ),
    Question(
        "A lidar scan has 360 beams, each worth 2 bits by itself. The scan is worth …",
        ("720 bits", "at most 720 bits", "at least 720 bits"),
        lambda: 1 if entropy([0.5, 0.5]) < 2 * mutual_information(np.eye(2) / 2) else 2,
        "At most: neighbouring beams cross the same cells, and a cell cannot be learned twice. Two "
        "copies of one bit are one bit, not two.",
    ),
]


def square_table() -> np.ndarray:
    """p(x, y) of y = x^2 on five points; columns 0, 1, 4."""
    table = np.zeros((5, 3))
    for i, x in enumerate((-2, -1, 0, 1, 2)):
        table[i, (0, 1, 4).index(x * x)] = 0.2
    return table


def restart() -> None:
    """Callback: forget all answers."""
    for k in range(len(QUESTIONS)):
        st.session_state[f"quiz_{k}"] = None


@st.fragment
def show() -> None:
    """The chapter."""
    chapter(
        "Quiz",
        f"{len(QUESTIONS)} questions. Each right answer is computed by the library when you ask, "
        "not typed in.",
    )
    score, answered = 0, 0
    board = st.container()
    for k, question in enumerate(QUESTIONS):
        with st.container(border=True):
            answer = st.radio(
                f"**{k + 1}.** {question.text}", question.options, index=None, key=f"quiz_{k}",
                **SHARED,
            )  # fmt: skip
            if answer is None:
                continue
            answered += 1
            right = question.options[question.right()]
            if answer == right:
                score += 1
                st.success(f"Right. {question.why}", icon=":material/check:")
            else:
                st.error(f"Not quite: **{right}**. {question.why}", icon=":material/close:")
    with board:
        st.progress(answered / len(QUESTIONS), text=f"{score} right of {answered} answered")
        st.button("Start again", key="quiz_again", icon=":material/restart_alt:", on_click=restart,
                  disabled=not answered)  # fmt: skip
