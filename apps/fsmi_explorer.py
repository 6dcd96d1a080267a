"""Page: what a range scan tells about a map, and where a robot should go next."""

from __future__ import annotations

import importlib

import streamlit as st
from robot_state import controls

st.title("FSMI explorer")
st.markdown(
    "A robot knows part of a building. **Which scan would tell it most?** Fast Shannon mutual "
    "information answers in bits before the robot moves."
)

TABS = {
    "One scan": "robot_scan",
    "One beam": "robot_beam",
    "Whole map": "robot_surface",
    "Exploration": "robot_explore",
    "Voxels": "robot_voxels",
}

scene = controls()
tabs = st.tabs(list(TABS), key="view", on_change="rerun", bind="query-params")
for tab, module in zip(tabs, TABS.values(), strict=True):
    if tab.open:
        with tab:
            importlib.import_module(module).show(scene)
