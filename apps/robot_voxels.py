"""Tab: the floor plan with walls of some height, seen by a 3-D lidar into a voxel map."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import robot_flight
import streamlit as st
from charts import curve
from cubes import draw_cubes
from drawing import draw
from robot_state import Pose, Scene, cached
from ui import SHARED, chapter, kernel_lock, metrics, sources

from fsmi import (
    SpinningLidar,
    VoxelMap,
    save_octomap,
    scan_mi_3d,
    simulate_ranges_3d,
    update_3d,
)

WALL_HEIGHT, MOST_COLUMNS = 2.4, 60


def voxel(scene: Scene) -> float:
    """Side of a voxel [m]: coarse enough for a drawing."""
    x0, y0, x1, y1 = scene.world.bounds
    return max(0.3, math.ceil(max(x1 - x0, y1 - y0) / MOST_COLUMNS * 20) / 20)


@cached()
def truth(scene: Scene) -> npt.NDArray[np.float32]:
    """The world in voxels (D, H, W), 1 solid, 0 free; the frame starts at its lowest corner."""
    side = voxel(scene)
    plan = scene.world.truth(side).occupancy
    return np.repeat(plan[None], max(2, round(WALL_HEIGHT / side)), axis=0)


def lidar_of(scene: Scene, rings: int, opening: float) -> SpinningLidar:
    """A spinning lidar with the range and the model of the planar one."""
    flat, half = scene.sensor, math.radians(opening) / 2
    return SpinningLidar(
        n_rings=rings, n_azimuth=min(180, flat.n_beams), elevation=(-half, half), fov=flat.fov,
        max_range=flat.max_range, delta_occ=flat.delta_occ, delta_emp=flat.delta_emp,
        count_no_hit=flat.count_no_hit,
    )  # fmt: skip


def local(scene: Scene, pose: Pose, z: float) -> tuple[float, float, float, float]:
    """A pose in the frame of the voxels: (x, y, z, yaw)."""
    x0, y0, _, _ = scene.world.bounds
    return (pose[0] - x0, pose[1] - y0, z, pose[2])


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs={Scene: repr})
def mapped(scene: Scene, rings: int, opening: float, z: float) -> VoxelMap:
    """The voxel map after the scans taken so far, each from the height z."""
    solid, side = truth(scene), voxel(scene)
    depth, height, width = solid.shape
    lidar = lidar_of(scene, rings, opening)
    with kernel_lock():
        world = VoxelMap.from_dense(solid, side)
        known = VoxelMap.unknown((0, 0, 0, width * side, height * side, depth * side), side)
        for pose in scene.scans:
            at = local(scene, pose, z)
            known = update_3d(known, at, simulate_ranges_3d(world, [at], lidar)[0], lidar)
    return known


@cached()
def by_height(scene: Scene, rings: int, opening: float, z: float) -> npt.NDArray[np.float64]:
    """Information of a scan at the robot's place from several heights: (n, 2) [m, bit]."""
    side, layers = voxel(scene), truth(scene).shape[0]
    heights = (np.arange(layers) + 0.5) * side
    known = mapped(scene, rings, opening, z)
    with kernel_lock():
        bits = scan_mi_3d(
            known, [local(scene, scene.pose, h) for h in heights], lidar_of(scene, rings, opening),
            joint=True, prior=scene.prior,
        )  # fmt: skip
    return np.stack((heights, bits), axis=-1)


def archive(known: VoxelMap) -> bytes:
    """The map as an OctoMap file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "map.bt")
        save_octomap(known, path)
        return path.read_bytes()


def show(scene: Scene) -> None:
    """The tab."""
    part = st.segmented_control(
        "Show", ["Scans of the robot", "A flight"], default="Scans of the robot", required=True,
        key="voxel_part", label_visibility="collapsed", **SHARED,
    )  # fmt: skip
    if part == "A flight":
        robot_flight.show(scene)
    else:
        scanned(scene)


def scanned(scene: Scene) -> None:
    """The floor plan, seen by a lidar with rings from where the robot stood."""
    chapter(
        "The same in three dimensions",
        f"The walls are {WALL_HEIGHT:g} m high, the lidar has several rings, the map is an octree. "
        "The scans are those of *One scan*; take more of them there and come back.",
    )
    # The planar map is not used here, nor is its noise.
    scene = replace(scene, sensor=replace(scene.sensor, sigma=0.0))
    left, right = st.columns([3, 2], gap="large")
    with right:
        rings = st.slider("Rings of the lidar", 1, 32, 12, key="rings", **SHARED)
        opening = st.slider("Vertical field of view [°]", 4, 120, 40, 2, key="opening", **SHARED)
        z = st.slider("Height of the lidar [m]", 0.2, 2.2, 1.0, 0.1, key="mast", **SHARED)
        turn = st.slider("Turn the view [°]", -180, 180, 25, 5, key="turn", **SHARED)
    known = mapped(scene, rings, opening, z)
    solid = known.to_dense(prior=0.0) > 0.5
    side = voxel(scene)
    marks = [tuple(np.array(local(scene, p, z)[:3]) / side) for p in (*scene.scans, scene.pose)]
    with left:
        draw(
            draw_cubes(
                solid, math.radians(turn), marks,
                f"{int(solid.sum())} solid voxels that the lidar has seen, from above",
            ),
            key="voxels",
        )  # fmt: skip
        st.caption(
            f"Solid voxels seen, dark below, bright above; orange the lidar at its places. "
            f"{known.shape[0]} x {known.shape[1]} x {known.shape[2]} voxels of {side:g} m, "
            f"{known.n_leaves:,} leaves, {known.nbytes / 1024:.0f} kB."
        )
        st.download_button(
            "Map (OctoMap .bt)", archive(known), "map.bt", "application/octet-stream",
            key="voxels_bt", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
    with right:
        heights = by_height(scene, rings, opening, z)
        best = heights[heights[:, 1].argmax()]
        unknown = round(known.entropy(prior=scene.prior))
        metrics(
            {"unknown [bit]": unknown, "promise [bit]": float(best[1]),
             "at height [m]": float(best[0])}
        )  # fmt: skip
        st.altair_chart(
            curve(heights[:, 0], heights[:, 1], x_title="height of the next scan [m]",
                  y_title="information [bit]"),
            key="voxels_heights",
            alt=f"Information of the next scan over its height, most at {best[0]:.1f} m",
        )  # fmt: skip
    sources("Hornung et al. (2013) for the octree and its file format; runs of equal voxels are "
            "measured as one, Zhang et al. (2019), section V.")  # fmt: skip
