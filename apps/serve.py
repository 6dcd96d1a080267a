"""Serve the pages: what the first one needs is loaded before the server answers.

Streamlit imports a page's modules when its first visitor comes, who would wait for them.
"""

from __future__ import annotations

import importlib
import sys

FIRST_PAGE = ("altair", "pandas", "pyarrow", "scipy.special", "privfunnel.entropy")


def main() -> None:
    """`streamlit run` with the arguments of the command line."""
    for name in FIRST_PAGE:
        importlib.import_module(name)
    sys.argv = ["streamlit", "run", *sys.argv[1:]]
    importlib.import_module("streamlit.web.cli").main()


if __name__ == "__main__":
    main()
