from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fsmi import OccupancyGrid, load_map, save_map

RNG = np.random.default_rng(5)


def write_map(folder: Path, image: Image.Image, name: str = "m.png", **fields: object) -> Path:
    values = {"image": name, "resolution": 0.05, "origin": [-1.0, 2.0, 0.3], "negate": 0}
    values |= {"occupied_thresh": 0.65, "free_thresh": 0.196} | fields
    image.save(folder / name)
    path = folder / "map.yaml"
    path.write_text("".join(f"{key}: {value}\n" for key, value in values.items()))
    return path


def codes_by_rule(gray: np.ndarray, free: float, occupied: float, mode: str) -> np.ndarray:
    """The rules pixel by pixel, in plain loops."""
    out = np.empty(gray.shape, dtype=int)
    for index, g in np.ndenumerate(gray):
        p = 1 - g / 255
        if mode == "raw":
            out[index] = g if g <= 100 else -1
        elif p <= free:
            out[index] = 0
        elif p >= occupied:
            out[index] = 100
        else:
            out[index] = round(100 * (p - free) / (occupied - free)) if mode == "scale" else -1
    return out[::-1]


@pytest.mark.parametrize("mode", ["trinary", "scale", "raw"])
def test_every_gray_value_is_read_by_the_rules(tmp_path: Path, mode: str) -> None:
    gray = np.arange(256, dtype=np.uint8).reshape(8, 32)
    grid = load_map(write_map(tmp_path, Image.fromarray(gray), mode=mode))
    assert np.array_equal(grid.cells, codes_by_rule(gray, 0.196, 0.65, mode))
    assert grid.resolution == 0.05
    assert grid.origin == (-1.0, 2.0, 0.3)


def test_gray_205_is_unknown_by_default_and_free_with_a_loose_threshold(tmp_path: Path) -> None:
    image = Image.fromarray(np.full((2, 3), 205, dtype=np.uint8))
    assert np.all(load_map(write_map(tmp_path, image)).cells == -1)
    assert np.all(load_map(write_map(tmp_path, image, free_thresh=0.25)).cells == 0)


def test_negate_turns_black_and_white_around(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 255]], dtype=np.uint8))
    assert load_map(write_map(tmp_path, image)).cells.tolist() == [[100, 0]]
    assert load_map(write_map(tmp_path, image, negate=1)).cells.tolist() == [[0, 100]]


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    wide = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    grid = load_map(write_map(tmp_path, Image.fromarray(wide)))
    assert np.array_equal(grid.cells, codes_by_rule(gray, 0.196, 0.65, "trinary"))


def test_transparent_pixels_are_unknown(tmp_path: Path) -> None:
    rgba = np.zeros((1, 3, 4), dtype=np.uint8)
    rgba[0, :, :3] = np.array([0, 254, 254])[:, None]
    rgba[0, :, 3] = [255, 255, 10]
    assert load_map(write_map(tmp_path, Image.fromarray(rgba))).cells.tolist() == [[100, 0, -1]]


@pytest.mark.parametrize(("mode", "image"), [("trinary", "pgm"), ("scale", "png"), ("raw", "pgm")])
def test_written_maps_read_back(tmp_path: Path, mode: str, image: str) -> None:
    cells = RNG.integers(-1, 101, size=(9, 13)).astype(np.int8)
    if mode == "trinary":
        cells = RNG.choice(np.array([-1, 0, 100], dtype=np.int8), size=(9, 13))
    grid = OccupancyGrid(cells, 0.05000000074505806, (1.5, -2.25, 0.1))
    save_map(grid, tmp_path / "map.yaml", mode=mode, image=image)
    back = load_map(tmp_path / "map.yaml")
    assert np.array_equal(back.cells, cells)
    assert (back.resolution, back.origin) == (grid.resolution, grid.origin)
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"map.{image}", "map.yaml"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"resolution": -0.05}, "resolution is -0.05"),
        ({"resolution": "fine"}, "resolution is 'fine'"),
        ({"origin": "here"}, "origin is 'here'"),
        ({"origin": "[0, .nan, 0]"}, "origin y is nan"),
        ({"mode": "grey"}, "mode is 'grey'; one of trinary, scale, raw"),
        ({"free_thresh": 0.9}, "free_thresh 0.9"),
    ],
)
def test_bad_fields_are_named(tmp_path: Path, fields: dict[str, object], message: str) -> None:
    path = write_map(tmp_path, Image.new("L", (2, 2)), **fields)
    with pytest.raises(ValueError, match=message):
        load_map(path)


def test_bad_files_are_named(tmp_path: Path) -> None:
    path = write_map(tmp_path, Image.new("L", (2, 2)))
    (tmp_path / "m.png").unlink()
    with pytest.raises(ValueError, match=r"image 'm.png' does not exist"):
        load_map(path)
    (tmp_path / "m.png").write_text("no picture")
    with pytest.raises(ValueError, match="not an image"):
        load_map(path)
    path.write_text("a: [1,")
    with pytest.raises(ValueError, match="not a YAML file"):
        load_map(path)
    path.write_text("- 1\n")
    with pytest.raises(ValueError, match="holds no map"):
        load_map(path)


def test_save_refuses_unknown_modes(tmp_path: Path) -> None:
    grid = OccupancyGrid(np.zeros((2, 2), dtype=np.int8), 0.1)
    with pytest.raises(ValueError, match="mode is 'gray'"):
        save_map(grid, tmp_path / "m.yaml", mode="gray")
    with pytest.raises(ValueError, match="png for mode scale"):
        save_map(grid, tmp_path / "m.yaml", mode="scale", image="pgm")
    assert not list(tmp_path.iterdir())
