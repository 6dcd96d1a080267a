"""Uploaded worlds for the FSMI explorer: ROS map_server maps (YAML and image) and GeoJSON plans.

Files are written under names of our own into a folder that is gone when the map has been read;
the names that came with an upload are shown and never used as paths.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st
import yaml
from PIL import Image
from ui import plain

from fsmi import load_map
from fsmi.sim.worlds import World, load_world

MEGABYTES, MOST_CELLS = 10, 4_000_000
IMAGES = ("pgm", "png", "bmp", "jpg", "jpeg")
UPLOAD = "upload"
# A picture that claims far more pixels than any map: an error, or only a warning by its size.
BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


class UploadError(ValueError):
    """What is wrong with an upload, in one line for the visitor."""


@st.cache_resource(max_entries=6, show_spinner="Reading the map …")
def read(parts: tuple[tuple[str, bytes], ...]) -> World:
    """The world in an upload: (ending, content) of each file."""
    files = dict(parts)
    with tempfile.TemporaryDirectory() as folder:
        try:
            if "geojson" in files:
                path = Path(folder, "plan.geojson")
                path.write_bytes(files["geojson"])
                return load_world(path)
            return World.from_grid(load_map(lay_out(files, Path(folder))))
        except (ValueError, TypeError, OSError) as error:
            raise UploadError(str(error).replace(f"{folder}/", "")) from None


def lay_out(files: dict[str, bytes], folder: Path) -> Path:
    """Write a map_server pair with names of our own; returns the path of the YAML file."""
    image = next((e for e in IMAGES if e in files), None)
    header = files.get("yaml", files.get("yml"))
    if image is None or header is None:
        raise UploadError("a map_server map needs two files: the YAML and its image")
    try:
        with Image.open(io.BytesIO(files[image])) as picture:
            cells = picture.width * picture.height
    except (OSError, *BOMBS) as error:
        raise UploadError(f"the image cannot be read: {error}") from None
    if cells > MOST_CELLS:
        raise UploadError(f"{cells:,} cells; this page takes up to {MOST_CELLS:,}")
    try:
        fields: Any = yaml.safe_load(header)
    except yaml.YAMLError as error:
        raise UploadError(f"not a YAML file: {str(error).splitlines()[0]}") from None
    if not isinstance(fields, dict):
        raise UploadError("the YAML file holds no map: need image, resolution, origin")
    fields["image"] = f"map.{image}"
    (folder / fields["image"]).write_bytes(files[image])
    path = folder / "map.yaml"
    path.write_text(yaml.safe_dump(fields))
    return path


def choose() -> World | None:
    """Widget of the upload; the world, or None while there is none."""
    sent = st.file_uploader(
        "Map (.yaml and image) or plan (.geojson)", key="robot_files",
        type=["yaml", "yml", *IMAGES, "geojson"], accept_multiple_files=True,
        max_upload_size=MEGABYTES,
        help=f"ROS map_server: send both files together. Up to {MEGABYTES} MB and "
        f"{MOST_CELLS:,} cells. Unknown cells become walls.",
    )  # fmt: skip
    if not sent:
        st.info("Send a map to go on.", icon=":material/upload_file:")
        return None
    parts = tuple(sorted((ending(f.name), f.getvalue()) for f in sent))
    try:
        found = read(parts)
    except UploadError as error:
        st.error(f"This map cannot be used: {plain(error, 300)}", icon=":material/error:")
        return None
    # Where the other tabs and the caches find it again: its name is its content.
    st.session_state.robot_world = (digest(parts), found)
    return found


def ending(name: str) -> str:
    """The last part of a file name, as a key only."""
    return name.lower().rsplit(".", 1)[-1]


def digest(parts: Sequence[tuple[str, bytes]]) -> str:
    """A name for an upload that only its content decides."""
    state = hashlib.sha256()
    for kind, content in parts:
        state.update(f"{kind} {len(content)} ".encode())
        state.update(content)
    return f"{UPLOAD} {state.hexdigest()[:16]}"
