"""OctoMap files against OctoMap itself and against a recursive reader; corrupted files."""

from __future__ import annotations

import math
import re
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import octomap
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsmi.io.octomap import (
    FREE_LOG_ODDS,
    OCCUPIED_LOG_ODDS,
    OctomapError,
    from_octomap_msg,
    load_octomap,
    save_octomap,
    to_octomap_msg,
)
from fsmi.voxels import VoxelMap
from tests.reference_voxels import leaf_set, random_dense, read_bt, read_ot

FULL, BINARY = b"# Octomap OcTree file", b"# Octomap OcTree binary file"


def peer_tree(seed: int, n: int = 300, resolution: float = 0.1) -> octomap.OcTree:
    """A tree of OctoMap: rays from inside a noisy shell, pruned as OctoMap does."""
    rng = np.random.default_rng(seed)
    tree = octomap.OcTree(resolution)
    directions = rng.normal(size=(n, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for _ in range(3):
        tree.insertPointCloud(directions * rng.uniform(1.5, 2.5, (n, 1)), np.zeros(3))
    tree.updateInnerOccupancy()
    return tree


def peer_leaves(tree: octomap.OcTree, resolution: float) -> set[tuple[float, ...]]:
    found = set()
    for leaf in tree.begin_leafs():
        side = round(leaf.getSize() / resolution)
        corner = np.rint(np.array(leaf.getCoordinate()) / resolution - side / 2).astype(int) + 32768
        found.add((*corner.tolist(), side, float(np.float32(leaf.getValue()))))
    return found


def body_of(data: bytes) -> bytes:
    return data.split(b"\ndata\n", 1)[1]


def file_of(body: bytes, size: object, *, magic: bytes = FULL, res: object = 0.1) -> bytes:
    return magic + f"\nid OcTree\nsize {size}\nres {res}\ndata\n".encode() + body


@pytest.mark.parametrize("suffix", ["ot", "bt"])
@pytest.mark.parametrize("seed", [0, 1])
def test_leaves_equal_those_of_octomap(tmp_path: Path, suffix: str, seed: int) -> None:
    tree = peer_tree(seed)
    path = tmp_path / f"peer.{suffix}"
    (tree.write if suffix == "ot" else tree.writeBinary)(str(path).encode())
    back = octomap.OcTree(0.1)
    if suffix == "bt":  # what OctoMap itself reads from the file
        assert back.readBinary(str(path).encode())
        tree = back
    voxels = load_octomap(path)
    assert voxels.resolution == 0.1
    assert leaf_set(voxels) == peer_leaves(tree, 0.1)
    assert voxels.n_leaves == tree.getNumLeafNodes()
    x0, y0, z0, x1, y1, z1 = voxels.bounds
    np.testing.assert_allclose((x0, y0, z0), tree.getMetricMin(), atol=1e-9)
    np.testing.assert_allclose((x1, y1, z1), tree.getMetricMax(), atol=1e-9)


@pytest.mark.parametrize("suffix", ["ot", "bt"])
def test_written_files_equal_those_of_octomap(tmp_path: Path, suffix: str) -> None:
    tree = peer_tree(2)
    path = tmp_path / f"peer.{suffix}"
    (tree.write if suffix == "ot" else tree.writeBinary)(str(path).encode())
    own = tmp_path / f"own.{suffix}"
    save_octomap(load_octomap(path), own)
    assert body_of(own.read_bytes()) == body_of(path.read_bytes())
    back = octomap.OcTree(0.5)
    if suffix == "bt":
        assert back.readBinary(str(own).encode())
    else:
        back = octomap.OcTree.read(str(own).encode())
    assert back.getResolution() == 0.1
    assert peer_leaves(back, 0.1) == leaf_set(load_octomap(path))


@pytest.mark.parametrize("block", [1, 4])
def test_own_maps_survive_the_round_trip(tmp_path: Path, block: int) -> None:
    p = random_dense(np.random.default_rng(block), (9, 14, 11), block)
    voxels = VoxelMap.from_dense(p, 0.07, (-0.14, 0.21, -0.35))
    save_octomap(voxels, tmp_path / "m.ot")
    data = (tmp_path / "m.ot").read_bytes()
    assert set(read_ot(body_of(data))) == leaf_set(voxels)
    back = load_octomap(tmp_path / "m.ot")
    assert back.resolution == voxels.resolution
    assert leaf_set(back) == leaf_set(voxels)
    save_octomap(voxels, tmp_path / "m.bt")
    binary = load_octomap(tmp_path / "m.bt")
    free, occupied = np.float32(FREE_LOG_ODDS), np.float32(OCCUPIED_LOG_ODDS)
    data = (tmp_path / "m.bt").read_bytes()
    assert set(read_bt(body_of(data), float(free), float(occupied))) == leaf_set(binary)
    wanted = np.where(p == 0.5, 0.5, np.where(p > 0.5, 0.971, 0.1192))
    low = np.array(binary.low) - voxels.low
    part = tuple(slice(a, a + n) for a, n in zip(low[::-1], binary.shape, strict=True))
    np.testing.assert_allclose(binary.to_dense(), wanted[part], rtol=1e-5)
    assert (np.delete(wanted.ravel(), np.arange(wanted.size)[mask_of(p.shape, part)]) == 0.5).all()


def mask_of(shape: tuple[int, ...], part: tuple[slice, ...]) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    mask[part] = True
    return mask.ravel()


def test_colour_trees_are_read_for_their_occupancy(tmp_path: Path) -> None:
    tree = octomap.ColorOcTree(0.2) if hasattr(octomap, "ColorOcTree") else None
    plain = VoxelMap.from_dense(np.full((1, 1, 2), 0.8), 0.2)
    save_octomap(plain, tmp_path / "m.ot")
    records = np.frombuffer(body_of((tmp_path / "m.ot").read_bytes()), np.uint8).reshape(-1, 5)
    colour = np.full((len(records), 3), 77, np.uint8)
    body = np.hstack((records[:, :4], colour, records[:, 4:])).tobytes()
    data = file_of(body, len(records), res=0.2).replace(b"id OcTree", b"id ColorOcTree")
    path = tmp_path / "c.ot"
    path.write_bytes(data)
    if tree is not None:
        assert octomap.ColorOcTree.read(str(path).encode()).size() == len(records)
    assert leaf_set(load_octomap(path)) == leaf_set(plain)


@pytest.mark.parametrize("binary", [False, True])
def test_messages_go_both_ways(binary: bool) -> None:
    voxels = VoxelMap.from_dense(random_dense(np.random.default_rng(5), (4, 8, 6), 2), 0.1)
    fields = to_octomap_msg(voxels, binary=binary)
    assert fields["data"].dtype == np.int8
    back = from_octomap_msg(SimpleNamespace(header=None, **fields))
    again = to_octomap_msg(back, binary=binary)
    assert np.array_equal(again["data"], fields["data"])
    fields["id"] = "SemanticOcTree"
    with pytest.raises(OctomapError, match="SemanticOcTree"):
        from_octomap_msg(SimpleNamespace(**fields))


def test_messages_may_be_dicts_and_hold_bytes() -> None:
    voxels = VoxelMap.from_dense(random_dense(np.random.default_rng(5), (4, 8, 6), 2), 0.1)
    fields = to_octomap_msg(voxels)
    wanted = leaf_set(from_octomap_msg(fields))
    for data in (fields["data"].tobytes(), fields["data"].tolist(), fields["data"].view(np.uint8)):
        assert leaf_set(from_octomap_msg({**fields, "data": data})) == wanted


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("data", [], "empty"),
        ("data", [300], r"shape \(1,\) and dtype int64"),
        ("data", [1.5, 2.5], "float64"),
        ("data", np.zeros((2, 5), np.int8), r"\(2, 5\)"),
        ("data", None, "object"),
        ("data", b"abcd", "a node has 5 bytes; the body has 4"),
        ("resolution", math.nan, "res is 'nan'"),
        ("resolution", "wide", "res is 'wide'"),
        ("id", "Elephant", "'Elephant'"),
    ],
)
def test_bad_messages_are_refused(field: str, value: object, message: str) -> None:
    fields = to_octomap_msg(VoxelMap.from_dense(np.full((2, 2, 2), 0.9), 0.1))
    with pytest.raises(OctomapError, match=message):
        from_octomap_msg({**fields, field: value})
    del fields[field]
    with pytest.raises(TypeError, match=f"without '{field}'"):
        from_octomap_msg(SimpleNamespace(**fields))


