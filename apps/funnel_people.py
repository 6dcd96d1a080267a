"""Whose value a table or a release gives away: rows and reasons, values only on request."""

from __future__ import annotations

import streamlit as st
from funnel_data import Task
from funnel_jobs import Release, frame
from ui import SHARED, metrics, plain, progress_bar, remembered

from privfunnel.audit.exposure import Exposure, exposure
from privfunnel.columns import Table

MOST = 20


@remembered(lambda table, task: (table.digest(), task.key))
def exposed(table: Table, task: Task) -> Exposure:
    """The people whom these columns give away most; the same question is answered once."""
    with progress_bar("Looking at single people") as report:
        return exposure(table, task.table[task.sensitive], most=MOST, rng=0, progress=report)


def before(task: Task, names: tuple[str, ...]) -> Exposure:
    """The people whom the columns as they are give away."""
    return exposed(task.people.select(names), task)


def after(task: Task, release: Release) -> Exposure:
    """The people whom a release gives away."""
    return exposed(release.table, task)


def listing(found: Exposure, task: Task, key: str) -> None:
    """The worst rows, why an attacker knows them, and the columns that the visitor asks for."""
    if not found.records:
        st.info("The attackers learn nothing about anybody.")
        return
    shown = st.multiselect(
        "Columns to show beside the row numbers", task.table.names, key=f"{key}_columns",
        placeholder="none", help="Nothing of a person but the row number is shown unless you ask "
        "for it here.", **SHARED,
    )  # fmt: skip
    rows = [r.row for r in found.records]
    people = frame(task.table.select(shown).take(rows)) if shown else None
    table = []
    for i, record in enumerate(found.records):
        reasons = ", ".join(f"{name} {bits:+.1f}" for name, bits in record.reasons)
        table.append({
            "row": record.row + 1, "sure of the true value": record.said,
            "of all people": record.prior, "bits": record.bits,
            "because of (bits, one by one)": reasons or "several columns together",
            **({} if people is None else {f"“{n}”": people[n].iloc[i] for n in shown}),
        })  # fmt: skip
    st.dataframe(
        table, hide_index=True, key=f"{key}_rows", alt="The rows given away most",
        column_config={
            "sure of the true value": st.column_config.NumberColumn(format="percent"),
            "of all people": st.column_config.NumberColumn(
                format="percent", help="Share of people with the same value: what anyone would say."
            ),
            "bits": st.column_config.NumberColumn(
                format="%.2f", help="log2 of the two shares before: what the columns tell."
            ),
        },
    )  # fmt: skip
    dropped = " Rows with gaps were left out before counting." if task.table.notes else ""
    st.caption(
        f"Rows are numbered from 1 in the order of the table.{dropped} The attacker "
        f"({plain(found.attacker)}) guesses each person with a model that never saw that person. "
        "The reasons are counts of the other people. None of this is in the reports."
    )


def audit_part(task: Task, names: tuple[str, ...]) -> None:
    """Expander of the audit: worked out when it is opened."""
    part = st.expander(
        "People given away most (row by row)", key="people", on_change="rerun",
        icon=":material/person_search:", **SHARED,
    )  # fmt: skip
    if not part.open:
        return
    with part:
        found = before(task, names)
        st.markdown(
            f"**{found.n_sure:,} of {found.n:,} people**: an attacker is at least 90 % sure of "
            "their true value."
        )
        listing(found, task, "people")


def release_part(task: Task, release: Release) -> None:
    """Expander of a release: the same people before, and who is left."""
    part = st.expander(
        "People still given away most (row by row)", key="left", on_change="rerun",
        icon=":material/person_search:", **SHARED,
    )  # fmt: skip
    if not part.open:
        return
    with part:
        first, found = before(task, release.order.keep), after(task, release)
        metrics({"90 % sure before [people]": first.n_sure, "on the release": found.n_sure})
        listing(found, task, "left")


def attackers(task: Task, release: Release) -> None:
    """How often each attacker is right, before and after."""
    first, second = before(task, release.order.keep), after(task, release)
    right = {a.name: a.accuracy for a in first.attackers}
    st.markdown("**How often attackers are right**")
    st.dataframe(
        [
            {"attacker": a.name, "before": right.get(a.name), "on the release": a.accuracy,
             "by guessing": second.majority}
            for a in second.attackers
        ],
        hide_index=True, key="release_attackers", alt="Accuracy of attackers before and after",
        column_config={
            c: st.column_config.NumberColumn(format="percent")
            for c in ("before", "on the release", "by guessing")
        },
    )  # fmt: skip


def purpose(task: Task, release: Release) -> None:
    """What the release is still good for: guessing one useful column from the others."""
    keep = release.order.keep
    if len(keep) < 2:
        return
    part = st.expander(
        "What it is still good for", key="purpose", on_change="rerun", icon=":material/task_alt:",
        **SHARED,
    )  # fmt: skip
    if not part.open:
        return
    with part:
        goal = st.selectbox(
            "Guess this column from the other released ones", keep, key="purpose_column", **SHARED
        )
        others = [n for n in keep if n != goal]
        aim = Task(task.people, goal, keep, task.name)
        try:
            first = exposed(task.people.select(others), aim)
            second = exposed(release.table.select(others), aim)
        except ValueError as error:
            st.info(plain(error, 300))
            return
        best = [max(a.accuracy for a in side.attackers) for side in (first, second)]
        metrics({
            "right before": f"{100 * best[0]:.0f} %",
            "right from the release": f"{100 * best[1]:.0f} %",
            "by guessing": f"{100 * second.majority:.0f} %",
        })  # fmt: skip
        st.caption("The best of the same classifiers, on people they were not trained on. Columns "
                   "of numbers are guessed in groups of about equal size.")  # fmt: skip
