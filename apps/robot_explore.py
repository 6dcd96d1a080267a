"""Tab: a robot explores the world by itself; step, play, scrub, compare two strategies."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st
from charts import lines
from drawing import draw
from maps import ORANGE, Frame, cells, dots, draw_map, path, robot, walls
from robot_files import downloads
from robot_runs import Run, advance_for, forget, runs, to_the_end
from robot_state import Scene, segments
from ui import SHARED, chapter, metrics, plain, sources

from fsmi.planning.strategies import STRATEGIES
from fsmi.sim.episode import Step

NONE = "none"
CURVES = {"entropy": "entropy of the map [bit]", "seen": "seen of what can be seen [%]"}
WORDS = {
    "information_rate": "Most information per metre (each cell counted once)",
    "count_rate": "Most unknown cells in view per metre",
    "nearest": "Nearest frontier (Yamauchi 1997)",
    "explore_lite": "Near and long frontiers (explore_lite)",
}


def show(scene: Scene) -> None:
    """The tab."""
    chapter(
        "The robot decides by itself",
        "It starts at the start of the floor plan with an empty map: scan, update, plan, drive, "
        "until no reachable view is worth a scan. Compare two strategies on the same world.",
    )
    strategies, radius = choices()
    try:
        found = runs(scene, strategies, radius)
    except ValueError as error:
        st.error(f"The robot cannot start here: {plain(error, 300)}", icon=":material/error:")
        return
    buttons(found)
    playing = bool(st.session_state.get("explore_playing"))
    st.fragment(live, run_every=0.5 if playing else None)(scene, found)
    downloads(scene, found, radius)
    sources("Yamauchi (1997) for frontiers; Zhang et al. (2019) for the information; coverage "
            "counts the cells that this robot could see from anywhere it can go.")  # fmt: skip


def choices() -> tuple[list[str], float]:
    """Widgets: which strategies, how large a robot."""
    with st.grid(3, min_column_width=220):
        first = st.selectbox(
            "Strategy", list(STRATEGIES), key="strategy",
            index=list(STRATEGIES).index("information_rate"), **SHARED,
        )  # fmt: skip
        second = st.selectbox(
            "Compare with", [NONE, *(s for s in STRATEGIES if s != first)], key="rival",
            **SHARED,
        )  # fmt: skip
        radius = st.slider("Radius of the robot [m]", 0.1, 0.6, 0.2, 0.05, key="radius", **SHARED)
    return [first] if second == NONE else [first, second], float(radius)


def toggle() -> None:
    """Callback: play or pause."""
    st.session_state.explore_playing = not st.session_state.get("explore_playing")


def buttons(found: Sequence[Run]) -> None:
    """Step, play, run to the end, start again."""
    done = all(r.finished for r in found)
    playing = bool(st.session_state.get("explore_playing")) and not done
    with st.container(horizontal=True):
        step = st.button("Step", icon=":material/skip_next:", key="explore_step",
                         disabled=done or playing)  # fmt: skip
        st.button(
            "Pause" if playing else "Play", key="explore_play", on_click=toggle, disabled=done,
            icon=":material/pause:" if playing else ":material/play_arrow:", type="primary",
        )  # fmt: skip
        end = st.button("Run to the end", icon=":material/fast_forward:", key="explore_end",
                        disabled=done)  # fmt: skip
        st.button("Start again", icon=":material/restart_alt:", key="explore_again",
                  on_click=forget)  # fmt: skip
    if step:
        for one in found:
            one.advance()
    if end:
        st.session_state.explore_playing = False
        to_the_end(found)
        st.rerun()


def live(scene: Scene, found: Sequence[Run]) -> None:
    """The part that runs again and again while playing."""
    if st.session_state.get("explore_playing"):
        advance_for(found, 0.4)
        if all(r.finished for r in found):
            st.session_state.explore_playing = False
            st.rerun()
    at = scrub(found)
    layers = st.pills(
        "Show", ["plan", "candidates", "true walls"], selection_mode="multi", default=["plan"],
        key="explore_layers", label_visibility="collapsed", **SHARED,
    )  # fmt: skip
    if len(found) == 1:
        left, right = st.columns([3, 2], gap="large")
        with left:
            state(scene, found[0], found[0].at(at), layers)
        with right:
            curves(found, at)
        return
    for column, one in zip(st.columns(len(found), gap="large"), found, strict=True):
        with column:
            state(scene, one, one.at(at), layers)
    for column, field in zip(st.columns(2, gap="large"), CURVES, strict=True):
        with column:
            curves(found, at, [field])


def scrub(found: Sequence[Run]) -> float:
    """The distance to look at; the newest state while playing."""
    far = max(r.last.travelled for r in found)
    if st.session_state.get("explore_playing") or far < 0.5:
        return math.inf
    count = sum(len(r.steps) for r in found)
    return float(
        st.slider("Look back at [m driven]", 0.0, round(far + 0.05, 1), round(far + 0.05, 1), 0.1,
                  key=f"explore_at_{count}")  # a new step moves the slider to the end
    )  # fmt: skip


def state(scene: Scene, one: Run, step: Step, layers: Sequence[str]) -> None:
    """Map, numbers and reason of one step."""
    st.markdown(f"**{one.strategy}**")
    frame = Frame(scene.world.bounds)
    overlays = [walls(segments(*scene.world_key), frame)] if "true walls" in layers else []
    if "candidates" in layers and step.plan.candidates:
        places = np.array([c.pose[:2] for c in step.plan.candidates])
        overlays.append(dots(places, frame, colour="#009E73", radius=4))
    overlays.append(path(step.trail, frame, width=2.5))
    if "plan" in layers and len(step.plan.path):
        overlays.append(path(step.plan.path, frame, colour=ORANGE))
    overlays.append(robot(step.pose, frame))
    words = f"Map after {step.travelled:.0f} m; blue the way driven, orange the plan"
    draw(draw_map(cells(step.grid), frame, overlays, words), key=f"explore_map_{one.strategy}")
    seen = step.coverage or 0.0
    metrics({"driven [m]": round(step.travelled, 1), "seen": f"{100 * seen:.1f} %",
             "entropy [bit]": round(step.entropy)})  # fmt: skip
    st.caption(
        f"{WORDS.get(one.strategy, one.strategy)}. Plan {step.index} ({step.plan.status}): "
        f"{plain(step.plan.reason, 240)}. Collisions: {step.collisions}."
    )
    if step.plan.candidates:
        with st.expander("The candidates", icon=":material/list:"):
            st.code(step.plan.explain(8), language=None)


def curves(found: Sequence[Run], at: float, fields: Sequence[str] = tuple(CURVES)) -> None:
    """Entropy and coverage over the distance driven."""
    rows = [
        {"x": s.travelled, "entropy": s.entropy, "seen": 100 * (s.coverage or 0.0),
         "series": r.strategy}
        for r in found for s in r.steps
    ]  # fmt: skip
    if len(rows) <= len(found):
        st.caption("Curves appear after the first step.")
        return
    frame = pd.DataFrame(rows)
    for field in fields:
        chart = lines(
            frame.rename(columns={field: "y"}), x_title="driven [m]", y_title=CURVES[field],
            marker=at if math.isfinite(at) else None, height=270,
        )  # fmt: skip
        st.altair_chart(
            chart, key=f"explore_{field}", alt=f"{CURVES[field]} over the distance driven"
        )
