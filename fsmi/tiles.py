"""Maps larger than memory: the sweep of `mi_map` tile by tile, on Dask arrays and zarr stores.

A scan of finite range sees a bounded part of the map, so the surface of a tile needs the tile and
a halo of ``ceil(range / resolution) + 1`` cells around it. The digital lines of a tile must be
those of the whole map, so its position enters their pattern (`fsmi._lines.fill_lines`); then
tiled and whole differ by the rounding of sums taken in another order, and by nothing else.

A tile is one task and runs on one thread. Dask already runs a task on every core; threads inside
the tasks would compete with those for the same cores, and every one of them holds a surface of
its own.
"""

from __future__ import annotations

import itertools
import math
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fsmi.grid import OccupancyGrid
from fsmi.sensor import RangeSensor
from fsmi.surface import SWEEP_MEASURES, check_surface_options, check_sweep, sweep_angles

Map = npt.NDArray[Any]
Progress = Callable[[float, str], None]
Edges = tuple[tuple[int, ...], tuple[int, ...]]

TILED_MEASURES = tuple(name for name in SWEEP_MEASURES if name != "fcmi")
INSTALL = 'maps in tiles need Dask and zarr: pip install "privfunnel-fsmi[scale]"'
LEAST_TILE = 1024  # cells a side: small enough for a worker, large enough to dwarf its overhead
HALOS = 4  # halos a tile is long: the halo then makes the work (1 + 2 / 4)^2 = 2.25 times as large


def mi_map_tiled(
    cells: Any,
    sensor: RangeSensor,
    *,
    resolution: float,
    measure: str = "approx_fsmi",
    joint: bool = False,
    base: float = 2,
    theta: float = 0.0,
    dtype: npt.DTypeLike = np.float32,
    tile: int | None = None,
) -> Any:
    """`mi_map` of a map that need not fit into memory: a lazy Dask array (H, W) [bit].

    Nothing is computed before the result is asked for (``.compute()``, ``.to_zarr()``, a slice);
    a slice computes the tiles that it touches. `write_mi_map` goes from store to store.

    Parameters
    ----------
    cells : Dask array, zarr array, memory map or other array (H, W)
        Occupancy as in `OccupancyGrid`: floats in [0, 1] or integers in ROS coding, row 0 at the
        smallest y. Checked tile by tile, when it is computed.
    sensor : RangeSensor
        Its `max_range` must be shorter than the longer side of the map.
    resolution : float
        Side of a cell [m].
    measure, joint, base, dtype
        As for `mi_map`; a measure of `TILED_MEASURES` (FCMI has no finite range).
    theta : float
        Heading of the sensor [rad] in the frame of the grid: less the yaw of the map's origin.
    tile : int, optional
        Side of a tile [cells]; at least the halo. By default four halos, 1024 at least, rounded
        up to whole chunks of `cells` where these are smaller. A tile with its halo needs some 70
        bytes a cell while it is computed.

    Returns
    -------
    Dask array (H, W)
        Chunked in tiles; equal to `mi_map` of the whole map to rounding.

    Raises
    ------
    ImportError
        Without Dask.
    ValueError, TypeError
        For bad options now; for bad cells when their tile is computed, naming its rows and columns.
    """
    da = _dask_array()
    halo, side = _checked(cells, sensor, resolution, measure, joint, base, theta, dtype, tile)
    edges = _tiles(cells.shape[0], side[0], halo), _tiles(cells.shape[1], side[1], halo)
    chunks = tuple(tuple(np.diff(ends).tolist()) for ends in edges)
    if not hasattr(cells, "dask"):
        cells = da.from_array(cells, chunks=chunks)
    return da.map_overlap(
        _tile_surface,
        cells.rechunk(chunks),
        # One tile along an axis has no neighbour to take a halo from.
        depth={axis: halo if len(chunks[axis]) > 1 else 0 for axis in (0, 1)},
        boundary="none",
        dtype=np.dtype(dtype),
        meta=np.empty((0, 0), dtype=dtype),
        sensor=sensor,
        options={
            "measure": measure, "joint": joint, "resolution": float(resolution), "dtype": dtype,
        },
        theta=float(theta),
        base=float(base),
        edges=edges,
        halo=halo,
    )  # fmt: skip


