"""The estimators as the chapters offer them: names, words, cached results."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import streamlit as st

from privfunnel import METHODS, Estimate, estimate_mi

# In the order in which they are offered; those that need minutes are left to the command line.
CONTINUOUS = ("ksg", "copula", "gaussian", "classifier", "mixed_ksg", "boosted", "logistic")
DISCRETE = ("plugin", "miller_madow", "grassberger", "shrinkage", "corrected", "classifier")


def continuous() -> list[str]:
    """Quick methods for two columns of numbers."""
    return [m for m in CONTINUOUS if m in METHODS]


def discrete() -> list[str]:
    """Quick methods for codes."""
    return [m for m in DISCRETE if m in METHODS]


def about(name: str) -> str:
    """One line on a method."""
    return METHODS[name].about


@st.cache_data(max_entries=256, show_spinner=False)
def estimate(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], method: str, seed: int = 0
) -> Estimate:
    """The estimate [bit]; a lower bound stays one, see its `bound`."""
    return estimate_mi(x, y, method=method, rng=seed)
