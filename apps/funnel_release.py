"""Tab: train a release under a budget, read it with fresh attackers, look at it, take it away."""

from __future__ import annotations

import numpy as np
import streamlit as st
from charts import intervals, table
from funnel_charts import kept_bars
from funnel_data import Task
from funnel_jobs import Order, Release, audited, frame, train
from funnel_people import attackers, purpose, release_part
from ui import SHARED, metrics, plain, sources

from privfunnel.columns import Column

EFFORTS = {"quick": 150, "normal": 500, "thorough": 1200}
STATUS = {
    "within": (st.success, ":material/gpp_good:", "Within the budget for the attackers tried."),
    "over": (st.error, ":material/gpp_bad:", "Over the budget: train longer or release fewer "
             "columns."),
    "undecided": (st.warning, ":material/help:", "Below the budget, but the interval reaches "
                  "beyond: more people would decide."),
}  # fmt: skip
SHOWN = 12


def order_of(task: Task) -> Order:
    """Widgets of the release: what to train."""
    left, middle, right = st.columns([3, 2, 2], gap="medium")
    with left:
        keep = st.multiselect(
            "Columns to release", task.others, key="release_keep",
            placeholder="the useful ones", **SHARED,
        )  # fmt: skip
    with middle:
        budget = st.number_input(
            "Budget: largest leakage [bit]", 0.0, 10.0, 0.1, 0.05, key="release_budget", **SHARED
        )
    with right:
        effort = st.segmented_control(
            "Effort", list(EFFORTS), default="quick", required=True, key="release_effort", **SHARED
        )
    return Order(tuple(keep) or task.useful, float(budget), EFFORTS[effort])


def show(task: Task) -> None:
    """The tab."""
    st.markdown(
        "A small network keeps or redraws each value, with chances that depend on the row and "
        "never on the sensitive column. It is trained against an adversary; **what counts is what "
        "fresh attackers read** on people whom neither had seen."
    )
    order = order_of(task)
    with st.container(horizontal=True):
        asked = st.button(
            "Train a release", icon=":material/model_training:", type="primary", key="release_train"
        )
        st.button("Stop", icon=":material/stop:", key="release_stop",
                  help="Stops a training that is under way.")  # fmt: skip
    if asked:
        try:
            st.session_state.release_shown = (task.key, train(task, order))
        except (ValueError, TypeError, ImportError) as error:
            st.error(plain(error, 400), icon=":material/error:")
    kept = st.session_state.get("release_shown")
    if kept is None or kept[0] != task.key:
        st.info("Press *Train a release*. Quick takes some seconds, normal up to a minute.")
        return
    results(task, kept[1])


def results(task: Task, release: Release) -> None:
    """Everything about one trained release."""
    funnel, order = release.funnel, release.order
    box, icon, words = STATUS[funnel.status]
    box(f"**{words}** Budget {order.budget:g} bit.", icon=icon)
    whole = sum(k.entropy for k in funnel.kept)
    metrics(
        {
            "leaked before [bit]": funnel.leakage_before.value,
            "leaks released": funnel.leakage.value,
            "at most (interval)": funnel.leakage.upper,
            "adversary read": funnel.in_loop,
            "utility kept": f"{100 * funnel.utility.value / whole:.0f} %",
        },
        help_texts={
            "leaks released": "The worst of the fresh attackers, on people nobody had seen.",
            "adversary read": "What the adversary of training thought. It errs on the dangerous "
            "side, which is why it is shown here and believed nowhere.",
            "utility kept": f"{funnel.utility.value:.2f} of {whole:.2f} bit, summed over columns.",
        },
    )
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Leakage, read by fresh attackers**")
        rows = [
            {"name": name, "value": e.value, "lower": e.lower, "upper": e.upper}
            for name, e in (("before", funnel.leakage_before), ("released", funnel.leakage))
        ]
        st.altair_chart(
            intervals(rows, title="bit about the sensitive column", truth=order.budget,
                      truth_label="budget"),
            key="release_leakage",
            alt=f"Leakage {rows[0]['value']:.2f} bit before, {rows[1]['value']:.2f} bit released",
        )  # fmt: skip
        attackers(task, release)
        st.caption(plain(audited(task, order, release).headline, 300))
    with right:
        st.markdown("**What each column still tells about itself**")
        st.altair_chart(
            kept_bars([(k.name[:40], k.information, k.entropy) for k in funnel.kept]),
            key="release_kept", alt="Information kept, column by column",
        )  # fmt: skip
    release_part(task, release)
    purpose(task, release)
    compare(task, release)
    downloads(task, release)
    sources(
        "The formulation of Wu, Tang, Dang & Chen (2021): utility as large as possible while an "
        "estimate of I(S;Z) stays under a budget. Fresh readings: Barber & Agakov (2003)."
    )


def compare(task: Task, release: Release) -> None:
    """Rows and one column before and after."""
    st.markdown("**Before and after**")
    left, right = st.columns(2, gap="large")
    with left:
        st.caption(f"The first {SHOWN} rows as they are")
        st.dataframe(
            frame(task.table.select(release.order.keep), SHOWN), key="release_rows_before",
            alt="Rows of the table before", hide_index=True,
        )  # fmt: skip
    with right:
        st.caption("The same people released")
        st.dataframe(
            frame(release.table, SHOWN), key="release_rows_after", alt="The same rows released",
            hide_index=True,
        )  # fmt: skip
    name = st.selectbox("Look into a column", release.order.keep, key="release_column", **SHARED)
    before, after = task.table[name], release.table[name]
    names = labels(before)
    if names is None:
        st.caption("Numbers are cut into groups; the table above shows what is drawn.")
        return
    counts = task.table.select([name]).columns[name].coded[0], positions(before, after)
    joint = np.zeros((len(names), len(names)))
    np.add.at(joint, counts, 1.0)
    rows = joint / np.maximum(joint.sum(axis=1, keepdims=True), 1.0)
    st.altair_chart(
        table(rows, names, names, title="share released as …", row_title="true value",
              column_title="released value", number_format=".2f"),
        key="release_channel", alt=f"How values of {name} were redrawn",
    )  # fmt: skip


def labels(column: Column) -> list[str] | None:
    """Names of the values of a column with few of them."""
    names = column.coded[1]
    return [n[:24] for n in names] if len(names) <= 12 else None


def positions(before: Column, after: Column) -> np.ndarray:
    """Where each released value stands among the values of the original column."""
    known = {text: i for i, text in enumerate(before.coded[1])}
    codes, texts = after.coded
    return np.array([known[t] for t in texts])[codes]


def downloads(task: Task, release: Release) -> None:
    """Release, model and report as files."""
    report = audited(task, release.order, release)
    files = [
        ("Release (CSV)", release.csv(), "release.csv", "text/csv"),
        ("Model", release.model(), "funnel.safetensors", "application/octet-stream"),
        ("Report (HTML)", report.to_html(), "release.html", "text/html"),
        ("Report (JSON)", report.to_json(), "release.json", "application/json"),
    ]
    with st.container(horizontal=True):
        for label, data, name, mime in files:
            st.download_button(
                label, data, name, mime, key=f"release_{name}", icon=":material/download:",
                on_click="ignore",
            )  # fmt: skip
    st.caption(
        "One draw of the release. Publish a single one: several draws of the same people can be "
        "averaged."
    )
