"""Page: what a table leaks about a sensitive column, and a release that leaks less."""

from __future__ import annotations

import importlib

import streamlit as st
from funnel_data import controls

st.title("Privacy funnel")
st.markdown(
    "Dropping the sensitive column hides little: the other columns tell it. **Measure how much, in "
    "bits**, then release a table that tells less and still serves its purpose."
)

TABS = {
    "What leaks": "funnel_audit",
    "Release": "funnel_release",
    "Frontier": "funnel_frontier",
    "One column, exactly": "funnel_exact",
}

task = controls()
tabs = st.tabs(list(TABS), key="step", on_change="rerun", bind="query-params")
for tab, module in zip(tabs, TABS.values(), strict=True):
    if tab.open:
        with tab:
            importlib.import_module(module).show(task)
