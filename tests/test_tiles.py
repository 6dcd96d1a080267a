"""Tiled surfaces against the whole map: positions, halos, chunks, stores, a cluster."""

from __future__ import annotations

import math
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from fsmi import OccupancyGrid, RangeSensor, mi_map, mi_map_tiled, write_mi_map
from fsmi.tiles import TILED_MEASURES

pytestmark = pytest.mark.usefixtures("threads")
SENSOR = RangeSensor(7, max_range=4.3)


@pytest.fixture
def threads() -> Any:
    """Dask's own threads, whatever client an earlier test made."""
    with dask.config.set(scheduler="threads", num_workers=2):
        yield


def some_cells(seed: int, shape: tuple[int, int]) -> np.ndarray:
    rng = np.random.default_rng(seed)
    cells = rng.uniform(0, 1, shape) ** 3
    cells[rng.uniform(size=shape) < 0.1] = 0.0
    cells[rng.uniform(size=shape) < 0.05] = 1.0
    return cells.astype(np.float32)


def assert_tiled_is_whole(
    cells: Any,
    sensor: RangeSensor,
    *,
    tile: int | None = 6,
    resolution: float = 1.0,
    **options: Any,
) -> None:
    whole = mi_map(
        OccupancyGrid(np.asarray(cells), resolution),
        sensor,
        dtype=np.float64,
        n_threads=1,
        **options,
    )
    tiled = mi_map_tiled(
        cells, sensor, resolution=resolution, tile=tile, dtype=np.float64, **options
    )
    np.testing.assert_allclose(tiled.compute(), whole, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("sigma", [0.0, 0.4, 2.6])
@pytest.mark.parametrize("measure", TILED_MEASURES)
def test_tiled_is_whole_for_every_measure(measure: str, sigma: float) -> None:
    assert_tiled_is_whole(
        some_cells(1, (13, 19)), replace(SENSOR, sigma=sigma), measure=measure, theta=0.2
    )


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (3, 29), (29, 3), (17, 18), (13, 50)])
@pytest.mark.parametrize("tile", [1, 7, 16])
@pytest.mark.parametrize("joint", [False, True])
def test_tiled_is_whole_at_edges(shape: tuple[int, int], tile: int, joint: bool) -> None:
    cells, sensor = some_cells(2, shape), RangeSensor(8, max_range=4.0)
    assert_tiled_is_whole(cells, sensor, tile=tile, joint=joint)


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 10**6), st.tuples(st.integers(1, 30), st.integers(12, 30)), st.integers(1, 12),
    st.floats(0.2, 9.0), st.sampled_from(["sum", "noise", "joint", "no no-hit"]),
    st.integers(1, 12), st.floats(-4, 4),
)  # fmt: skip
def test_tiled_is_whole_anywhere(
    seed: int, shape: tuple[int, int], tile: int, reach: float, kind: str, beams: int, theta: float
) -> None:
    sensor = RangeSensor(
        beams, fov=5.0, max_range=0.1 * reach, sigma=0.1 if kind == "noise" else 0.0,
        count_no_hit=kind != "no no-hit",
    )  # fmt: skip
    assert_tiled_is_whole(
        some_cells(seed, shape), sensor, tile=tile, resolution=0.1, joint=kind == "joint",
        theta=theta,
    )  # fmt: skip


def test_a_pattern_that_forgets_the_place_is_seen() -> None:
    """The comparison can fail: the lines of a tile cut out are not those of the whole map."""
    cells, sensor = some_cells(3, (30, 30)), RangeSensor(16, max_range=8.0)
    whole = mi_map(OccupancyGrid(cells, 1.0), sensor, dtype=np.float64, theta=0.1)
    cut = mi_map(OccupancyGrid(cells[3:], 1.0), sensor, dtype=np.float64, theta=0.1)
    assert np.abs(cut[12:] - whole[15:]).max() > 1e-3 * whole.max()


# Chunks, kinds of arrays -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "chunks", [((1,) * 25, (40,)), ((3, 1, 20, 1), (7, 33)), ((25,), (1,) * 40), (2, 2), (11, 13)]
)
def test_uneven_and_small_chunks(chunks: Any) -> None:
    array = da.from_array(some_cells(4, (25, 40)), chunks=chunks)
    surface = mi_map_tiled(array, SENSOR, resolution=1.0, tile=8)
    assert isinstance(surface, da.Array)
    assert surface.shape == (25, 40)
    assert surface.dtype == np.float32
    assert_tiled_is_whole(array, SENSOR, tile=8)
    assert_tiled_is_whole(array, SENSOR, tile=None)


