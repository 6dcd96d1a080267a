"""The fsmi command: what it prints and writes, and one clear line for every mistake."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from shapely.geometry import box

from fsmi import OccupancyGrid, VoxelMap, load_map, load_octomap, save_map, save_octomap
from fsmi.cli import main
from fsmi.sim.floorplans import make_world
from fsmi.sim.worlds import finish, load_world, save_world

SMALL = ["--beams", "90", "--max-range", "5", "--quiet"]


@pytest.fixture
def world(tmp_path: Path) -> Path:
    rooms = box(0, 0, 6, 4).difference(box(0.2, 0.2, 5.8, 3.8)).union(box(2.9, 1.4, 3.1, 4.0))
    path = tmp_path / "rooms.geojson"
    save_world(finish(rooms, (0.0, 0.0, 6.0, 4.0), (1.0, 2.0, 0.0)), path)
    return path


@pytest.fixture
def ros_map(tmp_path: Path) -> Path:
    cells = np.full((30, 50), -1, dtype=np.int8)
    cells[:, :30] = 0
    cells[[0, -1]] = 100
    path = tmp_path / "half.yaml"
    save_map(OccupancyGrid(cells, 0.1, (-1.0, 2.0, 0.0)), path)
    return path


def fails(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    """The one line on stderr of a command that must exit with code 2."""
    assert main([str(a) for a in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("fsmi: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_explore_writes_and_prints_what_it_found(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "run.json"
    gif, final = tmp_path / "new" / "run.gif", tmp_path / "new" / "final.yaml"
    code = main(
        ["explore", str(world), "-o", str(out), "--gif", str(gif), "--map", str(final), *SMALL]
    )
    assert code == 0
    record = json.loads(out.read_text())
    assert record["status"] == "done"
    assert record["coverage"] > 0.98
    assert record["collisions"] == 0
    assert record["sensor"]["n_beams"] == 90
    assert record["world"]["kind"] == "custom"
    text = capsys.readouterr().out
    assert f"{100 * record['coverage']:.1f} %" in text
    assert f"{record['path_length']:.1f} m" in text
    assert f"{record['entropy_before']:,.0f} bit before" in text
    assert f"{record['entropy_after']:,.0f} bit after" in text
    with Image.open(gif) as picture:
        assert picture.n_frames == record["plans"]
    assert load_map(final).shape == (40, 60)
    assert sorted(p.name for p in out.parent.iterdir()) == [
        "final.pgm", "final.yaml", "run.gif", "run.json"
    ]  # fmt: skip


def test_explore_takes_a_kind_and_a_ros_map(
    ros_map: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explore", "maze:3", "--max-steps", "2", *SMALL]) == 0
    assert "World(maze, seed 3" in capsys.readouterr().out
    out = tmp_path / "run.json"
    assert main(["explore", str(ros_map), "-o", str(out), "--strategy", "nearest", *SMALL]) == 0
    assert json.loads(out.read_text())["strategy"] == "nearest"


def test_explore_starts_where_it_is_told(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "run.json"
    assert main(["explore", str(world), "-o", str(out), "--start", "4.5,3,90", *SMALL]) == 0
    assert json.loads(out.read_text())["trail"][0] == pytest.approx([4.5, 3.0, np.pi / 2])


def test_the_robot_comes_home_and_its_last_decision_is_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump = tmp_path / "last.npz"
    line = ["explore", "maze:2", "--resolution", "0.2", "--budget", "25", "--return-home"]
    assert main([*line, "--dump", str(dump), "--quiet"]) == 0
    assert "are for the way home" in capsys.readouterr().out
    assert main(["replay", str(dump)]) == 0
    assert capsys.readouterr().out.startswith("budget: ")
    dump.write_text("nothing")
    assert main(["replay", str(dump)]) == 2
    assert "no NumPy archive" in capsys.readouterr().err
    assert main(["explore", "rooms3d:1", "--3d", "--return-home"]) == 2
    assert "leave them out" in capsys.readouterr().err


def test_map_draws_the_surface_in_bits(
    ros_map: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["map", str(ros_map), "-o", str(tmp_path / "a" / "mi.png"), *SMALL]) == 0
    with Image.open(tmp_path / "a" / "mi.png") as picture:
        assert picture.format == "PNG"
    assert "best scan" in capsys.readouterr().out
    assert main(["map", str(ros_map), "-o", str(tmp_path / "mi.npy"), *SMALL]) == 0
    bits = np.load(tmp_path / "mi.npy")
    assert bits.shape == (30, 50)
    assert np.isnan(bits[:, 30:]).all()  # the robot cannot stand there
    # A scan next to the unknown tells more than one far from it.
    assert bits[15, 28] > 2 * bits[15, 2] > 0


@pytest.mark.parametrize("measure", ["fsmi", "shannon"])
def test_map_measures_and_priors(ros_map: Path, tmp_path: Path, measure: str) -> None:
    sums = []
    for options in (["--prior", "0.3"], ["--prior", "0.3", "--beams-add-up"]):
        out = tmp_path / "mi.npy"
        line = ["map", str(ros_map), "-o", str(out), "--measure", measure, *options, *SMALL]
        assert main(line) == 0
        sums.append(np.nansum(np.load(out)))
    assert sums[1] > sums[0] > 0  # beams that add up count cells twice


def test_map_names_the_unit_and_what_cannot_count_cells_once(
    ros_map: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["map", str(ros_map), "-o", str(tmp_path / "m.npy"), "--measure", "fcmi", "--quiet"]
    line += ["--beams", "8", "--max-range", "1000"]
    assert main(line) == 2
    assert "add --beams-add-up" in capsys.readouterr().err
    assert main([*line, "--beams-add-up"]) == 0
    assert "bit m rad at" in capsys.readouterr().out


def test_convert_goes_round(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    yaml, back = tmp_path / "sub" / "m.yaml", tmp_path / "back.geojson"
    assert main(["convert", str(world), str(yaml), "--resolution", "0.1"]) == 0
    assert main(["convert", str(yaml), str(back)]) == 0
    assert main(["convert", str(yaml), str(tmp_path / "m.npy")]) == 0
    assert "->" in capsys.readouterr().out
    one, two = load_world(world), load_world(back)
    assert one.obstacles.symmetric_difference(two.obstacles).area < 0.05
    np.testing.assert_array_equal(np.load(tmp_path / "m.npy"), load_map(yaml).occupancy)


def test_convert_voxels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = np.full((3, 4, 5), 0.1, dtype=np.float32)
    cells[1, 2, 3] = 0.9
    full = tmp_path / "v.ot"
    save_octomap(VoxelMap.from_dense(cells, 0.5), full)
    assert main(["convert", str(full), str(tmp_path / "v.bt")]) == 0
    again = load_octomap(tmp_path / "v.bt")
    assert again.n_leaves > 0
    assert main(["convert", str(full), str(tmp_path / "v.yaml"), "--slice", "0.75"]) == 0
    sliced = load_map(tmp_path / "v.yaml")
    assert (sliced.occupancy == 1.0).sum() == 1
    capsys.readouterr()
    assert "--slice Z" in fails(capsys, ["convert", full, tmp_path / "w.yaml"])
    assert not (tmp_path / "w.yaml").exists()


def test_convert_draws_the_map_of_a_log(tmp_path: Path) -> None:
    room = finish(box(0, 0, 4, 3).difference(box(0.5, 0.5, 3.5, 2.5)), (0.0, 0.0, 4.0, 3.0))
    segments = room.segments()
    from fsmi import RangeSensor
    from fsmi.sim.lidar import ranges_in

    laser = RangeSensor(n_beams=181, fov=np.pi, max_range=20.0)
    lines = ["# a log", "PARAM robot_width 0.5"]
    for k in range(12):
        pose = (1.0 + 0.15 * k, 1.2 + 0.05 * k, 0.6 * k)
        ranges = " ".join(f"{r:.3f}" for r in ranges_in(segments, pose, laser))
        where = " ".join(f"{v:.6f}" for v in pose)
        lines.append(f"FLASER 181 {ranges} {where} {where} {k} host {k}")
    log = tmp_path / "drive.log"
    log.write_text("\n".join(lines) + "\n")
    assert main(["convert", str(log), str(tmp_path / "m.yaml"), "--resolution", "0.05"]) == 0
    drawn = load_map(tmp_path / "m.yaml")
    assert drawn.occupancy[tuple(drawn.world_to_cell((2.0, 1.5)))] == 0.0
    wall = drawn.world_to_cell([(2.0, 0.47), (2.0, 0.53)])
    assert drawn.occupancy[wall[:, 0], wall[:, 1]].max() == 1.0


def broken_geojson(folder: Path) -> Path:
    path = folder / "broken.geojson"
    path.write_text('{"type": "FeatureCollection", "features": [')
    return path


def full_world(folder: Path) -> Path:
    collection = make_world("maze").to_geojson()
    feature = next(f for f in collection["features"] if f["properties"]["role"] == "bounds")
    collection["features"].append({**feature, "properties": {"role": "obstacle"}})
    path = folder / "full.geojson"
    path.write_text(json.dumps(collection))
    return path


def missing_image(folder: Path) -> Path:
    path = folder / "lost.yaml"
    path.write_text(
        "image: nowhere.pgm\nresolution: 0.05\norigin: [0, 0, 0]\nnegate: 0\n"
        "occupied_thresh: 0.65\nfree_thresh: 0.196\n"
    )
    return path


def negative_resolution(folder: Path) -> Path:
    save_map(OccupancyGrid(np.zeros((4, 4), dtype=np.int8), 0.1), folder / "negative.yaml")
    path = folder / "negative.yaml"
    path.write_text(path.read_text().replace("resolution: 0.1", "resolution: -0.1"))
    return path


def no_free_cell(folder: Path) -> Path:
    path = folder / "solid.yaml"
    save_map(OccupancyGrid(np.full((4, 4), 100, dtype=np.int8), 0.1), path)
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (broken_geojson, "is not JSON"),
        (full_world, "no free space"),
        (missing_image, "nowhere.pgm"),
        (negative_resolution, "-0.1"),
        (no_free_cell, "no free space"),
        (lambda folder: folder / "none.geojson", "there is no file"),
        (lambda folder: folder / "none.txt", "ends in '.txt'"),
    ],
)
def test_explore_refuses_bad_worlds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make: object, words: str
) -> None:
    path = make(tmp_path)  # type: ignore[operator]
    before = sorted(tmp_path.rglob("*"))
    line = ["explore", path, "-o", tmp_path / "out" / "r.json", "--gif", tmp_path / "out" / "r.gif"]
    assert words in fails(capsys, [*line, *SMALL])
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (missing_image, "nowhere.pgm"),
        (negative_resolution, "-0.1"),
        (no_free_cell, "no free cell"),
        (lambda folder: folder / "none.yaml", "there is no file"),
    ],
)
def test_map_refuses_bad_maps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make: object, words: str
) -> None:
    path = make(tmp_path)  # type: ignore[operator]
    before = sorted(tmp_path.rglob("*"))
    assert words in fails(capsys, ["map", path, "-o", tmp_path / "out" / "mi.png", *SMALL])
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--start", "0.05,0.05,0"], "inside a wall"),
        (["--start", "50,1,0"], "outside the bounds"),
        (["--start", "0.3,2,0"], "0.10 m from a wall"),
        (["--robot-radius", "0"], "radius is 0"),
        (["--resolution", "-1"], "resolution is -1"),
        (["--strategy", "luck"], "strategy is 'luck'"),
        (["--beams", "0"], "n_beams is 0"),
        (["--fov", "400"], "fov is"),
        (["--sigma", "-1"], "sigma is -1"),
        (["--budget", "0"], "max_distance is 0"),
        (["--max-steps", "0"], "max_steps is 0"),
        (["--gif", "film.mp4"], "must end in .gif"),
        (["-o", "run.txt"], "must end in .json"),
    ],
)
def test_explore_refuses_bad_options(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    out = tmp_path / "out" / "r.json"
    given = ["explore", world, *([] if "-o" in options else ["-o", out]), "--quiet", *options]
    assert words in fails(capsys, given)
    assert not out.parent.exists()


def test_an_unwritable_place_leaves_nothing(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    line = ["explore", world, "-o", tmp_path / "file" / "r.json", "--max-steps", "1", *SMALL]
    fails(capsys, line)
    (tmp_path / "folder.json").mkdir()
    assert "is a folder" in fails(capsys, ["explore", world, "-o", tmp_path / "folder.json"])


@pytest.mark.parametrize(
    "line", [[], ["fly"], ["explore"], ["map", "x.yaml"], ["explore", "x", "--start", "1,2"]]
)
def test_usage_errors_are_one_line_and_exit_2(
    capsys: pytest.CaptureFixture[str], line: list[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(line)
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_runs_as_a_program() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "fsmi.cli", "--help"], capture_output=True, text=True, check=True
    )
    assert "explore" in run.stdout
