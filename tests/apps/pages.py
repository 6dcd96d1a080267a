"""Open a page of the apps in process and read what it shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

ENTRY = Path(__file__).resolve().parents[2] / "apps" / "streamlit_app.py"
FIRST = "mi_explainer.py"


def open_page(name: str, *, timeout: float = 240, **state: Any) -> AppTest:
    """The page after its first run, reached from the entry file, its widgets set to `state`."""
    app = AppTest.from_file(str(ENTRY), default_timeout=timeout)
    if name != FIRST:
        app.run()  # pages are known once the entry file has run
        app.switch_page(name)
    for key, value in state.items():
        app.session_state[key] = value
    return check(app.run())


def open_address(timeout: float = 240, **query: str) -> AppTest:
    """The first page as an address opens it."""
    app = AppTest.from_file(str(ENTRY), default_timeout=timeout)
    app.query_params.update(query)
    return check(app.run())


def check(app: AppTest) -> AppTest:
    """The same page, once it is sure that nothing on it failed."""
    assert not app.exception, app.exception
    return app


def values(app: AppTest) -> dict[str, float]:
    """The numbers shown as metrics, by label."""
    found = {}
    for metric in app.metric:
        try:
            found[metric.label] = float(metric.value.split()[0].replace(",", ""))
        except ValueError:
            continue
    return found