def test_default_tiles_are_whole_chunks() -> None:
    def sides(length: int, chunk: int, max_range: float) -> tuple[int, ...]:
        array = da.zeros((length, length), chunks=chunk, dtype=np.float32)
        sensor = replace(SENSOR, max_range=max_range)
        return mi_map_tiled(array, sensor, resolution=1.0).chunks[0]

    assert sides(4000, 300, 20.0) == (1200, 1200, 1200, 400)
    assert sides(4000, 4000, 20.0) == (1024, 1024, 1024, 928)
    assert sides(4000, 500, 499.0) == (2000, 2000)
    assert sides(2100, 1024, 99.0) == (1024, 1076)  # a rest shorter than the halo is joined


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.float64])
def test_ros_codes_and_floats(dtype: type, tmp_path: Path) -> None:
    codes = np.random.default_rng(5).integers(-1, 101, (20, 22))
    cells = codes.astype(dtype) if dtype != np.float64 else np.where(codes < 0, 0.5, codes / 100)
    whole = mi_map(OccupancyGrid(cells, 1.0), SENSOR, n_threads=1)
    stored = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", cells.dtype, cells.shape)
    stored[:] = cells
    for given_ in (cells, da.from_array(cells, chunks=9), stored):
        tiled = mi_map_tiled(given_, SENSOR, resolution=1.0, tile=7).compute()
        assert tiled.dtype == np.float32
        np.testing.assert_allclose(tiled, whole, rtol=2e-6)


def test_a_slice_computes_only_its_tiles() -> None:
    """Cells that the slice cannot see may even be wrong."""
    cells = some_cells(6, (40, 40))
    broken = cells.copy()
    broken[0, 0] = np.nan
    array = da.from_array(broken, chunks=10)
    surface = mi_map_tiled(array, SENSOR, resolution=1.0, tile=10)
    whole = mi_map(OccupancyGrid(cells, 1.0), SENSOR)
    np.testing.assert_allclose(surface[25:, 20:].compute(), whole[25:, 20:], rtol=2e-6)
    with pytest.raises(ValueError, match=r"rows 0 to 16, columns 0 to 16: occupancy holds nan"):
        surface.compute()


def test_units() -> None:
    cells = some_cells(7, (20, 20))
    bits, nats = (mi_map_tiled(cells, SENSOR, resolution=1.0, base=b) for b in (2, math.e))
    np.testing.assert_allclose(nats.compute(), bits.compute() * math.log(2), rtol=1e-6)


# Stores ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chunks", "kept"), [((6, 8), (6, 8)), ((1, 30), (1, 30)), ((30, 9), (30, 9))]
)
def test_store_to_store(tmp_path: Path, chunks: tuple[int, int], kept: tuple[int, int]) -> None:
    codes = np.random.default_rng(8).integers(-1, 101, (34, 30)).astype(np.int8)
    zarr.create_array(str(tmp_path / "map"), data=codes, chunks=chunks)
    seen: list[tuple[float, str]] = []
    out = write_mi_map(
        tmp_path / "map", tmp_path / "bits", SENSOR, resolution=1.0, joint=True,
        progress=lambda f, text: seen.append((f, text)),
    )  # fmt: skip
    whole = mi_map(OccupancyGrid(codes, 1.0), SENSOR, joint=True)
    np.testing.assert_allclose(out[:], whole, rtol=2e-6)
    np.testing.assert_array_equal(zarr.open_array(str(tmp_path / "bits"), mode="r")[:], out[:])
    assert out.chunks == kept
    assert dict(out.attrs) == {
        "resolution": 1.0, "measure": "approx_fsmi", "joint": True, "base": 2.0,
    }  # fmt: skip
    assert seen[-1] == (1.0, "information map: 1 of 1 tiles")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bits", "map"]


def test_store_of_many_tiles_in_groups(tmp_path: Path) -> None:
    cells = some_cells(9, (70, 64))
    seen: list[float] = []
    out = write_mi_map(
        da.from_array(cells, chunks=(33, 20)), tmp_path / "bits", SENSOR, resolution=1.0, tile=7,
        progress=lambda f, _: seen.append(f),
    )  # fmt: skip
    np.testing.assert_allclose(out[:], mi_map(OccupancyGrid(cells, 1.0), SENSOR), rtol=2e-6)
    assert out.chunks == (7, 7)
    assert len(seen) > 1
    assert seen == sorted(seen)


