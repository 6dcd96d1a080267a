"""Files that a visitor can take away from an exploration: film, map, record."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from pathlib import Path

import streamlit as st
from robot_runs import Run
from robot_state import Scene
from ui import kernel_lock, progress_bar

from fsmi import save_map
from fsmi.planning.explorer import Explorer
from fsmi.sim.pictures import Film

FRAMES = 50


def film(scene: Scene, one: Run, radius: float) -> bytes:
    """The run as a GIF: map, information surface, path, entropy."""
    explorer = Explorer(scene.sensor, robot_radius=radius, strategy=one.strategy)
    reel = Film(scene.sensor, explorer.knowledge, frames=FRAMES)
    for step in one.steps:
        reel.add(step)
    with tempfile.TemporaryDirectory() as folder, progress_bar("Drawing the film") as report:
        path = Path(folder, "run.gif")
        with kernel_lock():
            reel.save(path, progress=report)
        return path.read_bytes()


def map_archive(one: Run) -> bytes:
    """The final map as map_server writes it, both files in a zip."""
    buffer = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        save_map(one.last.grid, Path(folder, "map.yaml"))
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(Path(folder).iterdir()):
                archive.write(path, path.name)
    return buffer.getvalue()


def record(scene: Scene, found: list[Run]) -> str:
    """Every step of every run as JSON."""
    return json.dumps(
        {
            "world": {"kind": scene.world_key[0], "seed": scene.world_key[1]},
            "resolution": scene.resolution,
            "runs": {r.strategy: [s.to_dict() for s in r.steps] for r in found},
        },
        indent=1,
    )


def downloads(scene: Scene, found: list[Run], radius: float) -> None:
    """The buttons; the film is made when it is asked for."""
    stamp = tuple((r.strategy, len(r.steps)) for r in found)
    with st.container(horizontal=True):
        st.download_button(
            "Record (JSON)", record(scene, found), "exploration.json", "application/json",
            key="explore_json", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            "Map (map_server)", map_archive(found[0]), "map.zip", "application/zip",
            key="explore_map_zip", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        kept = st.session_state.get("explore_film")
        if kept is not None and kept[0] == stamp:
            st.download_button(
                "Film (GIF)", kept[1], "exploration.gif", "image/gif", key="explore_gif",
                icon=":material/download:", on_click="ignore",
            )  # fmt: skip
        elif st.button("Make a film", key="explore_film_make", icon=":material/movie:"):
            st.session_state.explore_film = (stamp, film(scene, found[0], radius))
            st.rerun()
    if kept is not None and kept[0] == stamp:
        st.image(kept[1], alt="Film of the exploration: map, information surface and path")
