"""What the pages share: the lock around parallel kernels, small pieces of layout, wording."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import streamlit as st

P = ParamSpec("P")
R = TypeVar("R")

# In the URL a widget's key is the name of its parameter: an address is an experiment.
SHARED = {"bind": "query-params"}


@st.cache_resource(show_spinner=False)
def kernel_lock() -> threading.RLock:
    """The one lock around parallel kernels.

    Every visitor is a thread of one process, and numba's fallback threading layer aborts the
    process when two threads enter a parallel region at once. One thread may take it twice: a
    cached result may need another one.
    """
    return threading.RLock()


def remembered(
    key: Callable[..., Hashable], *, most: int = 16
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Cache the last `most` results of a function, for all visitors; results are read-only.

    For functions that show their progress: `st.cache_data` records what a function draws and
    draws it again at every hit, a whole progress bar included. `key` makes the key from the
    arguments.
    """

    def wrap(function: Callable[P, R]) -> Callable[P, R]:
        kept: OrderedDict[Hashable, R] = OrderedDict()
        lock = threading.Lock()

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            name = key(*args, **kwargs)
            with lock:
                if name in kept:
                    kept.move_to_end(name)
                    return kept[name]
            result = function(*args, **kwargs)
            with lock:
                kept[name] = result
                while len(kept) > most:
                    kept.popitem(last=False)
            return result

        return call

    return wrap


def is_dark() -> bool:
    """Whether the visitor looks at the dark theme (False until the browser has said so)."""
    return st.context.theme.type == "dark"


def ink() -> str:
    """Colour of text drawn inside a chart."""
    return "#E6ECF2" if is_dark() else "#1C2733"


def chapter(title: str, words: str, formula: str | None = None) -> None:
    """Head of a chapter: title, two or three sentences, the formula they are about."""
    st.subheader(title)
    st.markdown(words)
    if formula:
        st.latex(formula)


def sources(text: str) -> None:
    """The line below a chapter that says where its facts come from."""
    st.caption(f":material/menu_book: {text}")


def number(value: Any) -> str:
    """Four digits of a float, 0 for rounding dust; anything else as it is."""
    if not isinstance(value, float):
        return str(value)
    return "0" if abs(value) < 1e-9 else f"{value:.4g}"


def metrics(values: dict[str, Any], *, help_texts: dict[str, str] | None = None) -> None:
    """A row of numbers that wraps on small screens."""
    with st.grid(len(values), min_column_width=96):
        for name, value in values.items():
            st.metric(name, number(value), border=True, help=(help_texts or {}).get(name))


def plain(text: object, limit: int = 80) -> str:
    """User-supplied text for use inside Markdown: shortened and with its marks escaped."""
    short = str(text).replace("\n", " ").replace("\r", " ")
    short = short if len(short) <= limit else short[: limit - 1] + "…"
    return "".join(f"\\{c}" if c in r"\`*_{}[]<>()#+-.!|$~:" else c for c in short)


@contextmanager
def friendly(what: str) -> Iterator[None]:
    """Turn the libraries' complaints about input into one line on the page."""
    try:
        yield
    except (ValueError, TypeError, OSError, ImportError) as error:
        st.error(f"{what}: {plain(error, 400)}", icon=":material/error:")
        st.stop()


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[float, str], None]]:
    """A bar that takes the libraries' `progress(share, words)`; it goes when the work is done."""
    bar = st.progress(0.0, text=label)

    def report(share: float, words: str = "") -> None:
        bar.progress(min(1.0, max(0.0, share)), text=f"{label}: {words}" if words else label)

    yield report
    bar.empty()