def test_a_zarr_array_goes_in_and_a_dask_array_writes_itself(tmp_path: Path) -> None:
    cells = some_cells(10, (40, 24))
    source = zarr.create_array(str(tmp_path / "map"), data=cells, chunks=(8, 8))
    surface = mi_map_tiled(source, SENSOR, resolution=1.0, tile=8)
    surface.to_zarr(str(tmp_path / "bits"))
    np.testing.assert_allclose(
        zarr.open_array(str(tmp_path / "bits"))[:], mi_map(OccupancyGrid(cells, 1.0), SENSOR),
        rtol=2e-6,
    )  # fmt: skip


def test_an_existing_store_is_kept_unless_told_otherwise(tmp_path: Path) -> None:
    cells, target = some_cells(11, (20, 20)), tmp_path / "bits"
    write_mi_map(cells, target, SENSOR, resolution=1.0)
    with pytest.raises(ValueError, match="overwrite=True"):
        write_mi_map(cells, target, SENSOR, resolution=1.0)
    before = zarr.open_array(str(target), mode="r")[:]
    broken = cells.copy()
    broken[19, 19] = 2.0
    with pytest.raises(ValueError, match=r"holds 2\.0"):
        write_mi_map(broken, target, SENSOR, resolution=1.0, overwrite=True)
    np.testing.assert_array_equal(zarr.open_array(str(target), mode="r")[:], before)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bits"]  # nothing half-written
    write_mi_map(cells, target, SENSOR, resolution=1.0, base=math.e, overwrite=True)
    np.testing.assert_allclose(
        zarr.open_array(str(target), mode="r")[:], before * math.log(2), rtol=1e-6
    )
    with pytest.raises(ValueError, match="is no folder"):
        write_mi_map(tmp_path / "nothing", tmp_path / "new", SENSOR, resolution=1.0)


# Cluster ---------------------------------------------------------------------------------------


def test_on_a_cluster_of_two_processes(tmp_path: Path) -> None:
    """Tiles travel to other processes, which write one store; the client is the scheduler."""
    from distributed import Client, LocalCluster

    cells = some_cells(12, (40, 30))
    zarr.create_array(str(tmp_path / "map"), data=cells, chunks=(10, 10))
    sensor = replace(SENSOR, sigma=0.8)
    whole = mi_map(OccupancyGrid(cells, 1.0), sensor, n_threads=1)
    with (
        dask.config.set(scheduler=None),
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
            local_directory=str(tmp_path / "scratch"),
        ) as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        assert os.getpid() not in client.run(os.getpid).values()
        out = write_mi_map(tmp_path / "map", tmp_path / "bits", sensor, resolution=1.0, tile=10)
        np.testing.assert_allclose(out[:], whole, rtol=2e-6)
        lazy = mi_map_tiled(da.from_zarr(str(tmp_path / "map")), sensor, resolution=1.0, tile=20)
        np.testing.assert_allclose(lazy.compute(), whole, rtol=2e-6)


# Bad input -------------------------------------------------------------------------------------

CELLS = some_cells(13, (20, 30))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sensor": replace(SENSOR, max_range=1e9)}, "every tile would need the whole map"),
        ({"sensor": replace(SENSOR, max_range=29.0)}, "max_range is 29 m, 29 cells"),
        ({"resolution": 0.0}, "resolution is 0.0"),
        ({"resolution": 0.1}, "43 cells of a map of 20 x 30"),
        ({"measure": "fcmi"}, "no limit; tiles compute fsmi, approx_fsmi"),
        ({"measure": "csqmi"}, "the sweep computes"),
        ({"base": 1.0}, "base is 1.0"),
        ({"theta": math.inf}, "theta is inf"),
        ({"dtype": np.float16}, "float32, float64"),
        ({"tile": 0}, "tile is 0"),
        ({"tile": 2.5}, "tile is 2.5"),
        ({"joint": True, "sensor": replace(SENSOR, count_no_hit=False)}, "counts no-hits"),
        ({"cells": CELLS[0]}, r"cells has shape \(30,\)"),
        ({"cells": CELLS[:0]}, "2-D array"),
        ({"cells": [[0.1]]}, r"cells has shape \(\)"),
    ],
)  # fmt: skip
def test_bad_input(options: dict[str, Any], message: str) -> None:
    cells, sensor = options.pop("cells", CELLS), options.pop("sensor", SENSOR)
    with pytest.raises(ValueError, match=message):
        mi_map_tiled(cells, sensor, **{"resolution": 1.0, **options})


def test_cells_of_another_kind() -> None:
    with pytest.raises(TypeError, match="dtype bool"):
        mi_map_tiled(CELLS > 0.5, SENSOR, resolution=1.0)


@pytest.mark.parametrize("missing", ["dask.array", "zarr"])
def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r'pip install "privfunnel-fsmi\[scale\]"'):
        mi_map_tiled(CELLS, SENSOR, resolution=1.0)
