"""Streamlit pages over the two packages: widgets, layout and words; no numbers are made here."""
