"""OctoMap files (.bt, .ot) and octomap_msgs/Octomap messages, to and from `VoxelMap`.

`.bt` holds two bits a node: unknown, free, occupied; free and occupied leaves carry OctoMap's
clamped log-odds, -2.00 and 3.51. `.ot` holds each node's log-odds. Bodies are read in one pass;
memory is sized from the bytes that are there, so a header can't make the reader allocate.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fsmi import _octree as octree
from fsmi._lattice import checked_resolution, encode
from fsmi.io import _octree_stream as stream
from fsmi.io.atomic import whole_file
from fsmi.voxels import VoxelMap

BINARY_MAGIC = b"# Octomap OcTree binary file"
FULL_MAGIC = b"# Octomap OcTree file"
NODE_BYTES = {"OcTree": 5, "ColorOcTree": 8}  # float32, (three colour bytes,) child mask
# OctoMap's default clamping probabilities, which its own reader gives to free and occupied leaves.
FREE_LOG_ODDS, OCCUPIED_LOG_ODDS = math.log(0.1192 / 0.8808), math.log(0.971 / 0.029)
HEADER_LIMIT = 64 * 1024  # bytes; a header is five short lines and comments
ERRORS = {
    stream.TRUNCATED: "ends inside the tree (the file is truncated or the node stream is corrupt)",
    stream.TOO_DEEP: "nests deeper than 16 levels (the node stream is corrupt)",
    stream.TOO_LONG: "goes on after the tree is complete (the node stream is corrupt)",
}


@final
class OctomapError(ValueError):
    """A file or message that is not a valid OctoMap tree; the text says where and why."""


def load_octomap(path: str | os.PathLike[str]) -> VoxelMap:
    """The map in an OctoMap file, `.bt` or `.ot` (told by its first line, not its name).

    The box of the map is the smallest one that holds everything known.

    Raises
    ------
    OctomapError
        (a ValueError) If the file is no OctoMap file, is truncated or corrupt, holds no voxel, or
        its header does not describe its body.
    OSError
        If the file can't be read.
    """
    data = Path(path).read_bytes()
    try:
        binary, kind, size, resolution, body = _parse(data)
        return _tree(binary, kind, resolution, body, size)
    except OctomapError as error:
        raise OctomapError(f"{path}: {error}") from None


def save_octomap(voxels: VoxelMap, path: str | os.PathLike[str]) -> None:
    """Write a map as OctoMap file: `.bt` (free or occupied only) or `.ot` (log-odds), by suffix.

    `.bt` keeps of each voxel whether it is occupied (log-odds >= 0, as OctoMap decides); the box
    of the map is not written. The file appears when it is complete.
    """
    target = Path(path)
    if target.suffix not in (".bt", ".ot"):
        raise ValueError(f"cannot write {target.name!r}: the suffix must be .bt or .ot")
    binary = target.suffix == ".bt"
    nodes, body = _binary_body(voxels) if binary else _full_body(voxels)
    magic = BINARY_MAGIC if binary else FULL_MAGIC
    header = (
        f"\n# written by fsmi\nid OcTree\nsize {nodes}\nres {voxels.resolution!r}\ndata\n"
    ).encode()
    with whole_file(target) as part:
        part.write_bytes(magic + header + body)


def from_octomap_msg(message: Any) -> VoxelMap:
    """The map in an octomap_msgs/Octomap message: anything with its fields, or a dict of them.

    Fields: `binary`, `id`, `resolution` [m], `data` (int8 or bytes, the body without a header).

    Raises
    ------
    OctomapError
        (a ValueError) If a field does not hold what it should.
    TypeError
        If a field is missing.
    """
    fields = message if isinstance(message, Mapping) else _Attributes(message)
    try:
        binary, kind = bool(fields["binary"]), str(fields["id"])
        resolution, data = fields["resolution"], fields["data"]
    except KeyError as missing:
        raise TypeError(
            f"message is a {type(message).__name__} without {missing.args[0]!r}; need binary, id,"
            " resolution and data as in octomap_msgs/Octomap"
        ) from None
    if kind not in NODE_BYTES or (binary and kind != "OcTree"):
        raise OctomapError(f"id is {kind!r}; one of {', '.join(NODE_BYTES)}")
    return _tree(binary, kind, _resolution(str(resolution)), _message_body(data), None)


@final
class _Attributes:
    """The fields of a message by name."""

    def __init__(self, message: Any) -> None:
        self._message = message

    def __getitem__(self, name: str) -> Any:
        if not hasattr(self._message, name):
            raise KeyError(name)
        return getattr(self._message, name)


def _message_body(data: Any) -> npt.NDArray[np.uint8]:
    if isinstance(data, bytes | bytearray | memoryview):
        return np.frombuffer(data, dtype=np.uint8)
    array = np.asarray(data)
    whole = array.size == 0 or np.issubdtype(array.dtype, np.integer)
    if (
        array.ndim != 1
        or not whole
        or (array.size and not -128 <= array.min() <= array.max() < 256)
    ):
        raise OctomapError(
            f"data has shape {array.shape} and dtype {array.dtype}; need bytes, or (n,) of int8"
        )
    return array.astype(np.uint8)


def to_octomap_msg(voxels: VoxelMap, *, binary: bool = False) -> dict[str, Any]:
    """Fields of an octomap_msgs/Octomap message: binary, id, resolution, data (int8 array)."""
    _, body = _binary_body(voxels) if binary else _full_body(voxels)
    return {
        "binary": binary,
        "id": "OcTree",
        "resolution": voxels.resolution,
        "data": np.frombuffer(body, dtype=np.int8),
    }


def _parse(data: bytes) -> tuple[bool, str, int, float, npt.NDArray[np.uint8]]:
    """Header and body of a file: (binary?, id, size, resolution, body)."""
    if data.startswith(BINARY_MAGIC):
        binary = True
    elif data.startswith(FULL_MAGIC):
        binary = False
    else:
        raise OctomapError(
            f"starts with {data[:40]!r}; an OctoMap file starts with {FULL_MAGIC.decode()!r} or"
            f" {BINARY_MAGIC.decode()!r}"
        )
    fields: dict[str, str] = {}
    at = 0
    while "data" not in fields:
        end = data.find(b"\n", at, at + HEADER_LIMIT)
        if end < 0 or end > HEADER_LIMIT:
            raise OctomapError("the header has no line 'data'")
        words = data[at:end].decode("latin-1").split()
        at = end + 1
        if not words or words[0].startswith("#"):
            continue
        if words[0] not in ("id", "size", "res", "data"):
            raise OctomapError(f"header line {' '.join(words)[:60]!r}; known: id, size, res, data")
        if words[0] != "data" and len(words) != 2:
            raise OctomapError(f"header line {' '.join(words)[:60]!r} needs one value")
        fields[words[0]] = words[-1]
    missing = [name for name in ("id", "size", "res") if name not in fields]
    if missing:
        raise OctomapError(f"the header has no line {missing[0]!r}")
    if fields["id"] not in NODE_BYTES or (binary and fields["id"] != "OcTree"):
        raise OctomapError(f"id is {fields['id'][:60]!r}; one of {', '.join(NODE_BYTES)}")
    size = fields["size"]
    if not (size.isascii() and size.isdigit() and len(size) < 19):
        raise OctomapError(f"size is {size[:60]!r}; need the number of nodes")
    body = np.frombuffer(data, dtype=np.uint8, offset=at)
    return binary, fields["id"], int(size), _resolution(fields["res"]), body


def _resolution(text: str) -> float:
    try:
        return checked_resolution(float(text))
    except ValueError:
        raise OctomapError(f"res is {text[:60]!r}; need a positive number of metres") from None


def _tree(
    binary: bool, kind: str, resolution: float, body: npt.NDArray[np.uint8], size: int | None
) -> VoxelMap:
    """The map of a body; `size` is what the header claims, None if there is no header."""
    if body.size == 0 or size == 0:
        raise OctomapError("the tree is empty: it holds no voxel")
    if binary:
        blocks, values, nodes = _read_binary(body, size)
    else:
        blocks, values, nodes = _read_full(body, NODE_BYTES[kind], size)
    if size is not None and nodes != size:
        raise OctomapError(f"the header claims {size} nodes, the body holds {nodes}")
    everything = VoxelMap(blocks, values, resolution, (0, 0, 0), (octree.SIDE,) * 3)
    if everything.n_leaves == 0:
        raise OctomapError("the tree is empty: it holds no known voxel")
    low, high = everything.known_box()
    return everything.cropped(low, high)


def _read_binary(
    body: npt.NDArray[np.uint8], size: int | None
) -> tuple[octree.Blocks, npt.NDArray[np.float32], int]:
    rows = body.size // 2
    if body.size % 2:
        raise OctomapError(f"the body has {body.size} bytes; a .bt body has two per inner node")
    if size is not None and not rows <= size <= 1 + 8 * rows:
        raise OctomapError(f"the header claims {size} nodes; {body.size} bytes can't hold as many")
    blocks = np.empty((rows, 8), dtype=np.int32)
    count, nodes = stream.read_binary(body, blocks)
    if count < 0:
        raise OctomapError(f"the body {ERRORS[count]}")
    values = np.array([np.nan, FREE_LOG_ODDS, OCCUPIED_LOG_ODDS], dtype=np.float32)
    return blocks, values, nodes


def _read_full(
    body: npt.NDArray[np.uint8], step: int, size: int | None
) -> tuple[octree.Blocks, npt.NDArray[np.float32], int]:
    nodes = body.size // step
    if body.size % step or (size is not None and size != nodes):
        claim = "a node has" if size is None else f"the header claims {size} nodes of"
        raise OctomapError(f"{claim} {step} bytes; the body has {body.size} bytes")
    records = body.reshape(nodes, step)
    masks = np.ascontiguousarray(records[:, step - 1])
    log_odds = np.ascontiguousarray(records[:, :4]).view("<f4").ravel().astype(np.float32)
    leaves = masks == 0
    if np.isnan(log_odds[leaves]).any():
        raise OctomapError("a leaf has log-odds NaN")
    log_odds[~leaves] = np.nan  # inner nodes repeat what their leaves say
    values, codes = encode(log_odds)
    blocks = np.empty((max(1, nodes - int(leaves.sum())), 8), dtype=np.int32)
    count = stream.read_full(masks, codes, blocks)
    if count < 0:
        raise OctomapError(f"the body {ERRORS[count]}")
    return blocks, values, nodes


def _binary_body(voxels: VoxelMap) -> tuple[int, bytes]:
    likely = np.where(voxels.values >= 0.0, OCCUPIED_LOG_ODDS, FREE_LOG_ODDS).astype(np.float32)
    likely[0] = np.nan
    two_valued = voxels.with_values(likely)
    kinds = np.where(two_valued.values >= 0.0, stream.OCCUPIED, stream.FREE).astype(np.uint8)
    kinds[0] = 0
    body = np.empty(2 * len(two_valued.blocks), dtype=np.uint8)
    nodes = stream.write_binary(two_valued.tree, kinds, body)
    return _unless_empty(voxels, nodes), body.tobytes()


def _full_body(voxels: VoxelMap) -> tuple[int, bytes]:
    inner = np.empty(len(voxels.blocks), dtype=np.float32)
    stream.highest(voxels.tree, voxels.values, inner)
    nodes = _unless_empty(voxels, voxels.n_leaves + len(inner))
    log_odds = np.empty(nodes, dtype=np.float32)
    records = np.empty((nodes, 5), dtype=np.uint8)
    masks = np.empty(nodes, dtype=np.uint8)
    stream.write_full(voxels.tree, voxels.values, inner, log_odds, masks)
    records[:, :4] = log_odds.astype("<f4").view(np.uint8).reshape(nodes, 4)
    records[:, 4] = masks
    return nodes, records.tobytes()


def _unless_empty(voxels: VoxelMap, nodes: int) -> int:
    if voxels.n_leaves == 0:
        raise ValueError("the map holds no known voxel; an OctoMap tree can't be empty")
    return nodes
