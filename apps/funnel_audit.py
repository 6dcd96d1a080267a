"""Tab: what the table leaks about the sensitive column, column by column and together."""

from __future__ import annotations

import streamlit as st
from charts import intervals
from funnel_data import Task
from funnel_people import audit_part
from ui import SHARED, metrics, plain, progress_bar, remembered, sources

from privfunnel.audit.audit import audit
from privfunnel.audit.judging import with_budget
from privfunnel.audit.report import AuditReport
from privfunnel.audit.sections import sections

VERDICTS = {
    "over": (st.error, ":material/gpp_bad:"),
    "within": (st.success, ":material/gpp_good:"),
    "inconclusive": (st.warning, ":material/help:"),
    "measured": (st.info, ":material/straighten:"),
}
SMALL = 3000  # rows up to which the audit starts by itself


@remembered(lambda task, *rest: (task.key, *rest))
def audited(
    task: Task, release: tuple[str, ...], confidence: float, subgroup: str | None
) -> AuditReport:
    """The audit of these columns; the same question is answered once for all visitors."""
    with progress_bar("Auditing") as report:
        return audit(
            task.table, sensitive=task.sensitive, release=release, confidence=confidence,
            subgroup=subgroup, rng=0, progress=report,
        )  # fmt: skip


def question(task: Task) -> tuple[tuple[str, ...], float | None, float, str | None]:
    """Widgets: which columns, how much they may tell, how sure to be, which groups of people."""
    with st.grid(4, min_column_width=200, vertical_alignment="top"):
        chosen = st.multiselect(
            "Columns to release", task.others, key="audit_release", placeholder="all", **SHARED
        )
        budget = st.number_input(
            "Budget: leakage allowed [bit]", 0.0, None, 0.1, 0.05, key="audit_budget",
            help="0 asks for no verdict, only for the measurement.", **SHARED,
        )  # fmt: skip
        confidence = st.segmented_control(
            "Confidence", [0.8, 0.9, 0.95, 0.99], default=0.95, required=True,
            key="audit_confidence", **SHARED,
        )  # fmt: skip
        groups = st.selectbox(
            "Group by group of", task.others, index=None, placeholder="no column",
            key="audit_subgroup", help="What the strongest attacker learns about the people of "
            "each value of this column, beyond the value itself.", **SHARED,
        )  # fmt: skip
    return tuple(chosen) or task.others, float(budget) or None, float(confidence), groups


def show(task: Task) -> None:
    """The tab."""
    release, budget, confidence, groups = question(task)
    asked = f"{task.key} {release} {confidence} {groups}"
    if task.table.n > SMALL and st.session_state.get("audit_asked") != asked:
        st.caption(f"{task.table.n:,} rows: this may take up to a minute.")
        if not st.button(
            "Run the audit", icon=":material/policy:", type="primary", key="audit_run"
        ):
            return
        st.session_state.audit_asked = asked
    try:
        report = with_budget(audited(task, release, confidence, groups), budget)
    except (ValueError, TypeError) as error:
        st.error(plain(error, 400), icon=":material/error:")
        return
    verdict(report)
    charts(report)
    subgroups(report, groups)
    details(report)
    audit_part(task, release)
    downloads(report, task)
    with st.expander("What was not tested", icon=":material/visibility_off:"):
        for line in report.to_dict()["not_tested"]:
            st.markdown(f"- {plain(line, 300)}")
    sources(
        "Every reading is a **lower bound** by attackers trained on other people than those they "
        "guess, the strongest one counts."
    )


def verdict(report: AuditReport) -> None:
    """The headline, its reasons, the main numbers."""
    box, icon = VERDICTS[report.findings.verdict]
    box(f"**{plain(report.headline, 300)}**", icon=icon)
    st.markdown(" ".join(plain(line, 600) for line in report.to_dict()["summary"]))
    found = report.findings
    metrics(
        {
            "H(S) [bit]": found.secret.entropy,
            "leakage read [bit]": found.together.leakage.value,
            "share of H(S)": f"{100 * found.together.share:.0f} %",
            "attacker right": f"{100 * found.best_attacker.accuracy:.0f} %",
            "by guessing": f"{100 * found.secret.majority:.0f} %",
        },
        help_texts={
            "H(S) [bit]": "All there is to know about the sensitive column.",
            "by guessing": "Always naming the most frequent value.",
        },
    )


