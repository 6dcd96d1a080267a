"""Page: mutual information explained, as the chapters of a short course."""

from __future__ import annotations

import importlib

import streamlit as st

st.title("Mutual information explained")
st.markdown(
    "How much does one thing tell about another? Mutual information is the answer in **bits**: the "
    "average number of yes/no questions about $X$ that seeing $Y$ saves. A privacy engineer wants "
    "it small, a robot wants it large."
)

# Chapter -> the module that shows it; only the open one is imported and run.
CHAPTERS = {
    "Joint table": "mi_joint",
    "Venn diagram": "mi_venn",
    "Correlation": "mi_correlation",
    "Data processing": "mi_chain",
    "Conditioning": "mi_conditional",
    "Estimators": "mi_playground",
    "Feature selection": "mi_selection",
    "Heat flow": "mi_heat",
    "Quiz": "mi_quiz",
}

tabs = st.tabs(list(CHAPTERS), key="chapter", on_change="rerun", bind="query-params")
for tab, module in zip(tabs, CHAPTERS.values(), strict=True):
    if tab.open:
        with tab:
            importlib.import_module(module).show()
