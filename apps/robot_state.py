"""What the tabs of the FSMI explorer share: world, sensor, scans taken so far, the robot's place.

Worlds and maps are cached for all visitors; everything else lives in widgets, and so in the URL.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st
from robot_upload import UPLOAD, choose
from ui import SHARED, kernel_lock

from fsmi import OccupancyGrid, RangeSensor, expected_ranges, monte_carlo_mi, scan_mi
from fsmi.mapping import update
from fsmi.planning.explorer import Explorer
from fsmi.sim.floorplans import WORLDS, make_world
from fsmi.sim.lidar import ranges_in
from fsmi.sim.worlds import World

Pose = tuple[float, float, float]
MOST_SCANS = 60
CELLS, MOST_CELLS = [0.1, 0.15, 0.2, 0.25, 0.4, 0.5], 250_000
KIND_WORDS = {
    "office": "rooms on both sides of a corridor",
    "maze": "one way through, many dead ends",
    "cave": "a natural-looking cavity",
    "warehouse": "shelves in rows",
    "forest": "round trunks in the open",
    UPLOAD: "your own map",
}


@dataclass(frozen=True)
class Scene:
    """Everything that the tabs need, as one value."""

    world_key: tuple[str, int]
    resolution: float
    sensor: RangeSensor
    prior: float
    scans: tuple[Pose, ...]
    pose: Pose

    @property
    def world(self) -> World:
        """The floor plan (shared, read-only)."""
        return world(*self.world_key)

    @property
    def belief(self) -> OccupancyGrid:
        """What the robot knows after the scans taken so far."""
        return belief(self.world_key, self.resolution, self.prior, self.sensor, self.scans)


@st.cache_resource(
    show_spinner="Loading the kernels. Only the first time after an installation this takes half "
    "a minute: they are compiled for this machine …"
)
def kernels_loaded() -> bool:
    """Every kernel of the first tab, run once on a tiny map: the words are shown but once."""
    grid, sensor = OccupancyGrid.unknown(2.0, 2.0, 0.25), RangeSensor(n_beams=8, max_range=1.0)
    pose = (1.0, 1.0, 0.0)
    walls = np.array([[0.1, 0.1, 1.9, 0.1]])
    with kernel_lock():
        known = update(grid, pose, ranges_in(walls, pose, sensor, rng=0), sensor)
        expected_ranges(known, [pose], sensor)
        monte_carlo_mi(known, [pose], sensor, n_maps=2, rng=0)
        for joint in (False, True):
            scan_mi(known, [pose], sensor, joint=joint)
        Explorer(sensor, robot_radius=0.2).plan(known, pose)
    return True


@st.cache_resource(max_entries=24, show_spinner=False)
def generated(kind: str, seed: int) -> World:
    """A floor plan made from a seed."""
    return make_world(kind, seed=seed)


def world(kind: str, seed: int) -> World:
    """The floor plan: generated, or what this visitor sent (then `kind` names its content)."""
    name, sent = st.session_state.get("robot_world", ("", None))
    if kind == name and sent is not None:
        return sent
    return generated(kind, seed)


@st.cache_resource(max_entries=24, show_spinner=False)
def segments(kind: str, seed: int) -> npt.NDArray[np.float64]:
    """The true walls (n, 4) [m]."""
    return world(kind, seed).segments()


def lidar(world_key: tuple[str, int], pose: Pose, sensor: RangeSensor) -> npt.NDArray[np.float64]:
    """What the simulated lidar returns at a pose [m]; the same pose gives the same noise."""
    noise = np.random.default_rng([abs(round(v * 1000)) for v in pose])
    with kernel_lock():
        return ranges_in(segments(*world_key), pose, sensor, rng=noise)


@st.cache_resource(max_entries=48, show_spinner=False, hash_funcs={RangeSensor: repr})
def belief(
    world_key: tuple[str, int],
    resolution: float,
    prior: float,
    sensor: RangeSensor,
    scans: tuple[Pose, ...],
) -> OccupancyGrid:
    """The map after the scans, one after another; each prefix is cached as well."""
    if not scans:
        x0, y0, x1, y1 = world(*world_key).bounds
        return OccupancyGrid.unknown(x1 - x0, y1 - y0, resolution, (x0, y0, 0.0), prior=prior)
    before = belief(world_key, resolution, prior, sensor, scans[:-1])
    ranges = lidar(world_key, scans[-1], sensor)
    with kernel_lock():
        return update(before, scans[-1], ranges, sensor)


def read_poses(words: str, start: Pose) -> tuple[Pose, ...]:
    """Poses written as `x y heading°; ...` or `start`; what cannot be read is left out."""
    poses = []
    for part in words.split(";")[:MOST_SCANS]:
        if part.strip() == "start":
            poses.append(start)
            continue
        try:
            numbers = [float(v) for v in part.replace(",", " ").split()]
        except ValueError:
            continue
        if len(numbers) in (2, 3) and all(math.isfinite(v) for v in numbers):
            heading = math.radians(numbers[2]) if len(numbers) == 3 else 0.0
            poses.append((numbers[0], numbers[1], heading))
    return tuple(poses)


def write_pose(pose: Pose) -> str:
    """A pose as `read_poses` reads it."""
    return f"{pose[0]:.2f} {pose[1]:.2f} {math.degrees(pose[2]):.0f}"


def forget() -> None:
    """Callback: another world, so the robot is back at its start and has seen nothing."""
    st.session_state.robot_at = ""
    st.session_state.robot_scans = "start"


def world_controls() -> tuple[tuple[str, int], float, float]:
    """Widgets of the world; returns (kind, seed), the side of a cell [m] and the prior."""
    kind = st.selectbox("Floor plan", [*WORLDS, UPLOAD], key="world", on_change=forget, **SHARED)
    st.caption(KIND_WORDS.get(kind, ""))
    if kind == UPLOAD:
        if choose() is None:
            st.stop()
        key = (st.session_state.robot_world[0], 0)
    else:
        seed = st.number_input(
            "Seed", 0, 9999, 0, key="seed", on_change=forget,
            help="Another number, another floor plan of the same kind.", **SHARED,
        )  # fmt: skip
        key = (kind, int(seed))
    cell = st.select_slider("Side of a cell [m]", CELLS, 0.2, key="cell", **SHARED)
    prior = st.slider(
        "An unseen cell is a wall with probability", 0.05, 0.9, 0.1, 0.01, key="prior",
        help="Most mapping programs assume 0.5; then a beam is expected to end after two unseen "
        "cells and a scan promises far too little. Compare the promise with the real loss.",
        **SHARED,
    )  # fmt: skip
    return key, fitting(key, float(cell)), float(prior)


def fitting(key: tuple[str, int], cell: float) -> float:
    """The wanted side of a cell, or the smallest with which a large world stays quick."""
    x0, y0, x1, y1 = world(*key).bounds
    least = math.sqrt((x1 - x0) * (y1 - y0) / MOST_CELLS)
    if cell >= least:
        return cell
    coarser = math.ceil(least * 20) / 20
    st.caption(f"A world of {x1 - x0:.0f} x {y1 - y0:.0f} m: shown in cells of {coarser:g} m.")
    return coarser


def sensor_controls() -> RangeSensor:
    """Widgets of the range sensor."""
    beams = st.slider("Beams", 4, 360, 180, key="beams", **SHARED)
    fov = st.slider("Field of view [°]", 30, 360, 360, 10, key="fov", **SHARED)
    reach = st.slider("Range [m]", 1.0, 15.0, 6.0, 0.5, key="reach", **SHARED)
    sigma = st.slider("Range noise, one σ [m]", 0.0, 0.5, 0.0, 0.01, key="sigma", **SHARED)
    with st.expander("Inverse sensor model"):
        hit = st.select_slider(
            "A hit multiplies the odds by", [1.5, 2.0, 4.0, 9.0, 20.0, 50.0], 9.0, key="hit",
            help="1.5 in Zhang et al. (2019): many soft updates; 9: two scans settle a cell.",
            **SHARED,
        )  # fmt: skip
        miss = st.select_slider(
            "A pass multiplies them by", [0.02, 0.05, 0.11, 0.25, 0.5, 0.67], 0.11, key="miss",
            **SHARED,
        )  # fmt: skip
        no_hit = st.toggle("A beam without return counts", True, key="nohit", **SHARED)
    return RangeSensor(
        n_beams=beams, fov=math.radians(fov), max_range=reach, sigma=sigma, delta_occ=hit,
        delta_emp=miss, count_no_hit=no_hit,
    )  # fmt: skip


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs={RangeSensor: repr})
def suggested(
    world_key: tuple[str, int], resolution: float, sensor: RangeSensor, scans: tuple[Pose, ...]
) -> Pose:
    """Where the planner would look next from the last scan; the start if it knows no place."""
    here = scans[-1] if scans else world(*world_key).start
    if not scans:
        return here
    known = belief(world_key, resolution, 0.5, sensor, scans)
    with kernel_lock():
        goal = Explorer(sensor, robot_radius=0.2).plan(known, here).goal
    return goal or here


def robot_controls(
    world_key: tuple[str, int], resolution: float, sensor: RangeSensor
) -> tuple[tuple[Pose, ...], Pose]:
    """Widgets that place the robot; returns the scans taken so far and where it is."""
    x0, y0, x1, y1 = world(*world_key).bounds
    start = world(*world_key).start
    place_slot = st.container()
    heading = st.slider("Heading [°]", -180, 180, 0, 5, key="heading", **SHARED)
    taken = st.text_input(
        "Scans taken at (x y heading°; …)", "start", key="robot_scans", max_chars=2000,
        help="Filled by the buttons below the map; it makes the address hold the whole story.",
        **SHARED,
    )  # fmt: skip
    inside = tuple(p for p in read_poses(taken, start) if x0 < p[0] < x1 and y0 < p[1] < y1)
    place = suggested(world_key, resolution, sensor, inside)
    where = place_slot.text_input(
        "Robot at (x y) [m]", "", key="robot_at", placeholder=f"{place[0]:.2f} {place[1]:.2f}",
        max_chars=40, help="Click on the map, or type. Empty: where the planner would look next.",
        **SHARED,
    )  # fmt: skip
    place = next(iter(read_poses(where, start)), place)
    if not (x0 < place[0] < x1 and y0 < place[1] < y1):
        st.warning("That place lies outside the map; the robot is at its start.")
        place = start
    return inside, (place[0], place[1], math.radians(heading))


def controls() -> Scene:
    """All widgets of the sidebar."""
    kernels_loaded()
    with st.sidebar:
        st.markdown("**World**")
        world_key, resolution, prior = world_controls()
        st.markdown("**Sensor**")
        sensor = sensor_controls()
        st.markdown("**Robot**")
        scans, pose = robot_controls(world_key, resolution, sensor)
    return Scene(world_key, resolution, sensor, prior, scans, pose)


def cached(**options: Any) -> Any:
    """`st.cache_data` for functions of a scene: bounded, and it knows how to hash a sensor."""
    return st.cache_data(
        max_entries=32, show_spinner=False, hash_funcs={RangeSensor: repr, Scene: repr}, **options
    )