@pytest.mark.parametrize("suffix", ["ot", "bt"])
def test_headers_cannot_make_the_reader_allocate(files, suffix: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "lie"
    path.write_bytes(re.sub(rb"size \d+", b"size 99999999999", files[suffix]))
    tracemalloc.start()
    try:
        with pytest.raises(OctomapError, match="claims 99999999999"):
            load_octomap(path)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1_000_000


@given(st.dictionaries(st.sampled_from(["id", "size", "res", "data"]), st.text(max_size=12)))
@settings(deadline=None, max_examples=100)
def test_fuzzed_headers_are_refused_or_sound(files, tmp_path_factory, fields) -> None:  # type: ignore[no-untyped-def]
    magic, *lines = files["ot"].split(b"\ndata\n", 1)[0].split(b"\n")
    known = {line.split()[0].decode(): line.split()[1] for line in lines if b"#" not in line}
    known |= {name: text.encode() for name, text in fields.items()}
    header = b"".join(name.encode() + b" " + value + b"\n" for name, value in known.items())
    path = tmp_path_factory.getbasetemp() / "header"
    path.write_bytes(magic + b"\n" + header + b"data\n" + body_of(files["ot"]))
    try:
        voxels = load_octomap(path)
    except OctomapError as refused:
        message = str(refused)
    else:
        message = "header sound"
        assert voxels.n_leaves > 0
        assert math.isfinite(voxels.resolution)
    assert "header" in message


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("octomap")
    voxels = VoxelMap.from_dense(random_dense(np.random.default_rng(9), (6, 6, 6)), 0.1)
    for suffix in ("ot", "bt"):
        save_octomap(voxels, folder / f"m.{suffix}")
    return {s: (folder / f"m.{s}").read_bytes() for s in ("ot", "bt")}


def size_in(data: bytes) -> int:
    found = re.search(rb"\nsize (\d+)\n", data)
    assert found
    return int(found[1])


@pytest.mark.parametrize("suffix", ["ot", "bt"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: b"", "starts with b''"),
        (lambda d: b"\x89PNG\r\n" + d, "starts with"),
        (lambda d: d[:40], "no line 'data'"),
        (lambda d: d.replace(b"res 0.1", b"res 0"), "res is '0'"),
        (lambda d: d.replace(b"res 0.1", b"res nan"), "res is 'nan'"),
        (lambda d: d.replace(b"res 0.1", b"res -0.1"), "res is '-0.1'"),
        (lambda d: d.replace(b"res 0.1", b"res"), "needs one value"),
        (lambda d: d.replace(b"res 0.1\n", b""), "no line 'res'"),
        (lambda d: d.replace(b"id OcTree", b"id Elephant"), "'Elephant'"),
        (lambda d: d.replace(b"id OcTree", b"colour blue"), "'colour blue'"),
        (lambda d: re.sub(rb"size \d+", b"size 0", d), "empty"),
        (lambda d: re.sub(rb"size \d+", b"size -4", d), "size is '-4'"),
        (lambda d: re.sub(rb"size \d+", b"size " + b"9" * 40, d), "size is '9999"),
        (
            lambda d: re.sub(rb"size \d+", b"size 999999999999999999", d),
            "claims 999999999999999999",
        ),
        (lambda d: re.sub(rb"size \d+", b"size %d" % (size_in(d) + 1), d), "header claims"),
        (lambda d: d.split(b"\ndata\n")[0] + b"\ndata\n", "empty"),
        (lambda d: d[:-1], "bytes"),
        (lambda d: d + b"\x00", "bytes"),
        (lambda d: BINARY + b"\n" + b"# talk\n" * 20000 + d, "no line 'data'"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, files, suffix, change, message) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "bad.bt"
    path.write_bytes(change(files[suffix]))
    with pytest.raises(OctomapError, match=message) as caught:
        load_octomap(path)
    assert "bad.bt" in str(caught.value)


def test_streams_that_do_not_fit_their_tree(tmp_path: Path) -> None:
    path = tmp_path / "bad"
    inner = b"\x00\x00\x00\x00\x01"  # one child
    leaf = b"\x00\x00\x80\x3f\x00"
    one_path = inner * 16 + leaf
    path.write_bytes(file_of(one_path, 17))
    assert load_octomap(path).leaves().size.tolist() == [0.1]
    cases = [
        (inner * 17 + leaf, 18, FULL, "deeper than 16"),
        (inner * 16, 16, FULL, "inside the tree"),
        (one_path + leaf, 18, FULL, "goes on"),
        (leaf * 2, 2, FULL, "goes on"),
        (inner * 16 + b"\x00\x00\xc0\x7f\x00", 17, FULL, "NaN"),
        (b"\x03\x00" * 17, 18, BINARY, "deeper than 16"),
        (b"\x03\x00" * 15, 16, BINARY, "inside the tree"),
        (b"\x01\x00" * 2, 3, BINARY, "goes on"),
        (b"\x00\x00", 1, BINARY, "no known voxel"),
    ]
    for body, size, magic, message in cases:
        path.write_bytes(file_of(body, size, magic=magic))
        with pytest.raises(ValueError, match=message):
            load_octomap(path)
    path.write_bytes(file_of(leaf, 1))  # one leaf for the whole space
    assert load_octomap(path).n_leaves == 8


@given(st.sampled_from(["ot", "bt"]), st.data())
@settings(deadline=None, max_examples=300)
def test_corrupted_files_load_or_are_refused(files, tmp_path_factory, suffix, data) -> None:  # type: ignore[no-untyped-def]
    content = bytearray(files[suffix])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(["flip", "cut", "double"]))
        if kind == "flip":
            content[at] = data.draw(st.integers(0, 255))
        elif kind == "cut":
            del content[at : at + data.draw(st.integers(1, 30))]
        else:
            content[at:at] = content[at : at + data.draw(st.integers(1, 30))]
        if not content:
            break
    path = tmp_path_factory.getbasetemp() / "fuzzed"
    path.write_bytes(content)
    try:
        voxels = load_octomap(path)
    except OctomapError as refused:
        message = str(refused)
    else:
        message = "fuzzed but sound"
        assert voxels.n_leaves > 0
        assert voxels.nbytes < 64 * len(content) + 1024
        assert math.isfinite(sum(voxels.bounds))
    assert "fuzzed" in message


def test_saving_says_what_it_needs(tmp_path: Path) -> None:
    voxels = VoxelMap.unknown((0, 0, 0, 1, 1, 1), 0.5)
    with pytest.raises(ValueError, match="no known voxel"):
        save_octomap(voxels, tmp_path / "m.ot")
    with pytest.raises(ValueError, match="no known voxel"):
        save_octomap(voxels, tmp_path / "m.bt")
    with pytest.raises(ValueError, match=r"suffix must be \.bt or \.ot"):
        save_octomap(voxels, tmp_path / "m.txt")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "m.ot").mkdir()
    with pytest.raises(OSError, match=r"m\.ot"):
        save_octomap(voxels.insert([[0.1, 0.1, 0.1]], 1.0), tmp_path / "m.ot")
    assert [p.name for p in tmp_path.iterdir()] == ["m.ot"]
    with pytest.raises(OSError, match="absent"):
        load_octomap(tmp_path / "absent.ot")
