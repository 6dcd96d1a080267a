"""Trained releases of this visitor, and the one slot in which releases are trained."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from funnel_data import Task
from ui import progress_bar, remembered

from privfunnel.audit.audit import audit
from privfunnel.audit.report import AuditReport
from privfunnel.columns import Table
from privfunnel.funnels.dropping import Dropped, drop_columns

MOST_KEPT = 12  # releases that a session remembers


@dataclass(frozen=True)
class Order:
    """What to train.

    Attributes
    ----------
    keep : columns to release.
    budget : largest leakage [bit].
    n_steps : length of training.
    """

    keep: tuple[str, ...]
    budget: float
    n_steps: int


@dataclass(frozen=True)
class Release:
    """A trained release of a table.

    `funnel` is a TableFunnel; `table` is one draw of the release.
    """

    order: Order
    funnel: Any
    table: Table

    def csv(self) -> str:
        """The release as a file."""
        return frame(self.table).to_csv(index=False)

    def model(self) -> bytes:
        """The funnel as `load_funnel` reads it."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "funnel.safetensors")
            self.funnel.save(path)
            return path.read_bytes()


def frame(table: Table, rows: int | None = None) -> pd.DataFrame:
    """The columns as they would be written to a file."""
    return pd.DataFrame({c.name: c.decode(c.values[:rows]) for c in table})


@st.cache_resource(max_entries=1, show_spinner=False)
def slot() -> threading.Lock:
    """Held while a release is trained: two at once would only slow each other down."""
    return threading.Lock()


@contextmanager
def turn() -> Iterator[None]:
    """Wait for the slot; a visitor who leaves or presses a button stops waiting."""
    lock = slot()
    words = st.empty()
    while not lock.acquire(timeout=0.2):
        words.caption(":material/hourglass_top: Another visitor is training; yours is next.")
        time.sleep(0.3)
    try:
        words.empty()
        yield
    finally:
        lock.release()


def kept(task: Task) -> dict[Order, Release]:
    """The releases trained in this session for this table."""
    store = st.session_state.get("releases")
    if store is None or store[0] != task.key:
        store = (task.key, {})
        st.session_state.releases = store
    return store[1]


def train(task: Task, order: Order) -> Release:
    """A release, trained now or remembered. Any button of the page stops the training."""
    found = kept(task)
    if order in found:
        return found[order]
    # torch takes seconds to load and is needed only here
    from privfunnel.funnels.tabular import TableFunnel

    with turn(), progress_bar(f"Training for {order.budget:g} bit") as report:
        funnel = TableFunnel(order.budget, n_steps=order.n_steps, rng=0).fit(
            task.table, sensitive=task.sensitive, keep=order.keep, progress=report
        )
        table = funnel.transform(task.table.select(order.keep))
    while len(found) >= MOST_KEPT:
        found.pop(next(iter(found)))
    found[order] = Release(order, funnel, table)
    return found[order]


@remembered(lambda task, keep: (task.key, keep))
def dropped(task: Task, keep: tuple[str, ...]) -> tuple[Dropped, ...]:
    """What leaving out the most telling columns does, one after another."""
    with progress_bar("Dropping columns") as report:
        return drop_columns(
            task.table.select((*keep, task.sensitive)), task.sensitive, rng=0, progress=report
        )


@remembered(lambda task, order, release: (task.key, order, release.table.digest()))
def audited(task: Task, order: Order, release: Release) -> AuditReport:
    """The audit of one draw of a release beside its original."""
    with progress_bar("Auditing the release") as report:
        return audit(
            release.table, sensitive=task.sensitive,
            release=[c.name for c in release.table], original=task.people,
            budget=order.budget, rng=0, progress=report,
        )  # fmt: skip