def charts(report: AuditReport) -> None:
    """Leakage by column, ranked, and by attacker."""
    found = report.findings
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.markdown("**Leakage by column**")
        rows = [
            {"name": f.name[:40], "value": f.leakage.value, "lower": f.leakage.lower,
             "upper": f.leakage.upper, "kind": "together" if f is found.together else "alone"}
            for f in (found.together, *found.columns[:40])
        ]  # fmt: skip
        chart = intervals(
            rows, title="bit about the sensitive column", truth=found.budget, truth_label="budget",
            colour_by="kind",
        )  # fmt: skip
        st.altair_chart(
            chart, key="audit_columns",
            alt="Leakage by column, ranked: "
            + ", ".join(f"{r['name']} {r['value']:.2f}" for r in rows[:6]),
        )  # fmt: skip
        if len(found.columns) > 40:
            st.caption(f"The 40 most revealing of {len(found.columns)} columns.")
    with right:
        st.markdown("**Attackers who see all columns**")
        rows = [
            {"name": a.name, "value": a.leakage.value, "lower": a.leakage.lower,
             "upper": a.leakage.upper}
            for a in found.attackers
        ]  # fmt: skip
        st.altair_chart(
            intervals(rows, title="bit, at least"), key="audit_attackers",
            alt="Leakage proved by each attacker",
        )  # fmt: skip
        st.dataframe(
            [
                {"attacker": a.name, "guessed right": a.accuracy, "sure of itself": a.vulnerability}
                for a in found.attackers
            ],
            hide_index=True, key="audit_accuracy", alt="Accuracy of each attacker",
            column_config={
                c: st.column_config.NumberColumn(format="percent")
                for c in ("guessed right", "sure of itself")
            },
        )  # fmt: skip


def subgroups(report: AuditReport, column: str | None) -> None:
    """What an attacker learns about the people of each group."""
    found = report.findings.subgroups
    if not found or column is None:
        return
    st.markdown(f"**Group by group of {plain(column)}**")
    rows = [
        {"name": f"{g.name[:32]} ({g.n:,})", "value": g.leakage.value, "lower": g.leakage.lower,
         "upper": g.leakage.upper}
        for g in found
    ]  # fmt: skip
    st.altair_chart(
        intervals(rows, title="bit about the sensitive column, within the group"),
        key="audit_groups", alt="Leakage within each group, the largest first: "
        + ", ".join(f"{r['name']} {r['value']:.2f}" for r in rows[:6]),
    )  # fmt: skip


def details(report: AuditReport) -> None:
    """Sets of columns, values and groups that give people away, person by person."""
    for note in report.findings.notes:
        st.caption(plain(note, 400))
    for number, part in enumerate(sections(report.findings)):
        with st.expander(plain(part.title, 100)):
            if part.hint:
                st.caption(plain(part.hint, 600))
            if part.rows:
                st.dataframe(
                    [dict(zip(part.header, row, strict=True)) for row in part.rows],
                    hide_index=True, key=f"audit_part_{number}", alt=part.title,
                )  # fmt: skip
            for line in part.lines:
                st.markdown(f"- {plain(line, 600)}")


def downloads(report: AuditReport, task: Task) -> None:
    """The report as files."""
    with st.container(horizontal=True):
        for kind, text, mime in (
            ("HTML", report.to_html, "text/html"),
            ("JSON", report.to_json, "application/json"),
            ("Markdown", report.to_markdown, "text/markdown"),
        ):
            suffix = {"HTML": "html", "JSON": "json", "Markdown": "md"}[kind]
            st.download_button(
                f"Report ({kind})", text(), f"audit_{task.name}.{suffix}", mime,
                key=f"audit_{suffix}", icon=":material/download:", on_click="ignore",
            )  # fmt: skip
