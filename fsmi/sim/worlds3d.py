"""Worlds to fly in: generated as voxels from a seed, or read from an OctoMap file.

Generated worlds have voxels half as wide as those of a usual map, and the faces of walls stand at
odd multiples of them: in the middle of a map's voxels, where noise does not carry a return from
one voxel to the next.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt, label

from fsmi.io.octomap import load_octomap
from fsmi.planning.views3d import Pose3D
from fsmi.voxels import VoxelMap

Solid = npt.NDArray[np.bool_]
SOLID, FREE = 0.97, 0.03  # occupancy of voxels of a world; anything on either side of 0.5 will do
WALL = 0.2  # thickness [m]
FINE = 0.05  # usual resolution of a world [m]


@final
@dataclass(frozen=True)
class World3D:
    """A world of solid and free voxels.

    Attributes
    ----------
    voxels : VoxelMap
        Voxels with an occupancy above 0.5 are solid, all others are free.
    start : (x, y, z, yaw)
        [m, m, m, rad]
    kind, seed : str, int
        How it was made.
    """

    voxels: VoxelMap
    start: Pose3D
    kind: str = "custom"
    seed: int = 0

    def __post_init__(self) -> None:
        self.voxels.require_inside(np.array(self.start[:3]))
        if self.voxels.occupancy_at(self.start[:3], prior=0.0) > 0.5:
            raise ValueError(f"the start {self.start[:3]} is in a solid voxel")

    def solid(self) -> Solid:
        """Which voxels are solid, (D, H, W)."""
        return np.asarray((self.voxels.probabilities(0.0) > 0.5)[self.voxels.dense_codes()])

    def solid_at(self, resolution: float) -> Solid:
        """Which voxels of a coarser map of the same box hold something solid, (D, H, W)."""
        factor = round(resolution / self.voxels.resolution)
        shape = self.voxels.shape
        if not math.isclose(factor * self.voxels.resolution, resolution) or factor < 1:
            raise ValueError(
                f"resolution is {resolution}; need a multiple of the world's,"
                f" {self.voxels.resolution:g} m"
            )
        fine = np.pad(self.solid(), [(0, -n % factor) for n in shape])
        d, h, w = (n // factor for n in fine.shape)
        return np.asarray(fine.reshape(d, factor, h, factor, w, factor).any(axis=(1, 3, 5)))

    def reachable(self) -> Solid:
        """The free voxels connected to the start through faces, (D, H, W)."""
        parts, _ = label(~self.solid())
        k, i, j = (self.voxels.world_to_key(self.start[:3]) - np.array(self.voxels.low))[::-1]
        return np.asarray(parts == parts[k, i, j])

    def __repr__(self) -> str:
        x0, y0, z0, x1, y1, z1 = self.voxels.bounds
        size = f"{x1 - x0:.1f} x {y1 - y0:.1f} x {z1 - z0:.1f} m"
        return f"World3D({self.kind}, {size}, seed {self.seed})"


def rooms(seed: int = 0, *, resolution: float = FINE) -> World3D:
    """Two storeys of two by two rooms with doors, a shaft between them, and clutter."""
    rng = np.random.default_rng(seed)
    width, depth, storey = 10.0, 8.0, 2.8
    canvas = _Canvas((width, depth, 2 * storey), resolution)
    canvas.shell()
    canvas.fill((0, 0, storey - WALL / 2), (width, depth, storey + WALL / 2))
    split = np.array((width, depth)) * rng.uniform(0.4, 0.6, (2, 2))
    for level in range(2):
        x, y = split[level]
        floor, top = level * storey, (level + 1) * storey
        canvas.fill((x - WALL / 2, 0, floor), (x + WALL / 2, depth, top))
        canvas.fill((0, y - WALL / 2, floor), (width, y + WALL / 2, top))
        low, door = floor + WALL, (1.2, 2.1)  # width and height
        for a, b in ((0.0, y), (y, depth)):
            at = rng.uniform(a + WALL + 0.3, b - WALL - 0.3 - door[0])
            canvas.clear((x - WALL, at, low), (x + WALL, at + door[0], low + door[1]))
        a, b = ((0.0, x), (x, width))[rng.integers(2)]
        at = rng.uniform(a + WALL + 0.3, b - WALL - 0.3 - door[0])
        canvas.clear((at, y - WALL, low), (at + door[0], y + WALL, low + door[1]))
    start = (1.2, 1.2, 1.4, 0.0)
    corner = np.array((width - 2.2, depth - 2.2))
    canvas.keep_free((*corner, 0.0), (*(corner + 1.6), 2 * storey))
    canvas.keep_free((0.4, 0.4, 0.0), (2.2, 2.2, storey - WALL))
    for _ in range(22):
        size = rng.uniform((0.3, 0.3, 0.3), (1.0, 1.0, 1.6))
        x, y = rng.uniform((0.3, 0.3), (width - 1.3, depth - 1.3))
        level = int(rng.integers(2))
        hung = rng.random() < 0.25  # lamps and beams
        z = (level + 1) * storey - 0.9 if hung else level * storey
        height = 0.8 if hung else size[2]
        canvas.fill((x, y, z), (x + size[0], y + size[1], z + height), clutter=True)
    canvas.clear(
        (*corner, storey - WALL), (*(corner + 1.6), storey + WALL)
    )  # the shaft, after all else
    return canvas.world(start, "rooms3d", seed)


def tunnels(seed: int = 0, *, resolution: float = FINE) -> World3D:
    """Round tunnels of about 2 m through rock, up and down, with loops and chambers."""
    if not 0.0 < resolution <= 0.2:
        raise ValueError(f"resolution is {resolution}; need a positive number of metres up to 0.2")
    rng = np.random.default_rng(seed)
    size = np.array((12.0, 10.0, 6.0))
    shape = np.rint(size / resolution).astype(int)
    margin = 1.5
    nodes = [np.array((margin, margin, 2.0))]
    while len(nodes) < 7:
        node = rng.uniform(margin, size - margin)
        if min(float(np.linalg.norm(node - other)) for other in nodes) > 2.5:
            nodes.append(node)
    ways = [(k, int(rng.integers(k))) for k in range(1, len(nodes))]  # a tree
    ways += [(int(a), int(b)) for a, b in rng.integers(len(nodes), size=(2, 2)) if a != b]
    line = np.ones(shape[::-1], dtype=np.bool_)
    for a, b in ways:
        steps = np.linspace(0.0, 1.0, 400)[:, None]
        bend = rng.normal(0.0, 0.4, 3) * np.sin(np.pi * steps)
        points = nodes[a] + steps * (nodes[b] - nodes[a]) + bend
        cells = np.clip((points / resolution).astype(int), 0, shape - 1)
        line[cells[:, 2], cells[:, 1], cells[:, 0]] = False
    gaps = distance_transform_edt(line) * resolution
    free = gaps < 0.85
    for node in nodes[1::2]:
        z, y, x = (np.arange(n) * resolution for n in shape[::-1])
        squares = (z[:, None, None] - node[2]) ** 2 + (y[None, :, None] - node[1]) ** 2
        free |= squares + (x[None, None, :] - node[0]) ** 2 < rng.uniform(1.0, 1.4) ** 2
    solid = ~free
    for axis in range(3):
        for side in (0, -1):
            solid[tuple(side if a == axis else slice(None) for a in range(3))] = True
    x, y, z = nodes[0]
    return _world(solid, resolution, (float(x), float(y), float(z), 0.0), "tunnels", seed)


WORLDS_3D: dict[str, Callable[..., World3D]] = {"rooms3d": rooms, "tunnels": tunnels}


def load_world_3d(path: str | Path, start: Pose3D) -> World3D:
    """A world from an OctoMap file (.bt, .ot): what is unknown in it counts as free."""
    return World3D(load_octomap(path), start, Path(path).name)


def _world(solid: Solid, resolution: float, start: Pose3D, kind: str, seed: int) -> World3D:
    occupancy = np.where(solid, np.float32(SOLID), np.float32(FREE))
    return World3D(VoxelMap.from_dense(occupancy, resolution), start, kind, seed)


@final
class _Canvas:
    """A dense array that boxes are drawn into."""

    def __init__(self, size: tuple[float, float, float], resolution: float) -> None:
        if not 0.0 < resolution <= 0.5 * WALL:
            raise ValueError(
                f"resolution is {resolution}; need a positive number of metres up to"
                f" {0.5 * WALL:g}, half a wall"
            )
        self.resolution = resolution
        self.solid: Solid = np.zeros([round(s / resolution) for s in size[::-1]], dtype=np.bool_)
        self._kept = np.zeros_like(self.solid)
        self._walls = np.zeros_like(self.solid)

    def _part(self, low: tuple[float, ...], high: tuple[float, ...]) -> tuple[slice, ...]:
        ends = zip(low, high, self.solid.shape[::-1], strict=True)
        return tuple(slice(max(0, self._odd(a)), min(n, self._odd(b))) for a, b, n in ends)[::-1]

    def _odd(self, metres: float) -> int:
        """The odd number of voxels nearest to a length."""
        return 2 * round((metres / self.resolution - 1.0) / 2.0) + 1

    def shell(self) -> None:
        wall = self._odd(WALL)
        inner = tuple(slice(wall, -wall) for _ in range(3))
        self.solid[:] = True
        self.solid[inner] = False

    def fill(
        self, low: tuple[float, ...], high: tuple[float, ...], *, clutter: bool = False
    ) -> None:
        part = self._part(low, high)
        if clutter:
            self.solid[part] |= ~self._kept[part]
        else:
            self.solid[part] = True

    def clear(self, low: tuple[float, ...], high: tuple[float, ...]) -> None:
        self.solid[self._part(low, high)] = False
        # clutter must not close a door: keep a metre around it free
        reach = 1.0
        self.keep_free(tuple(v - reach for v in low), tuple(v + reach for v in high))

    def keep_free(self, low: tuple[float, ...], high: tuple[float, ...]) -> None:
        self._kept[self._part(low, high)] = True

    def world(self, start: Pose3D, kind: str, seed: int) -> World3D:
        return _world(self.solid, self.resolution, start, kind, seed)
