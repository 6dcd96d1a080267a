"""Open a page of the apps in process and read what it shows."""

from __future__ import annotations

from pathlib import Path

from streamlit.testing.v1 import AppTest

ENTRY = Path(__file__).resolve().parents[2] / "apps" / "streamlit_app.py"


def open_page(name: str, *, timeout: float = 60, **query: str) -> AppTest:
    """The page after its first run, reached from the entry file; `query` is its address."""
    app = AppTest.from_file(str(ENTRY), default_timeout=timeout)
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    if name != "mi_explainer.py":
        app.switch_page(name).run()
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
