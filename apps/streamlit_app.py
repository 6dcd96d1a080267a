"""Entry file of the apps: `streamlit run apps/streamlit_app.py`."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

st.set_page_config(
    layout="wide",
    # A file of our own: a Material icon here would be fetched from a font server.
    page_icon=str(Path(__file__).resolve().parent / "icon.svg"),
    menu_items={
        "About": "**privfunnel-fsmi** measures what a table leaks and what a range scan tells. "
        "Everything on these pages is computed by the two libraries while you watch."
    },
)

page = st.navigation(
    [
        st.Page(
            "mi_explainer.py",
            title="Mutual information explained",
            icon=":material/join_inner:",
            default=True,
            help="Nine short chapters with sliders, from a 2x2 table to the heat flow, and a quiz.",
        ),
        st.Page(
            "privacy_funnel.py",
            title="Privacy funnel",
            icon=":material/filter_alt:",
            url_path="funnel",
            help="What a table leaks about a sensitive column, and a release that leaks less.",
        ),
        st.Page(
            "fsmi_explorer.py",
            title="FSMI explorer",
            icon=":material/explore:",
            url_path="explorer",
            help="What a range scan tells about a map, and where a robot should go next.",
        ),
    ],
    position="top",
)
page.run()
