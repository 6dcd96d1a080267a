"""Explorations of this visitor: one per strategy, advanced a step or a while at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import streamlit as st
from robot_state import Scene, belief
from ui import kernel_lock, progress_bar

from fsmi.planning.explorer import Explorer
from fsmi.sim.coverage import Coverage
from fsmi.sim.episode import Step, run
from fsmi.sim.robot import SimulatedRobot

MOST_STEPS = 400


@dataclass
class Run:
    """An exploration under way.

    `steps` grows as `iterator` is advanced; `finished` once the planner says so.
    """

    strategy: str
    iterator: Iterator[Step]
    steps: list[Step] = field(default_factory=list)
    finished: bool = False

    @property
    def last(self) -> Step:
        """The newest step."""
        return self.steps[-1]

    def advance(self) -> None:
        """One plan, driven."""
        if self.finished:
            return
        with kernel_lock():
            step = next(self.iterator, None)
        if step is not None:
            self.steps.append(step)
        self.finished = step is None or step.plan.finished or len(self.steps) >= MOST_STEPS

    def at(self, distance: float) -> Step:
        """The state after that many metres."""
        return next((s for s in reversed(self.steps) if s.travelled <= distance), self.steps[0])


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs={Scene: repr})
def coverage(scene: Scene, radius: float) -> Coverage:
    """What can be seen of a world at all (shared, read-only)."""
    with kernel_lock():
        return Coverage(scene.world, scene.sensor, scene.resolution, robot_radius=radius)


def start(scene: Scene, strategy: str, radius: float) -> Run:
    """A robot at the start of the world with an empty map."""
    robot = SimulatedRobot(scene.world, scene.sensor, radius=radius, rng=0)
    empty = belief(scene.world_key, scene.resolution, 0.5, scene.sensor, ())
    explorer = Explorer(scene.sensor, robot_radius=radius, strategy=strategy)
    steps = run(
        robot, empty, explorer, coverage=coverage(scene, radius), max_steps=MOST_STEPS
    )  # fmt: skip
    fresh = Run(strategy, steps)
    fresh.advance()
    return fresh


def runs(scene: Scene, strategies: Sequence[str], radius: float) -> list[Run]:
    """The explorations of this session for these settings; other settings start afresh."""
    settings = (scene.world_key, scene.resolution, scene.sensor, radius)
    kept = st.session_state.get("explore_runs")
    if kept is None or kept[0] != settings:
        kept = (settings, {})
        st.session_state.explore_runs = kept
        st.session_state.explore_playing = False
    for old in set(kept[1]) - set(strategies):
        del kept[1][old]
    for name in strategies:
        if name not in kept[1]:
            kept[1][name] = start(scene, name, radius)
    return [kept[1][name] for name in strategies]


def forget() -> None:
    """Callback: start the explorations again."""
    st.session_state.explore_runs = None
    st.session_state.explore_playing = False


def advance_for(some: Sequence[Run], seconds: float) -> None:
    """Advance the runs in turn for about that long, the one that drove least first."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end and not all(r.finished for r in some):
        min((r for r in some if not r.finished), key=lambda r: r.last.travelled).advance()


def to_the_end(some: Sequence[Run]) -> None:
    """Finish the runs, with a progress bar."""
    for one in some:
        with progress_bar(f"Exploring ({one.strategy})") as report:
            while not one.finished:
                one.advance()
                text = f"{one.last.travelled:.0f} m, {one.last.entropy:.0f} bit left"
                report(one.last.coverage or 0.0, text)
