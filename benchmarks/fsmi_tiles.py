"""A map in tiles against the same map whole: time, peak memory, largest difference.

Every case is a new process (peak memory is a process's), on one thread, compilation excluded by a
small map first. The map is an int8 zarr store of rooms; the tiled case goes from store to store.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

CASE = """
import json, resource, sys, time
import dask, numpy as np, zarr
from fsmi import OccupancyGrid, RangeSensor, mi_map, write_mi_map
source, target, tile = sys.argv[1], sys.argv[2], int(sys.argv[3])
sensor = RangeSensor(60, max_range=100.0)
small = np.full((300, 300), 3, dtype=np.int8)
mi_map(OccupancyGrid(small, 1.0), sensor, n_threads=1)
dask.config.set(scheduler="synchronous")
import dask.array
start = time.perf_counter()
if tile:
    write_mi_map(source, target, sensor, resolution=1.0, tile=tile)
else:
    grid = OccupancyGrid(zarr.open_array(source, mode="r")[:], 1.0)
    zarr.save_array(target, mi_map(grid, sensor, n_threads=1))
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([seconds, peak / 1024]))
"""
SIDE = 4000


def rows(argv: list[str] | None = None) -> list[dict[str, object]]:
    """One row for the whole map and one for each size of tile; no arguments."""
    if argv:
        raise SystemExit(f"fsmi_tiles takes no arguments, got {argv}")
    import numpy as np
    import zarr

    from benchmarks.fsmi_maps import rooms

    out: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        source = str(Path(folder) / "map")
        zarr.create_array(source, data=rooms(SIDE).cells, chunks=(500, 500))
        surfaces = []
        for tile in (0, 1000, 500):
            target = str(Path(folder) / f"bits{tile}")
            run = [sys.executable, "-c", CASE, source, target, str(tile)]
            text = subprocess.run(run, capture_output=True, text=True, check=True).stdout
            seconds, peak = json.loads(text)
            surfaces.append(zarr.open_array(target, mode="r")[:])
            error = np.abs(surfaces[-1] - surfaces[0]).max() / surfaces[0].max()
            out.append(
                {
                    "name": f"map {SIDE}^2 x 60, 100 cells of range, "
                    + (f"tiles of {tile}^2" if tile else "whole"),
                    "seconds": seconds,
                    "ratio": seconds / float(str(out[0]["seconds"])) if out else 1.0,
                    "peak_mib": peak,
                    "difference": float(error),
                    "note": "ratio, difference: to the whole map; store to store",
                }
            )
    return out