def write_mi_map(
    source: Any,
    target: str | Path,
    sensor: RangeSensor,
    *,
    resolution: float,
    measure: str = "approx_fsmi",
    joint: bool = False,
    base: float = 2,
    theta: float = 0.0,
    dtype: npt.DTypeLike = np.float32,
    tile: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Any:
    """Compute `mi_map_tiled` of `source` and write it to a new zarr store; returns its array.

    Runs on whatever scheduler Dask is set to (threads, or a `distributed` client), a few tiles a
    core at a time, so that memory stays bounded. The store appears under its name when it is
    complete.

    Parameters
    ----------
    source : path of a zarr store, or any `cells` of `mi_map_tiled`
        The map.
    target : path
        Folder of the new store, chunked like the source where the tiles allow. Its attributes
        hold the resolution, the measure, `joint` and the base.
    overwrite : bool
        Replace an existing `target`; without it, ValueError.
    progress : callable, optional
        Called with a fraction and a text after every group of tiles.

    Other parameters as for `mi_map_tiled`.
    """
    _dask_array()
    import dask
    import zarr

    target = Path(target)
    if target.exists() and not overwrite:
        raise ValueError(f"target {target} exists; name another folder or pass overwrite=True")
    if isinstance(source, str | Path):
        if not Path(source).is_dir():
            raise ValueError(f"source {source} is no folder; need a zarr store with one array")
        source = zarr.open_array(str(source), mode="r")
    surface = mi_map_tiled(
        source, sensor, resolution=resolution, measure=measure, joint=joint, base=base,
        theta=theta, dtype=dtype, tile=tile,
    )  # fmt: skip
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        zarr.create_array(
            str(partial), shape=surface.shape, dtype=surface.dtype,
            chunks=_stored_chunks(source, surface.chunks),
            attributes={
                "resolution": float(resolution), "measure": measure, "joint": joint,
                "base": float(base),
            },
        )  # fmt: skip
        blocks = surface.to_delayed().ravel()
        corners = itertools.product(*(_starts(sizes) for sizes in surface.chunks))
        write = dask.delayed(_write, pure=False)
        tasks = [write(block, str(partial), at) for block, at in zip(blocks, corners, strict=True)]
        group = max(4 * (os.cpu_count() or 1), math.ceil(len(tasks) / 20))
        for first in range(0, len(tasks), group):
            dask.compute(*tasks[first : first + group])
            if progress is not None:
                done = min(first + group, len(tasks))
                progress(done / len(tasks), f"information map: {done} of {len(tasks)} tiles")
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return zarr.open_array(str(target), mode="r")


def _write(block: Map, path: str, corner: tuple[int, int]) -> None:
    """Put one tile into the store; tiles never share a chunk of it."""
    import zarr

    i, j = corner
    zarr.open_array(path, mode="r+")[i : i + block.shape[0], j : j + block.shape[1]] = block


def _tile_surface(
    cells: Map,
    *,
    sensor: RangeSensor,
    options: dict[str, Any],
    theta: float,
    base: float,
    edges: Edges,
    halo: int,
    block_info: Any = None,
) -> Map:
    """The surface of one tile with its halo; the halo's values are trimmed by the caller."""
    tile = block_info[0]["chunk-location"]
    top, left = (max(0, ends[k] - halo) for ends, k in zip(edges, tile, strict=True))
    try:
        grid = OccupancyGrid(cells, options["resolution"])
    except ValueError as error:
        h, w = cells.shape
        raise ValueError(
            f"rows {top} to {top + h}, columns {left} to {left + w}: {error}"
        ) from None
    place = (top, left, edges[0][-1], edges[1][-1])
    out = sweep_angles(grid.cells, sensor.angles() + theta, sensor, place=place, **options)
    out *= out.dtype.type(1.0 / math.log(base))
    return out


def _checked(
    cells: Any, sensor: RangeSensor, resolution: float, measure: str, joint: bool, base: float,
    theta: float, dtype: npt.DTypeLike, tile: int | None,
) -> tuple[int, tuple[int, int]]:  # fmt: skip
    """The halo and the sides of a tile [cells]; errors for what cannot be computed."""
    shape = tuple(getattr(cells, "shape", ()))
    if len(shape) != 2 or not all(isinstance(n, int) and n > 0 for n in shape):
        raise ValueError(
            f"cells has shape {shape}; need a 2-D array (H, W) whose sides are known and not 0"
        )
    if not np.issubdtype(cells.dtype, np.integer) and not np.issubdtype(cells.dtype, np.floating):
        raise TypeError(
            f"cells has dtype {cells.dtype}; need floats in [0, 1] or integers in ROS coding"
            " (-1 unknown, 0..100 per cent)"
        )
    if not (math.isfinite(resolution) and resolution > 0.0):
        raise ValueError(f"resolution is {resolution}; need a positive number of metres a cell")
    check_surface_options(base=base, theta=theta, dtype=dtype)
    if measure == "fcmi":
        raise ValueError(
            "measure is 'fcmi', whose range has no limit; tiles compute"
            f" {', '.join(TILED_MEASURES)}"
        )
    check_sweep(sensor, measure, joint)
    if tile is not None and (isinstance(tile, bool) or int(tile) != tile or tile < 1):
        raise ValueError(f"tile is {tile}; need a whole number of cells of at least 1")
    reach = sensor.max_range / resolution
    if reach + 1.0 >= max(shape):
        raise ValueError(
            f"max_range is {sensor.max_range:g} m, {reach:g} cells of a map of {shape[0]} x"
            f" {shape[1]}: every tile would need the whole map. Shorten the range, or use mi_map"
            " if the map fits into memory"
        )
    halo = math.ceil(reach - 1e-9) + 1
    return halo, (_side(cells, 0, halo, tile), _side(cells, 1, halo, tile))


def _side(cells: Any, axis: int, halo: int, tile: int | None) -> int:
    """Side of a tile along an axis: as asked, or a number of whole chunks if they are small."""
    if tile is not None:
        return max(int(tile), halo)
    side = max(HALOS * halo, LEAST_TILE)
    chunk = _first_chunk(cells, axis)
    return side if chunk is None or chunk >= side else math.ceil(side / chunk) * chunk


def _first_chunk(cells: Any, axis: int) -> int | None:
    """Length of the first chunk of an array along an axis; None for an array without chunks."""
    chunks: Sequence[Any] | None = getattr(cells, "chunks", None)
    if not chunks:
        return None
    return int(chunks[axis][0] if isinstance(chunks[axis], tuple) else chunks[axis])


def _tiles(length: int, side: int, halo: int) -> tuple[int, ...]:
    """Where the tiles of an axis begin, and its end; a rest shorter than the halo is joined.

    `map_overlap` takes the halo from the next tile alone, so no tile may be shorter than it.
    """
    ends = list(range(0, length, side))
    if len(ends) > 1 and length - ends[-1] < halo:
        ends.pop()
    return (*ends, length)


def _starts(sizes: tuple[int, ...]) -> list[int]:
    """First cells of chunks of these sizes."""
    return [0, *itertools.accumulate(sizes[:-1])]


def _stored_chunks(source: Any, tiles: tuple[tuple[int, ...], ...]) -> tuple[int, int]:
    """Chunks of a store of which no two tiles share one: the source's, else the tiles."""
    out = []
    for axis, sizes in enumerate(tiles):
        chunk = _first_chunk(source, axis)
        fits = chunk is not None and all(start % chunk == 0 for start in _starts(sizes))
        out.append(chunk if chunk is not None and fits else sizes[0])
    return out[0], out[1]


def _dask_array() -> Any:
    """`dask.array`, or an ImportError that says what to install."""
    try:
        import dask.array
        import zarr  # noqa: F401 - part of the same extra
    except ImportError as error:
        raise ImportError(INSTALL) from error
    return dask.array
