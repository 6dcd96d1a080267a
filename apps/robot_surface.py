"""Tab: the information of a scan from every place of the map, for several measures."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import streamlit as st
from charts import legend, table
from drawing import draw
from maps import Frame, draw_map, path, robot, star, surface, walls
from robot_scan import move_to
from robot_state import Scene, cached, segments
from scipy.stats import spearmanr
from ui import SHARED, chapter, kernel_lock, sources

from fsmi import OccupancyGrid, mi_map


@dataclass(frozen=True)
class Surface:
    """A measure of the map: how to ask `mi_map` for it, and what it means."""

    words: str
    measure: str
    joint: bool = False


SURFACES = {
    "FSMI": Surface("sum over the beams, Zhang et al. (2019)", "approx_fsmi"),
    "each cell once": Surface("the same, but a cell counts once however many beams cross it",
                              "approx_fsmi", joint=True),
    "Shannon": Surface("entropy of the ranges of a noise-free sensor, summed over beams",
                       "shannon"),
    "uniform FSMI": Surface("range noise taken as uniform", "uniform_fsmi"),
}  # fmt: skip


@cached()
def computed(scene: Scene, name: str) -> tuple[npt.NDArray[np.float32], float]:
    """One surface (H, W) [bit] and the milliseconds it took."""
    what = SURFACES[name]
    sensor = replace(scene.sensor, count_no_hit=True) if what.joint else scene.sensor
    grid = scene.belief
    small = OccupancyGrid.unknown(1.0, 1.0, 0.25)
    with kernel_lock():
        # Compiling on first use is no part of the time that the page shows.
        mi_map(small, sensor, measure=what.measure, joint=what.joint)
        begin = time.perf_counter()
        values = mi_map(grid, sensor, measure=what.measure, joint=what.joint, theta=scene.pose[2])
        took = 1e3 * (time.perf_counter() - begin)
    return values, took


def known_free(scene: Scene) -> npt.NDArray[np.bool_]:
    """Cells that the robot has seen to be free."""
    return np.asarray(scene.belief.occupancy < 0.75 * scene.prior)


def clicked(scene: Scene, key: str) -> None:
    """Callback of a map: the robot goes where the pointer was."""
    place = st.session_state[key].place
    if place:
        move_to(scene, *Frame(scene.world.bounds).metres(*place))


def one(scene: Scene, name: str, truth: bool) -> npt.NDArray[np.float32]:
    """A surface as a picture, with its best place; returns its values."""
    values, took = computed(scene, name)
    free = known_free(scene)
    frame = Frame(scene.world.bounds)
    st.markdown(f"**{name}**: {SURFACES[name].words}")
    if not free.any():
        st.info("No cell is known to be free yet: take a scan first.")
        return values
    top = float(values[free].max())
    at = np.unravel_index(np.where(free, values, -1.0).argmax(), values.shape)
    best = scene.belief.cell_to_world(at)
    overlays = [walls(segments(*scene.world_key), frame)] if truth else []
    trail = [p[:2] for p in scene.scans]
    overlays += [path(trail, frame, width=2.0), robot(scene.pose, frame), star(best, frame)]
    pixels = surface(values, scene.belief, top, free, scene.prior)
    words = f"{name} over the map; the best place is {best[0]:.1f}, {best[1]:.1f} m"
    key = f"surface_{name}"
    draw(draw_map(pixels, frame, overlays, words), key=key, on_place=lambda: clicked(scene, key))
    i, j = scene.belief.world_to_cell(scene.pose[:2])
    st.altair_chart(legend(top), key=f"{key}_legend", alt=f"Colours from 0 to {top:.3g} bit")
    st.caption(
        f"Best ★ {top:.1f} bit at ({best[0]:.1f}, {best[1]:.1f}) m; at the robot "
        f"{float(values[i, j]):.1f} bit. {values.size:,} places × {scene.sensor.n_beams} beams in "
        f"{took:.0f} ms."
    )
    return values


def show(scene: Scene) -> None:
    """The tab."""
    chapter(
        "Where should the robot look from?",
        "The information of a scan from **every** free place at once. The star is the best one; "
        "click to move the robot. Bright regions overlook the unknown.",
    )
    names = st.pills(
        "Measures", list(SURFACES), selection_mode="multi", default=["FSMI", "each cell once"],
        key="surfaces", **SHARED,
    )  # fmt: skip
    truth = st.toggle("Show the true walls", key="surface_truth", **SHARED)
    if not names:
        st.info("Choose a measure.")
        return
    maps = {}
    columns = st.columns(min(2, len(names)), gap="large")
    for k, name in enumerate(names):
        with columns[k % len(columns)]:
            maps[name] = one(scene, name, truth)
    free = known_free(scene)
    if len(maps) > 1 and free.sum() > 2:
        agreement(maps, free)
    sources(
        "Zhang, Henderson, Karaman & Sze (2019), *FSMI*. The sweep along digital lines that "
        "computes the whole map at once is this project's own."
    )


def agreement(maps: dict[str, npt.NDArray[np.float32]], free: npt.NDArray[np.bool_]) -> None:
    """Rank correlation of the measures over the free cells: do they send the robot the same way?"""
    names = list(maps)
    stacked = np.stack([maps[n][free] for n in names], axis=1)
    if (np.ptp(stacked, axis=0) == 0).any():
        return
    ranks = np.atleast_2d(spearmanr(stacked).statistic)
    if ranks.shape == (1, 1):  # scipy gives a number for two measures
        ranks = np.array([[1.0, ranks[0, 0]], [ranks[0, 0], 1.0]])
    st.markdown("**Do they agree?** Rank correlation over the free cells")
    st.altair_chart(
        table(ranks, names, names, title="Spearman", row_title="", column_title=""),
        key="surface_ranks", alt="Rank correlations between the measures",
    )  # fmt: skip
