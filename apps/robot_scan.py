"""Tab: the information of one scan, and what the map really loses when it is taken."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import streamlit as st
from charts import bars, curve
from drawing import draw
from maps import Frame, beams, cells, dots, draw_map, hex_colour, robot, walls
from robot_state import MOST_SCANS, Pose, Scene, cached, lidar, segments, write_pose
from ui import SHARED, kernel_lock, metrics, sources

from fsmi import expected_ranges, monte_carlo_mi, scan_mi
from fsmi.mapping import update

STEP = 0.25  # metres that an arrow key moves the robot


@cached()
def by_beam(scene: Scene) -> npt.NDArray[np.float64]:
    """Information of each beam alone [bit]."""
    sensor = scene.sensor
    poses = np.tile(scene.pose, (sensor.n_beams, 1))
    poses[:, 2] += sensor.angles()
    with kernel_lock():
        return scan_mi(scene.belief, poses, replace(sensor, n_beams=1))


@cached()
def reach(scene: Scene) -> npt.NDArray[np.float64]:
    """Expected range of each beam [m]."""
    with kernel_lock():
        return expected_ranges(scene.belief, [scene.pose], scene.sensor)[0]


@cached()
def once(scene: Scene, measure: str) -> float:
    """Information of the scan, each cell counted once [bit]."""
    with kernel_lock():
        return float(
            scan_mi(scene.belief, [scene.pose], scene.sensor, measure=measure, joint=True)[0]
        )


@cached()
def sampled(scene: Scene) -> tuple[float, float]:
    """The same by sampling 400 maps: mean and standard error [bit]."""
    with kernel_lock():
        result = monte_carlo_mi(scene.belief, [scene.pose], scene.sensor, n_maps=400, rng=0)
    return float(result.value[0]), float(result.standard_error[0])


@cached()
def really_lost(scene: Scene) -> float:
    """How much the entropy of the map falls when this scan is taken in the true world [bit]."""
    ranges = lidar(scene.world_key, scene.pose, scene.sensor)
    with kernel_lock():
        after = update(scene.belief, scene.pose, ranges, scene.sensor)
    return scene.belief.entropy() - after.entropy()


def move_to(scene: Scene, x: float, y: float) -> None:
    """Put the robot at a place, if that is inside the map."""
    x0, y0, x1, y1 = scene.world.bounds
    if x0 < x < x1 and y0 < y < y1:
        st.session_state.robot_at = f"{x:.2f} {y:.2f}"


def clicked(scene: Scene) -> None:
    """Callback of the map: the robot goes where the pointer was."""
    place = st.session_state.scan_map.place
    if place:
        move_to(scene, *Frame(scene.world.bounds).metres(*place))


def stepped(scene: Scene) -> None:
    """Callback of the map: an arrow key moves the robot."""
    step = st.session_state.scan_map.move
    if step:
        move_to(scene, scene.pose[0] + STEP * step[0], scene.pose[1] - STEP * step[1])


def keep(scans: Sequence[Pose], start: Pose) -> None:
    """Callback: these are the scans that were taken; the robot goes where the planner says."""
    st.session_state.robot_at = ""
    words = ["start" if p == start else write_pose(p) for p in scans]
    st.session_state.robot_scans = "; ".join(words)


def picture(scene: Scene, colour_by: npt.NDArray[np.float64], layers: list[str]) -> str:
    """The map with the fan of beams."""
    frame = Frame(scene.world.bounds)
    top = float(colour_by.max()) or 1.0
    overlays = []
    if "true walls" in layers:
        overlays.append(walls(segments(*scene.world_key), frame))
    directions = scene.pose[2] + scene.sensor.angles()
    if "beams" in layers:
        colours = [hex_colour(v / top) for v in colour_by]
        overlays.append(beams(scene.pose, directions, reach(scene), colours, frame))
    if "returns" in layers:
        ranges = lidar(scene.world_key, scene.pose, scene.sensor)
        hit = np.isfinite(ranges)
        ends = np.stack((np.cos(directions), np.sin(directions)), axis=-1) * ranges[:, None]
        overlays.append(dots(ends[hit] + np.array(scene.pose[:2]), frame))
    overlays.append(robot(scene.pose, frame))
    return draw_map(
        cells(scene.belief, scene.prior), frame, overlays,
        f"Map with the robot at {scene.pose[0]:.1f}, {scene.pose[1]:.1f} m and its fan of beams. "
        "Click, or use the arrow keys, to move it.",
    )  # fmt: skip


def show(scene: Scene) -> None:
    """The tab."""
    st.markdown(
        "**Click on the map** (or focus it and use the arrow keys) to move the robot. Beams end "
        "where the robot expects the first obstacle; bright beams promise more. Then take the scan "
        "and compare the promise with what the map really lost."
    )
    single = by_beam(scene)
    left, right = st.columns([3, 2], gap="large")
    with left:
        layers = st.pills(
            "Show", ["beams", "returns", "true walls"], selection_mode="multi",
            default=["beams"], key="scan_layers", label_visibility="collapsed", **SHARED,
        )  # fmt: skip
        draw(
            picture(scene, single, layers), key="scan_map",
            on_place=lambda: clicked(scene), on_move=lambda: stepped(scene),
        )  # fmt: skip
        buttons(scene)
    with right:
        summary(scene, single)
        degrees = np.degrees(scene.sensor.angles())
        st.altair_chart(
            curve(degrees, single, x_title="direction against the heading [°]",
                  y_title="information of the beam [bit]"),
            key="scan_beams", alt="Information of each beam over its direction",
        )  # fmt: skip
    sources(
        "Zhang, Henderson, Karaman & Sze (2019), *FSMI*. For a noise-free scan the joint number "
        "is Σ P(cell is seen) × what its update tells; the best reach of any beam bounds P(seen) "
        "from below, sampling maps measures it."
    )


def buttons(scene: Scene) -> None:
    """Take, undo, forget."""
    start = scene.world.start
    with st.container(horizontal=True):
        st.button(
            "Take this scan", icon=":material/radar:", type="primary", key="scan_take",
            on_click=keep, args=((*scene.scans, scene.pose), start),
            disabled=len(scene.scans) >= MOST_SCANS,
        )  # fmt: skip
        st.button("Undo", icon=":material/undo:", key="scan_undo", on_click=keep,
                  args=(scene.scans[:-1], start),
                  disabled=not scene.scans)  # fmt: skip
        st.button("Forget all scans", icon=":material/delete:", key="scan_forget",
                  on_click=keep, args=((), start),
                  disabled=not scene.scans)  # fmt: skip


def summary(scene: Scene, single: npt.NDArray[np.float64]) -> None:
    """The numbers, and the three ways to count side by side."""
    joint, (mean, error) = once(scene, "approx_fsmi"), sampled(scene)
    lost, entropy = really_lost(scene), scene.belief.entropy()
    metrics(
        {"unknown": entropy, "promise": joint, "real": lost},
        help_texts={
            "unknown": "What is still unknown about the map [bit].",
            "promise": "Expected information of this scan, each cell counted once [bit].",
            "real": "Entropy of the map before minus after this scan [bit].",
        },
    )  # fmt: skip
    counted = {
        "sum over beams": float(single.sum()),
        "each cell once": joint,
        "sampled maps": mean,
        "really lost": lost,
    }
    st.altair_chart(
        bars(counted, x_title="bit"), key="scan_counts",
        alt="Information counted in four ways: "
        + ", ".join(f"{name} {value:.0f}" for name, value in counted.items()),
    )  # fmt: skip
    ratio = counted["sum over beams"] / joint if joint > 0 else math.nan
    st.caption(
        f"Summed over {scene.sensor.n_beams} beams the scan seems worth {ratio:.1f} times what it "
        f"can tell, because neighbouring beams cross the same cells. Sampling 400 maps: "
        f"{mean:.1f} ± {error:.1f} bit."
    )
