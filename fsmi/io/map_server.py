"""Maps of ROS map_server: a YAML file that names an image (PGM, PNG, ...), read and written.

The rules are those of Nav2's map server. With p the darkness of a pixel (1 - gray/255, or gray/255
with `negate`), mode trinary says occupied where p >= occupied_thresh, free where p <= free_thresh
(free wins a tie), unknown elsewhere; scale puts the values in between on 0..100 per cent; raw
takes the gray value as the ROS code. The first row of the image is the top of the map.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fsmi.grid import ROS_UNKNOWN, OccupancyGrid

MODES = ("trinary", "scale", "raw")
FREE_GRAY, UNKNOWN_GRAY, OCCUPIED_GRAY = 254, 205, 0
FREE_THRESH, OCCUPIED_THRESH = 0.196, 0.65
MAX_PIXELS = 400_000_000  # 20 000 x 20 000: larger images are refused before memory is spent
INSTALL = 'reading maps needs Pillow and PyYAML; run: pip install "privfunnel-fsmi[fsmi]"'


@final
@dataclass(frozen=True)
class MapHeader:
    """The YAML file of a map, checked.

    Attributes
    ----------
    image : Path
        The image, relative paths resolved against the YAML file.
    resolution : float
        Side of a pixel [m].
    origin : (x, y, yaw)
        Pose of the lower-left corner [m, m, rad].
    occupied_thresh, free_thresh : float
        Thresholds on the darkness p.
    negate : bool
        Whether white is occupied.
    mode : str
        One of `MODES`.
    """

    image: Path
    resolution: float
    origin: tuple[float, float, float]
    occupied_thresh: float
    free_thresh: float
    negate: bool
    mode: str


def _number(path: Path, fields: dict[str, Any], key: str, default: float | None = None) -> float:
    value = fields.get(key, default)
    if value is None:
        raise ValueError(
            f"{path}: the key {key!r} is missing; a map needs image, resolution, origin"
        )
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{path}: {key} is {value!r}; need a finite number")
    return float(value)


def read_header(path: str | os.PathLike[str]) -> MapHeader:
    """The checked header of the map_server YAML file at `path`.

    Raises
    ------
    ValueError
        If a key is missing or out of range, or the image does not exist; the message names it.
    """
    try:
        import yaml
    except ImportError as error:
        raise ImportError(INSTALL) from error
    path = Path(path)
    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a YAML file: {str(error).splitlines()[0]}") from error
    if not isinstance(fields, dict):
        raise ValueError(f"{path} holds no map: need keys image, resolution, origin")
    resolution = _number(path, fields, "resolution")
    if resolution <= 0.0:
        raise ValueError(f"{path}: resolution is {resolution:g}; need a positive number of metres")
    image = path.parent / str(fields.get("image", ""))
    if not image.is_file():
        raise ValueError(f"{path}: the image {fields.get('image')!r} does not exist next to it")
    mode = str(fields.get("mode", "trinary"))
    if mode not in MODES:
        raise ValueError(f"{path}: mode is {mode!r}; one of {', '.join(MODES)}")
    free = _number(path, fields, "free_thresh", FREE_THRESH)
    occupied = _number(path, fields, "occupied_thresh", OCCUPIED_THRESH)
    if not 0.0 <= free < occupied <= 1.0:
        raise ValueError(
            f"{path}: free_thresh {free:g} and occupied_thresh {occupied:g}; need"
            " 0 <= free_thresh < occupied_thresh <= 1"
        )
    negate = bool(_number(path, fields, "negate", 0))
    return MapHeader(image, resolution, _origin(path, fields), occupied, free, negate, mode)


def _origin(path: Path, fields: dict[str, Any]) -> tuple[float, float, float]:
    origin = fields.get("origin")
    if not isinstance(origin, list) or len(origin) not in (2, 3):
        raise ValueError(f"{path}: origin is {origin!r}; need [x, y, yaw]")
    named = dict(zip(("origin x", "origin y", "origin yaw"), origin, strict=False))
    x, y, yaw = (_number(path, named, f"origin {axis}", 0.0) for axis in ("x", "y", "yaw"))
    return x, y, yaw


def _gray_and_alpha(path: Path) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8] | None]:
    """8-bit gray values and, if the image has one, its alpha channel; (H, W) each."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(INSTALL) from error
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(
                    f"{path} has {image.width} x {image.height} pixels; at most"
                    f" {MAX_PIXELS // 1_000_000} million are read"
                )
            if image.mode in ("LA", "RGBA", "PA"):
                whole = np.asarray(image.convert("RGBA"))
                return np.asarray(image.convert("RGB").convert("L")), whole[..., 3]
            if image.mode.startswith("I"):
                # 16 bits: 257 takes 65535 to 255. Pillow's own conversion would clip at 255.
                wide = np.asarray(image).astype(np.int64)
                return np.asarray(np.clip(wide // 257, 0, 255).astype(np.uint8)), None
            return np.asarray(image.convert("L")), None
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} is not an image that can be read: {error}") from error


def _codes(
    gray: npt.NDArray[np.uint8], alpha: npt.NDArray[np.uint8] | None, header: MapHeader
) -> npt.NDArray[np.int8]:
    """ROS code of each pixel, through a table of the 256 gray values."""
    level = np.arange(256)
    if header.mode == "raw":
        table = np.where(level <= 100, level, ROS_UNKNOWN)
        return np.asarray(table.astype(np.int8)[gray])
    p = level / 255.0 if header.negate else 1.0 - level / 255.0
    between = np.full(256, float(ROS_UNKNOWN))
    if header.mode == "scale":
        span = header.occupied_thresh - header.free_thresh
        between = np.rint(100.0 * (p - header.free_thresh) / span)
    table = np.where(p >= header.occupied_thresh, 100.0, between)
    table = np.where(p <= header.free_thresh, 0.0, table)
    codes = table.astype(np.int8)[gray]
    if alpha is not None:
        codes[alpha < 255] = ROS_UNKNOWN
    return np.asarray(codes)


def load_map(path: str | os.PathLike[str]) -> OccupancyGrid:
    """The map of a map_server YAML file, as int8 cells in ROS coding.

    Parameters
    ----------
    path : path
        The YAML file; its image lies relative to it.

    Returns
    -------
    OccupancyGrid

    Raises
    ------
    ValueError
        If the YAML file or the image is not what map_server allows; the message names the value.
    """
    header = read_header(path)
    gray, alpha = _gray_and_alpha(header.image)
    codes = np.ascontiguousarray(_codes(gray, alpha, header)[::-1])
    return OccupancyGrid(codes, header.resolution, header.origin)


def _gray_of(grid: OccupancyGrid, mode: str) -> npt.NDArray[np.uint8]:
    codes = grid.to_ros().reshape(grid.shape).astype(np.int16)
    if mode == "raw":
        return np.asarray(np.where(codes == ROS_UNKNOWN, 255, codes).astype(np.uint8))
    p = codes / 100.0
    if mode == "trinary":
        gray = np.where(p >= OCCUPIED_THRESH, OCCUPIED_GRAY, UNKNOWN_GRAY)
        gray = np.where(p <= FREE_THRESH, FREE_GRAY, gray)
    else:
        # The inverse of the reader: darkness such that rounding gives the same per cent.
        darkness = FREE_THRESH + p * (OCCUPIED_THRESH - FREE_THRESH)
        gray = np.rint(255.0 * (1.0 - darkness))
    gray = np.where(codes == ROS_UNKNOWN, UNKNOWN_GRAY, gray)
    return np.asarray(gray.astype(np.uint8))


def save_map(
    grid: OccupancyGrid, path: str | os.PathLike[str], *, mode: str = "trinary", image: str = "pgm"
) -> None:
    """Write `grid` as a map_server YAML file at `path` and an image next to it.

    Parameters
    ----------
    grid : OccupancyGrid
        The map.
    path : path
        The YAML file; the image gets the same name with the ending `image`.
    mode : str
        "trinary" (free, occupied, unknown), "scale" (every per cent; unknown is a transparent
        pixel, so `image` must be png) or "raw" (the ROS codes themselves).
    image : str
        "pgm" or "png".
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(INSTALL) from error
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}; one of {', '.join(MODES)}")
    if image not in ("pgm", "png") or (mode == "scale" and image != "png"):
        raise ValueError(f"image is {image!r}; need pgm or png, and png for mode scale")
    path = Path(path)
    gray = _gray_of(grid, mode)[::-1]
    picture = Image.fromarray(np.ascontiguousarray(gray))
    if mode == "scale":
        known = grid.to_ros().reshape(grid.shape)[::-1] != ROS_UNKNOWN
        picture.putalpha(Image.fromarray((known * np.uint8(255)).astype(np.uint8)))
    target = path.with_suffix(f".{image}")
    x, y, yaw = grid.origin
    header = (
        f"image: {target.name}\nmode: {mode}\nresolution: {grid.resolution!r}\n"
        f"origin: [{x!r}, {y!r}, {yaw!r}]\nnegate: 0\n"
        f"occupied_thresh: {OCCUPIED_THRESH}\nfree_thresh: {FREE_THRESH}\n"
    )
    # Both under temporary names first: a full disk leaves no half map behind.
    parts = [target.with_name(f".{target.name}.part"), path.with_name(f".{path.name}.part")]
    try:
        picture.save(parts[0], format="PNG" if image == "png" else "PPM")
        parts[1].write_text(header, encoding="utf-8")
        parts[0].replace(target)
        parts[1].replace(path)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
