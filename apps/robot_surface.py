"""Tab: the information of a scan from every place of the map, for several measures."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import streamlit as st
from charts import legend, table
from drawing import draw
from maps import Frame, draw_map, path, robot, star, surface, walls
from robot_scan import move_to
from robot_state import Scene, segments
from scipy.ndimage import distance_transform_edt
from scipy.stats import spearmanr
from ui import SHARED, chapter, kernel_lock, progress_bar, remembered, sources

from fsmi import OccupancyGrid, mi_map, scan_mi


@dataclass(frozen=True)
class Surface:
    """A measure of the map: how to ask for it, what it means, how many places it is asked for.

    `places` is None where the whole map is computed at once; `noisy` is the number of places
    with range noise, where that is the slow case.
    """

    words: str
    measure: str
    joint: bool = False
    places: int | None = None
    noisy: int | None = None
    unit: str = "bit"


SURFACES = {
    "FSMI": Surface("sum over the beams, noise cut off beyond 3σ, Zhang et al. (2019)",
                    "approx_fsmi"),
    "each cell once": Surface("the same, but a cell counts once however many beams cross it",
                              "approx_fsmi", joint=True),
    "Shannon": Surface("entropy of the ranges of a noise-free sensor, summed over beams",
                       "shannon"),
    "exact FSMI": Surface("theorem 1 of Zhang et al. (2019), no noise cut off", "fsmi"),
    "uniform FSMI": Surface("range noise taken as uniform", "uniform_fsmi"),
    "CSQMI": Surface("Cauchy-Schwarz quadratic information, Charrow et al. (2015)", "csqmi",
                     places=250),
    "approx. CSQMI": Surface("the same, cut off beyond 3σ", "approx_csqmi", places=250),
    "FCMI": Surface("continuous occupancy, Henderson et al. (2020): only its ranking has a "
                    "meaning", "fcmi", places=120, unit="bit m rad"),
    "numerical": Surface("quadrature over the reading, Julian et al. (2014): the slow reference",
                         "numerical", places=60, noisy=12),
}  # fmt: skip
GROUP = 12  # places after which other visitors get their turn


@dataclass(frozen=True)
class Computed:
    """A surface (H, W), nan where it was not asked for, and the milliseconds it took."""

    values: npt.NDArray[np.float32]
    took: float
    places: int


def chosen_places(free: npt.NDArray[np.bool_], most: int) -> npt.NDArray[np.bool_]:
    """At most so many of the free cells, evenly spread: the finest lattice that has as few."""
    rows, columns = np.indices(free.shape)
    for step in range(1, max(free.shape) + 1):
        some = free & (rows % step == step // 2) & (columns % step == step // 2)
        if free.sum() <= most * step * step and 0 < some.sum() <= most:
            return np.asarray(some)
    alone = np.zeros_like(free)
    alone[tuple(np.argwhere(free)[0])] = True
    return alone


def without_place(scene: Scene) -> Scene:
    """The scene with the robot at the origin: a surface does not change when the robot moves."""
    return replace(scene, pose=(0.0, 0.0, scene.pose[2]))


@remembered(lambda scene, name: (repr(without_place(scene)), name), most=48)
def computed(scene: Scene, name: str) -> Computed:
    """One surface; measures without a sweep are asked for at some of the free cells."""
    what, sensor, grid = SURFACES[name], scene.sensor, scene.belief
    if what.joint:
        sensor = replace(sensor, count_no_hit=True)
    small = OccupancyGrid.unknown(1.0, 1.0, 0.25)
    with kernel_lock():
        # Compiling on first use is no part of the time that the page shows.
        mi_map(small, sensor, measure=what.measure, joint=what.joint)
    if what.places is not None:
        most = what.noisy if what.noisy and sensor.sigma > 0 else what.places
        return at_places(scene, what, most)
    with kernel_lock():
        begin = time.perf_counter()
        values = mi_map(grid, sensor, measure=what.measure, joint=what.joint, theta=scene.pose[2])
        return Computed(values, 1e3 * (time.perf_counter() - begin), values.size)


def at_places(scene: Scene, what: Surface, most: int) -> Computed:
    """A surface at a few free cells, a dozen at a time."""
    grid, free = scene.belief, known_free(scene)
    values = np.full(grid.shape, np.nan, dtype=np.float32)
    if not free.any():
        return Computed(values, 0.0, 0)
    cells = np.argwhere(chosen_places(free, most))
    poses = np.column_stack((grid.cell_to_world(cells), np.full(len(cells), scene.pose[2])))
    took = 0.0
    with progress_bar(f"Computing {what.measure}") as report:
        for first in range(0, len(cells), GROUP):
            part = slice(first, first + GROUP)
            report(first / len(cells), f"{first} of {len(cells)} places")
            with kernel_lock():
                begin = time.perf_counter()
                values[tuple(cells[part].T)] = scan_mi(
                    grid, poses[part], scene.sensor, measure=what.measure
                )
                took += 1e3 * (time.perf_counter() - begin)
    return Computed(values, took, len(cells))


def filled(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The surface with every gap given the value of the nearest place that has one."""
    gaps = np.isnan(values)
    if not gaps.any() or gaps.all():
        return values
    nearest = distance_transform_edt(gaps, return_distances=False, return_indices=True)
    return np.asarray(values[tuple(nearest)])


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
    st.markdown(f"**{name}**: {SURFACES[name].words}")
    free = known_free(scene)
    if not free.any():
        st.info("No cell is known to be free yet: take a scan first.")
        return np.full(free.shape, np.nan, dtype=np.float32)
    found, frame, unit = computed(scene, name), Frame(scene.world.bounds), SURFACES[name].unit
    asked = np.where(free, found.values, np.float32(np.nan))
    values = filled(asked)
    top = float(np.nanmax(asked))
    at = np.unravel_index(int(np.nanargmax(asked)), asked.shape)
    best = scene.belief.cell_to_world(at)
    overlays = [walls(segments(*scene.world_key), frame)] if truth else []
    trail = [p[:2] for p in scene.scans]
    overlays += [path(trail, frame, width=2.0), robot(scene.pose, frame), star(best, frame)]
    pixels = surface(values, scene.belief, top, free, scene.prior)
    words = f"{name} over the map; the best place is {best[0]:.1f}, {best[1]:.1f} m"
    key = f"surface_{name}"
    draw(draw_map(pixels, frame, overlays, words), key=key, on_place=lambda: clicked(scene, key))
    i, j = scene.belief.world_to_cell(scene.pose[:2])
    st.altair_chart(
        legend(top, unit=unit), key=f"{key}_legend", alt=f"Colours from 0 to {top:.3g} {unit}"
    )
    sparse = (
        f" {found.places} places, the rest as the nearest." if found.places < free.sum() else ""
    )
    st.caption(
        f"Best ★ {top:.1f} {unit} at ({best[0]:.1f}, {best[1]:.1f}) m; at the robot "
        f"{float(values[i, j]):.1f}. {found.places:,} places × {scene.sensor.n_beams} beams in "
        f"{found.took:.0f} ms.{sparse}"
    )
    return asked


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
    wide = min(3, len(names))
    for first in range(0, len(names), wide):  # row by row, so that the maps stand side by side
        for column, name in zip(st.columns(wide, gap="medium"), names[first:], strict=False):
            with column:
                maps[name] = one(scene, name, truth)
    if len(maps) > 1:
        agreement(maps)
    sources(
        "Zhang, Henderson, Karaman & Sze (2019), *FSMI*. The sweep along digital lines that "
        "computes the whole map at once is this project's own; CSQMI, FCMI and the quadrature are "
        "asked for place by place. Julian, Karaman & Rus (2014); Charrow et al. (2015); Henderson, "
        "Sze & Karaman (2020)."
    )


def agreement(maps: dict[str, npt.NDArray[np.float32]]) -> None:
    """Rank correlation of each two measures where both are known: do they send the robot the same
    way?"""
    names = list(maps)
    ranks = np.eye(len(names))
    for i, j in itertools.combinations(range(len(names)), 2):
        first, second = maps[names[i]], maps[names[j]]
        both = np.isfinite(first) & np.isfinite(second)
        if both.sum() < 3 or np.ptp(first[both]) == 0 or np.ptp(second[both]) == 0:
            ranks[i, j] = ranks[j, i] = np.nan
            continue
        ranks[i, j] = ranks[j, i] = spearmanr(first[both], second[both]).statistic
    st.markdown("**Do they agree?** Rank correlation over the places that both were asked for")
    st.altair_chart(
        table(ranks, names, names, title="Spearman", row_title="", column_title="",
              number_format=".2f"),
        key="surface_ranks", alt="Rank correlations between the measures",
    )  # fmt: skip
