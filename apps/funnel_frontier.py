"""Tab: releases over several budgets; leakage against utility, with stop and resume."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from funnel_charts import frontier
from funnel_data import Task
from funnel_exact import MOST_LEVELS, edge, pair
from funnel_jobs import Order, Release, dropped, kept, train
from funnel_release import EFFORTS
from ui import SHARED, plain, sources

from privfunnel.entropy import mutual_information
from privfunnel.funnels.dropping import Dropped

BUDGETS = [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8]


def show(task: Task) -> None:
    """The tab."""
    st.markdown(
        "One release per budget. Each is read by fresh attackers on people it was not trained on, "
        "so the points have intervals, and a point may lie **below** what its budget allows. The "
        "dashed line is what erasing entries at random would do, the diamond the table as it is, "
        "squares the table without its most telling columns. For a single column the solid line is "
        "the exact funnel: no release of it leaks less."
    )
    left, middle, right = st.columns([3, 2, 2], gap="medium")
    with left:
        budgets = st.pills(
            "Budgets [bit]", BUDGETS, selection_mode="multi", default=[0.05, 0.1, 0.3],
            key="frontier_budgets", **SHARED,
        )  # fmt: skip
    with middle:
        keep = st.multiselect(
            "Columns to release", task.others, key="frontier_keep",
            placeholder="the useful ones", **SHARED,
        )  # fmt: skip
    with right:
        effort = st.segmented_control(
            "Effort", list(EFFORTS), default="quick", required=True, key="frontier_effort", **SHARED
        )
    columns = tuple(keep) or task.useful
    orders = [Order(columns, b, EFFORTS[effort]) for b in sorted(budgets)]
    done = [o for o in orders if o in kept(task)]
    with st.container(horizontal=True):
        label = "Train" if not done else "Resume"
        asked = st.button(
            f"{label} ({len(orders) - len(done)} to go)", icon=":material/model_training:",
            type="primary", key="frontier_train", disabled=len(done) == len(orders),
        )  # fmt: skip
        st.button("Stop", icon=":material/stop:", key="frontier_stop",
                  help="What is finished stays; resume goes on from there.")  # fmt: skip
    rival = st.toggle(
        "Compare with dropping the most telling columns", True, key="frontier_dropping", **SHARED
    )
    best = exact(task, columns)
    picture = st.empty()
    found = [kept(task)[o] for o in done]
    draw(picture, found, best=best)
    if asked:
        for order in orders:
            try:
                release = train(task, order)
            except (ValueError, TypeError, ImportError) as error:
                st.error(f"Budget {order.budget:g}: {plain(error, 300)}")
                continue
            if release not in found:
                found.append(release)
            draw(picture, found, best=best)
        st.rerun()
    if found:
        if rival:
            draw(picture, found, dropped(task, columns), best)
        listing(found)
    sources(
        "Every reading is a lower bound by the strongest of several attackers; see *What leaks*. "
        "Utility is the information each column keeps about itself, summed."
    )


def exact(task: Task, columns: tuple[str, ...]) -> pd.DataFrame | None:
    """The least that any release of a single column leaks; None where that is not known."""
    if len(columns) > 1 or len(task.table[columns[0]].coded[1]) > MOST_LEVELS:
        return None
    both = pair(task, columns[0])
    return edge(task, columns[0]) if mutual_information(both.joint) > 1e-9 else None


def draw(
    picture: st.delta_generator.DeltaGenerator,
    found: list[Release],
    rivals: tuple[Dropped, ...] = (),
    best: pd.DataFrame | None = None,
) -> None:
    """The chart of what is there so far."""
    if not found:
        picture.info("Nothing trained yet. Quick takes some seconds per budget.")
        return
    rows = [
        {"x": r.funnel.utility.value, "left": r.funnel.utility.lower,
         "right": r.funnel.utility.upper, "y": r.funnel.leakage.value,
         "low": r.funnel.leakage.lower, "high": r.funnel.leakage.upper,
         "budget": r.order.budget, "status": r.funnel.status}
        for r in found
    ]  # fmt: skip
    first = found[0].funnel
    raw = (sum(k.entropy for k in first.kept), first.leakage_before.value)
    others = pd.DataFrame([{"x": d.utility, "y": d.leakage, "name": d.name} for d in rivals])
    picture.altair_chart(
        frontier(pd.DataFrame(rows), raw, others, best=best),
        key=f"frontier_chart_{len(found)}_{len(rivals)}",
        alt="Leakage against utility: "
        + "; ".join(f"{r['x']:.1f} bit kept, {r['y']:.3f} bit leaked" for r in rows),
    )  # fmt: skip


def listing(found: list[Release]) -> None:
    """The numbers behind the chart."""
    whole = sum(k.entropy for k in found[0].funnel.kept)
    rows = []
    for release in sorted(found, key=lambda r: r.order.budget):
        funnel = release.funnel
        rows.append({
            "budget [bit]": release.order.budget, "leakage [bit]": funnel.leakage.value,
            "at most [bit]": funnel.leakage.upper, "utility kept": funnel.utility.value / whole,
            "status": funnel.status, "adversary read [bit]": funnel.in_loop,
        })  # fmt: skip
    st.dataframe(
        rows, hide_index=True, key="frontier_table", alt="Releases by budget",
        column_config={
            "utility kept": st.column_config.NumberColumn(format="percent"),
            **{c: st.column_config.NumberColumn(format="%.4f")
               for c in ("leakage [bit]", "at most [bit]", "adversary read [bit]")},
        },
    )  # fmt: skip
