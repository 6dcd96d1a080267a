"""The page *FSMI explorer*: every control, in process."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from fsmi import MEASURES, OccupancyGrid, load_octomap, save_map, save_octomap
from tests.apps.pages import ENTRY, check, open_page, values

PAGE = "fsmi_explorer.py"
# How Streamlit puts the siblings of the entry file within reach of each other.
sys.path.insert(0, str(ENTRY.parent))

import robot_flight  # noqa: E402
from cubes import View, draw_cubes, faces  # noqa: E402
from robot_surface import SURFACES, chosen_places, filled  # noqa: E402
from ui import kernel_lock  # noqa: E402


def test_a_scan_promises_and_takes() -> None:
    page = open_page(PAGE)
    before = values(page)
    assert 0 < before["promise"] < before["unknown"]
    page.button(key="scan_take").click().run()
    assert not page.exception
    after = values(page)
    # The entropy falls by exactly what the page said that this scan would take.
    assert after["unknown"] == pytest.approx(before["unknown"] - before["real"], rel=2e-3)
    page.button(key="scan_undo").click().run()
    assert values(page) == before
    page.button(key="scan_forget").click().run()
    assert not page.exception
    assert page.text_input(key="robot_scans").value == ""


@pytest.mark.parametrize("kind", ["maze", "cave", "warehouse", "forest"])
def test_worlds(kind: str) -> None:
    page = open_page(PAGE, world=kind)
    assert page.selectbox(key="world").value == kind
    assert values(page)["unknown"] > 0


def test_a_place_outside_the_map_is_refused() -> None:
    page = open_page(PAGE, robot_at="900 2")
    assert "outside" in page.warning[0].value


def test_surfaces_agree_on_ranks() -> None:
    page = open_page(PAGE, view="Whole map", surfaces=["FSMI", "each cell once", "Shannon"])
    assert not page.error
    captions = [c.value for c in page.caption if "Best ★" in c.value]
    assert len(captions) == 3
    page.toggle(key="surface_truth").set_value(True).run()
    assert not page.exception


def test_every_measure_has_a_surface() -> None:
    page = open_page(
        PAGE, view="Whole map", world="maze", cell=0.5, beams=8, surfaces=list(SURFACES)
    )
    assert not page.error
    assert {s.measure for s in SURFACES.values()} == set(MEASURES)
    captions = [c.value for c in page.caption if "Best ★" in c.value]
    assert len(captions) == len(SURFACES)
    best = {name: words.split("at (")[1] for name, words in zip(SURFACES, captions, strict=True)}
    # Without noise the closed forms are one number.
    assert best["FSMI"].split(";")[0] == best["exact FSMI"].split(";")[0]
    # With noise the quadrature is asked for at fewer places, and says so.
    page.slider(key="sigma").set_value(0.1).run()
    words = [c.value for c in check(page).caption if "Best ★" in c.value][-1]
    assert int(re.search(r"(\d+) places ×", words)[1]) <= 12
    assert "the rest as the nearest" in words


@pytest.mark.parametrize("most", [1, 2, 7, 60, 1000])
def test_places_are_few_free_and_spread(most: int) -> None:
    free = np.zeros((30, 41), dtype=bool)
    free[3:20, 5:33] = True
    some = chosen_places(free, most)
    assert 1 <= some.sum() <= most
    assert not (some & ~free).any()
    if most == 1000:
        assert (some == free).all()
    if most == 60:
        assert some.sum() > 20


def test_gaps_take_the_value_of_the_nearest() -> None:
    values = np.full((3, 9), np.nan, dtype=np.float32)
    values[1, 1], values[1, 7] = 2.0, 5.0
    full = filled(values)
    assert (full[:, :4] == 2.0).all()
    assert (full[:, 6:] == 5.0).all()
    nothing = np.full((2, 2), np.nan, dtype=np.float32)
    assert np.isnan(filled(nothing)).all()


def test_no_surface_without_a_free_cell() -> None:
    page = open_page(PAGE, view="Whole map", robot_scans="")
    assert "take a scan first" in page.info[0].value


def test_step_and_run_to_the_end() -> None:
    page = open_page(PAGE, view="Exploration", world="maze", cell=0.4, rival="nearest")
    assert values(page)["driven [m]"] == 0
    page.button(key="explore_step").click().run()
    assert not page.exception
    page.button(key="explore_end").click().run(timeout=120)
    assert not page.exception
    runs = page.session_state["explore_runs"][1]
    assert set(runs) == {"information_rate", "nearest"}
    for run in runs.values():
        assert run.finished
        assert run.last.plan.status == "done"
        assert run.last.coverage > 0.9
    # Looking back shows an earlier state of both.
    count = sum(len(r.steps) for r in runs.values())
    page.slider(key=f"explore_at_{count}").set_value(5.0).run()
    assert not page.exception
    assert values(page)["driven [m]"] <= 5.0
    page.button(key="explore_film_make").click().run(timeout=120)
    assert not page.exception
    assert page.session_state["explore_film"][1].startswith(b"GIF8")
    page.button(key="explore_again").click().run()
    assert values(page)["driven [m]"] == 0


def test_play_and_pause() -> None:
    page = open_page(PAGE, view="Exploration", world="warehouse", cell=0.15)
    page.button(key="explore_play").click().run()
    assert not page.exception
    assert page.session_state["explore_playing"]
    page.button(key="explore_play").click().run()
    assert not page.session_state["explore_playing"]


def test_a_robot_that_does_not_fit() -> None:
    page = open_page(PAGE, view="Exploration", world="maze", radius=0.6)
    assert not page.exception


def test_upload_of_a_map(tmp_path: Path) -> None:
    occupancy = np.zeros((40, 60), dtype=np.float32)
    occupancy[[0, -1]] = occupancy[:, [0, -1]] = 1.0
    save_map(OccupancyGrid(occupancy, 0.1), tmp_path / "hall.yaml")
    image = next(p for p in tmp_path.iterdir() if p.suffix == ".pgm")
    page = open_page(PAGE, world="upload")
    assert "Send a map" in page.info[0].value
    sent = page.file_uploader(key="robot_files")
    sent.upload("../../hall.yaml", (tmp_path / "hall.yaml").read_bytes())
    sent.upload("hall.pgm", image.read_bytes()).run()
    assert not page.exception
    assert not page.error, page.error
    assert values(page)["unknown"] > 0


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.geojson", b"{}", "FeatureCollection"),
        ("a.yaml", b"image: x", "two files"),
        ("a.pgm", b"P5", "two files"),
    ],
)
def test_bad_uploads(name: str, content: bytes, words: str) -> None:
    page = open_page(PAGE, world="upload")
    page.file_uploader(key="robot_files").upload(name, content).run()
    assert not page.exception
    assert words in page.error[0].value


def test_huge_map_is_refused() -> None:
    header = b"image: a.pgm\nresolution: 0.05\norigin: [0, 0, 0]\n"
    page = open_page(PAGE, world="upload")
    sent = page.file_uploader(key="robot_files")
    sent.upload("a.yaml", header)
    sent.upload("a.pgm", b"P5 10000 10000 255\n" + bytes(1000)).run()
    assert not page.exception
    assert "100000000" in page.error[0].value.replace("\\", "").replace(",", "")


def test_one_beam_agrees_with_all_maps() -> None:
    page = open_page(PAGE, view="One beam", sigma=0.1)
    shown = values(page)
    assert shown["all maps"] == shown["formula"] == shown["H(range)"]
    table = page.dataframe[0].value.set_index("measure")["bit"]
    assert table["fsmi"] == pytest.approx(table["numerical"], abs=1e-6)
    page.get("pills")[0].set_value("unknown").run()
    assert not page.exception
    assert page.text_input(key="beam_cells").value.count("0.5") == 8


@pytest.mark.parametrize(
    ("words", "sign"), [("a b", "not a beam"), ("2", "not a beam"), ("", "not a beam")]
)
def test_bad_beams(words: str, sign: str) -> None:
    page = open_page(PAGE, view="One beam", beam_cells=words)
    assert sign in page.warning[0].value


def test_long_beams_and_no_noise() -> None:
    page = open_page(PAGE, view="One beam", beam_cells=" ".join(["0.1"] * 30), sigma=0.0)
    assert "too many maps" in page.info[0].value
    assert len(page.dataframe[0].value) >= 7


def test_voxels() -> None:
    page = open_page(PAGE, view="Voxels", world="maze", reach=8.0)
    before = values(page)
    assert before["promise [bit]"] > 0
    page.session_state["robot_scans"] = "start; 10 7 0"
    page.run()
    assert not page.exception
    assert values(page)["unknown [bit]"] < before["unknown [bit]"]
    for key, value in (("rings", 1), ("opening", 120), ("mast", 2.2), ("turn", -180)):
        page.slider(key=key).set_value(value)
    page.run()
    assert not page.exception


def test_a_flight_is_stepped_flown_looked_at_and_taken_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = open_page(PAGE, view="Voxels", voxel_part="A flight", flight_rings=8)
    page.button(key="flight_step").click().run()
    first = values(check(page))
    page.button(key="flight_step").click().run()
    second = values(check(page))
    assert second["unknown [bit]"] < first["unknown [bit]"]
    assert second["flown [m]"] > first["flown [m]"] > 0
    flight = page.session_state["flight"]
    assert len(flight.shots) == 4
    page.slider(key="flight_at_4").set_value(1).run()
    assert values(check(page))["flown [m]"] == 0.0
    page.slider(key="flight_cut").set_value(2.4).run()
    page.slider(key="flight_turn").set_value(-180).run()
    assert len(check(page).get("download_button")) == 2
    path = tmp_path / "map.bt"
    save_octomap(flight.voxels, path)
    # The file holds the box of what is known, not the empty rest.
    assert (load_octomap(path).to_dense(prior=0.0) > 0.5).sum() == (
        flight.voxels.to_dense(prior=0.0) > 0.5
    ).sum()
    page.button(key="flight_again").click().run()
    assert "Press" in check(page).info[0].value


def test_a_flight_ends_by_itself_and_remembers_what_a_stop_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = open_page(PAGE, view="Voxels", voxel_part="A flight", flight_rings=8)
    flight = page.session_state["flight"]

    def stop() -> None:
        if len(flight.shots) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        flight.fly(9, stop)
    assert len(flight.shots) == len(flight.records) == 2
    assert kernel_lock().acquire(blocking=False)  # a stop does not leave the others waiting
    kernel_lock().release()
    monkeypatch.setattr(robot_flight, "MOST_SHOTS", 4)
    page.button(key="flight_go").click().run()
    assert check(page).button(key="flight_go").disabled


@pytest.mark.parametrize("turn", [-3.1, -1.0, 0.0, 0.4, 1.5707963, 2.5])
def test_cubes_cover_what_lies_behind_them(turn: float) -> None:
    solid = np.zeros((2, 3, 3), dtype=bool)
    solid[0, 1, 1] = True
    view = View(solid.shape, turn)
    seen = faces(solid, view)
    # A lone cube shows its top and one or two sides, all inside the drawing.
    assert 2 <= len(seen) <= 3
    solid[:] = True
    block = faces(solid, view)
    # Of a full block only the hull is drawn: the top and at most two sides of 3 x 2 cells.
    assert len(block) <= 9 + 2 * 6
    for _, polygon in block:
        numbers = [float(v) for v in re.findall(r"-?\d+", polygon.split('"')[1])]
        assert all(0 <= u <= 900 for u in numbers[::2])
        assert all(0 <= v <= view.height for v in numbers[1::2])


def test_the_way_flown_is_drawn() -> None:
    svg = draw_cubes(
        np.zeros((2, 3, 4), dtype=bool), 0.4, [(1, 1, 1)], "x", trail=[(0, 0, 0), (3, 2, 1)]
    )
    assert svg.count("<polyline") == 2
    assert "<polyline" not in draw_cubes(np.zeros((2, 3, 4), dtype=bool), 0.4, [], "x")
