"""Part of the voxel tab: a robot flies through a world of voxels by itself."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st
from charts import lines
from cubes import draw_cubes
from drawing import draw
from robot_state import Scene
from ui import SHARED, chapter, kernel_lock, metrics, plain, progress_bar, sources

from fsmi import SpinningLidar, VoxelMap, save_octomap
from fsmi.planning.explorer3d import Explorer3D
from fsmi.planning.views3d import Plan3D
from fsmi.sim.coverage3d import Coverage3D
from fsmi.sim.flight import SimulatedFlyer, explore_3d
from fsmi.sim.worlds3d import WORLDS_3D, World3D

SIDE, RADIUS, AZIMUTHS, MOST_SHOTS = 0.2, 0.25, 100, 200
KIND_WORDS = {
    "rooms3d": "two storeys of rooms, joined by a shaft",
    "tunnels": "round tunnels through rock, up and down",
}


@dataclass(frozen=True)
class Shot:
    """What was known when a plan was made, or flown.

    `solid` are the solid voxels, one bit each; `flown` the places [m] up to here.
    """

    solid: npt.NDArray[np.uint8]
    flown: npt.NDArray[np.float64]
    travelled: float
    entropy: float
    coverage: float
    words: str


@dataclass
class Flight:
    """A flight under way: the robot, its map and what was seen at every plan so far."""

    settings: tuple[Any, ...]
    robot: SimulatedFlyer
    explorer: Explorer3D
    coverage: Coverage3D
    voxels: VoxelMap
    shots: list[Shot] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    trail: list[tuple[float, ...]] = field(default_factory=list)
    finished: bool = False

    def fly(self, plans: int, each: Callable[[], None]) -> None:
        """So many plans more; `each` is called after every one and may end the flight."""
        before = list(self.trail)

        def keep(voxels: VoxelMap, plan: Plan3D, trail: npt.NDArray[np.float64]) -> None:
            words = f"{plan.status}: {plan.reason}" if plan.reason else plan.status
            self.snap(voxels, before + [tuple(p) for p in trail.tolist()], words)
            found = {k: v for k, v in plan.to_dict().items() if k != "path"}
            last = self.shots[-1]
            self.records.append(
                {"travelled": last.travelled, "entropy": last.entropy, "coverage": last.coverage,
                 **found}
            )  # fmt: skip
            self.finished = plan.finished or len(self.shots) >= MOST_SHOTS
            # Between two plans other visitors get their turn.
            kernel_lock().release()
            try:
                each()
            finally:
                kernel_lock().acquire()

        with kernel_lock():
            result = explore_3d(self.robot, self.voxels, self.explorer, max_steps=plans, each=keep)
        if not self.finished:
            trail = before + [tuple(p) for p in result.trail.tolist()]
            self.snap(result.voxels, trail, "flown as planned")

    def snap(self, voxels: VoxelMap, trail: list[tuple[float, ...]], words: str) -> None:
        """Keep the state."""
        self.voxels, self.trail = voxels, trail
        places = np.array(trail)[:, :3]
        length = float(np.linalg.norm(np.diff(places, axis=0), axis=1).sum())
        solid = np.packbits(voxels.to_dense(prior=0.0) > 0.5)
        seen = self.coverage.of(voxels)
        self.shots.append(Shot(solid, places, length, voxels.entropy(), seen, words))


@st.cache_resource(max_entries=4, show_spinner="Building the world …")
def world(kind: str, seed: int) -> World3D:
    """A world to fly in (shared, read-only); its voxels are half as wide as those of the map."""
    return WORLDS_3D[kind](seed, resolution=SIDE / 2)


@st.cache_resource(max_entries=4, show_spinner="Finding out what can be seen at all …")
def coverage(kind: str, seed: int, rings: int, reach: float) -> Coverage3D:
    """What can be seen of a world (shared, read-only)."""
    with kernel_lock():
        return Coverage3D(world(kind, seed), lidar(rings, reach), SIDE, robot_radius=RADIUS)


def lidar(rings: int, reach: float) -> SpinningLidar:
    """The lidar of the flying robot: 60 degrees up and down, all around."""
    steep = math.radians(60)
    return SpinningLidar(
        rings, AZIMUTHS, elevation=(-steep, steep), max_range=reach, delta_occ=20.0, delta_emp=0.3
    )


def current(kind: str, seed: int, rings: int, reach: float) -> Flight:
    """The flight of this session for these settings; other settings start afresh."""
    settings = (kind, seed, rings, reach)
    kept = st.session_state.get("flight")
    if kept is None or kept.settings != settings:
        sensor = lidar(rings, reach)
        there = world(kind, seed)
        kept = Flight(
            settings,
            SimulatedFlyer(there, sensor, radius=RADIUS, rng=0),
            Explorer3D(sensor, robot_radius=RADIUS, rng=0),
            coverage(*settings),
            VoxelMap.unknown(there.voxels.bounds, SIDE),
        )
        st.session_state.flight = kept
    return kept


def forget() -> None:
    """Callback: start the flight again."""
    st.session_state.flight = None


def show(scene: Scene) -> None:
    """The part."""
    chapter(
        "A robot flies by itself",
        "The map is an octree, the lidar looks all around. Of all places that the robot can reach "
        "it flies where a scan promises most bits per metre, until none is worth the way. Range: "
        "the sidebar.",
    )
    with st.grid(4, min_column_width=180):
        kind = st.selectbox("World", list(WORLDS_3D), key="flight_world", **SHARED)
        seed = st.number_input("Seed of the world", 0, 999, 0, key="flight_seed", **SHARED)
        rings = st.slider("Rings of the lidar", 8, 48, 24, key="flight_rings", **SHARED)
        turn = st.slider("Turn the view [°]", -180, 180, 25, 5, key="flight_turn", **SHARED)
    st.caption(KIND_WORDS[kind])
    try:
        flight = current(kind, int(seed), rings, scene.sensor.max_range)
    except ValueError as error:
        st.error(f"The robot cannot start here: {plain(error, 300)}", icon=":material/error:")
        return
    plans = buttons(flight)
    left, right = st.columns([3, 2], gap="large")
    with left:
        # Always there, so that a picture replaces the one before and the page does not jump.
        picture = st.empty()
    if plans:
        fly(flight, plans, picture, math.radians(turn))
    if not flight.shots:
        picture.info("Press *Fly*. A whole flight takes some ten seconds; any button stops it.")
        return
    with right:
        shot = look_back(flight)
        # The roof is off at first: inside is where the robot flies.
        below = st.slider(
            "Show what lies below [m]", 0.4, top(flight), round(top(flight) - 2 * SIDE, 1), SIDE,
            key="flight_cut", **SHARED,
        )  # fmt: skip
        metrics({"flown [m]": round(shot.travelled, 1), "seen": f"{100 * shot.coverage:.1f} %",
                 "unknown [bit]": round(shot.entropy)})  # fmt: skip
        st.caption(plain(shot.words, 240))
        curves(flight, shot)
    with picture:
        draw(cubes(flight, shot, math.radians(turn), below), key="flight_cubes")
    downloads(flight)
    sources("Hornung et al. (2013) for the octree; runs of equal voxels are measured as one, Zhang "
            "et al. (2019), section V. Coverage counts the voxels that this robot could see from "
            "anywhere it can go.")  # fmt: skip


def buttons(flight: Flight) -> int:
    """Step, fly, stop, start again; returns how many plans are asked for."""
    with st.container(horizontal=True):
        step = st.button("Step", icon=":material/skip_next:", key="flight_step",
                         disabled=flight.finished)  # fmt: skip
        label = "Fly on" if flight.shots else "Fly"
        go = st.button(label, icon=":material/flight_takeoff:", key="flight_go", type="primary",
                       disabled=flight.finished)  # fmt: skip
        st.button("Stop", icon=":material/stop:", key="flight_stop",
                  help="What was flown stays; fly on goes on from there.")  # fmt: skip
        st.button("Start again", icon=":material/restart_alt:", key="flight_again",
                  on_click=forget)  # fmt: skip
    return 1 if step else MOST_SHOTS if go else 0


def fly(flight: Flight, plans: int, picture: Any, turn: float) -> None:
    """Fly, with a bar and a picture of every plan."""
    with progress_bar("Flying") as report:

        def each() -> None:
            shot = flight.shots[-1]
            report(shot.coverage, f"{shot.travelled:.0f} m, {shot.entropy:,.0f} bit left")
            if plans > 1:
                with picture:
                    draw(cubes(flight, shot, turn, top(flight)), key=f"fly_{len(flight.shots)}")

        flight.fly(plans, each)
    st.rerun()


def top(flight: Flight) -> float:
    """Height of the map [m]."""
    return round(flight.voxels.shape[0] * SIDE, 1)


def look_back(flight: Flight) -> Shot:
    """The state that the slider asks for; the newest after a new plan."""
    count = len(flight.shots)
    at = count
    if count > 1:
        at = st.slider("Look back at picture", 1, count, count, key=f"flight_at_{count}")
    return flight.shots[int(at) - 1]


def cubes(flight: Flight, shot: Shot, turn: float, below: float) -> str:
    """The solid voxels of a state, the way flown and the robot."""
    depth, height, width = flight.voxels.shape
    solid = np.unpackbits(shot.solid, count=depth * height * width).reshape(depth, height, width)
    shown = solid.astype(bool)
    shown[round(below / SIDE) :] = False
    low = np.array(flight.voxels.bounds[:3])
    way = (shot.flown - low) / SIDE
    words = f"{int(shown.sum())} solid voxels after {shot.travelled:.0f} m of flight"
    return draw_cubes(shown, turn, [tuple(way[-1])], words, trail=way)


def curves(flight: Flight, shot: Shot) -> None:
    """Entropy and coverage over the distance flown."""
    if len(flight.shots) < 2:
        st.caption("Curves appear after the second plan.")
        return
    for name, title in (("entropy", "entropy of the map [bit]"), ("coverage", "seen [share]")):
        frame = pd.DataFrame(
            {"x": s.travelled, "y": getattr(s, name), "series": name} for s in flight.shots
        )
        chart = lines(frame, x_title="flown [m]", y_title=title, marker=shot.travelled, height=210)
        st.altair_chart(chart, key=f"flight_{name}", alt=f"{title} over the distance flown")


def downloads(flight: Flight) -> None:
    """Record and map as files."""
    kind, seed, rings, reach = flight.settings
    record = {
        "world": {"kind": kind, "seed": seed}, "rings": rings, "max_range": reach,
        "resolution": SIDE, "plans": flight.records, "trail": flight.trail,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "map.bt")
        save_octomap(flight.voxels, path)
        octomap = path.read_bytes()
    with st.container(horizontal=True):
        for label, data, name, mime in (
            ("Record (JSON)", json.dumps(record, indent=1), "flight.json", "application/json"),
            ("Map (OctoMap .bt)", octomap, "flight.bt", "application/octet-stream"),
        ):
            st.download_button(label, data, name, mime, key=f"flight_{name}",
                               icon=":material/download:", on_click="ignore")  # fmt: skip
