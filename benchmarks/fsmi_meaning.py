"""What the measures claim, against the truth where it can be had: the figures of docs/fsmi.md.

Truths: enumeration in closed form for one beam (a reading depends on the map through its first
hit alone), Monte Carlo over maps for a scan. Nothing here is a timing.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr
from scipy.stats import spearmanr

from fsmi import (
    OccupancyGrid,
    RangeSensor,
    beam_mi,
    fcmi_map,
    load_map,
    mi_map,
    monte_carlo_mi,
    scan_mi,
)
from fsmi.planning.knowledge import classify

Array = npt.NDArray[np.float64]
OFFICE = Path(__file__).resolve().parent.parent / "data/maps/office.yaml"
SENSOR = RangeSensor(60, max_range=8.0, sigma=0.1)  # on the office: 80 cells, noise of one
BOLD = {"delta_occ": 1e3, "delta_emp": 1e-3}


def row(name: str, value: float, unit: str, note: str = "") -> dict[str, object]:
    return {"name": name, "value": float(value), "unit": unit, "note": note}


def noisy_truth(o: Array, sigma: float) -> float:
    """I(map; reading) [bit] of a beam of unit cells with Gaussian noise: h(Z) - h(Z | map)."""
    hit = o * np.cumprod(np.concatenate(([1.0], 1.0 - o[:-1])))
    none = float(np.prod(1.0 - o))
    z = np.arange(-12 * sigma, o.size + 12 * sigma, sigma / 8)
    apart = (z[:, None] - np.arange(o.size) - 0.5) / sigma
    density = np.exp(-0.5 * apart**2) @ hit / (sigma * math.sqrt(2 * math.pi))
    logs = np.log2(density, out=np.zeros_like(density), where=density > 0)
    told = -float(density @ logs) * sigma / 8 - none * math.log2(none)
    return told - (1 - none) * 0.5 * math.log2(2 * math.pi * math.e * sigma**2)


def beam_rows() -> list[dict[str, object]]:
    """One beam: soft and bold updates, no return, noise off the beam."""
    unknown, corridor = np.full(20, 0.5), np.full(30, 0.03)
    soft = beam_mi(unknown) / beam_mi(unknown, measure="shannon")
    claims = []
    for o in (np.full(10, 0.5), np.full(10, 0.1), np.full(10, 0.02)):
        claims.append(beam_mi(o, sigma=1.0, **BOLD) / noisy_truth(o, 1.0))
    softly = beam_mi(np.full(10, 0.5), sigma=1.0) / noisy_truth(np.full(10, 0.5), 1.0)
    counted, dropped = (beam_mi(corridor, count_no_hit=c) for c in (True, False))
    behind = sum(0.5 ** (j + 1) * ndtr(-(j + 0.5)) for j in range(20))
    return [
        row("beam: fsmi, deltas 1.5, no noise / truth", soft, "ratio", "20 unknown cells"),
        row("beam: fsmi, deltas 1.5, noise 1 cell / truth", softly, "ratio", "10 unknown cells"),
        *(
            row(f"beam: fsmi, deltas 1000, noise 1 cell / truth, o = {o}", c, "ratio", "10 cells")
            for o, c in zip((0.5, 0.1, 0.02), claims, strict=True)
        ),
        row("beam: no return counted / not", counted / dropped, "ratio", "30 cells at 0.03"),
        row("beam: readings behind the sensor", behind, "share", "o = 0.5, noise 1 cell"),
    ]  # fmt: skip


def overlap_rows() -> list[dict[str, object]]:
    """The sum over beams against the truth of a whole scan."""
    out = []
    for o in (0.5, 0.1):
        grid = OccupancyGrid(np.full((101, 101), o, dtype=np.float32), 1.0)
        for n in (60, 360):
            sensor, pose = RangeSensor(n, max_range=50.0), (50.5, 50.5, 0.01)
            truth = monte_carlo_mi(grid, pose, sensor, measure="shannon", n_maps=300, rng=0)
            total = scan_mi(grid, pose, sensor, measure="shannon", tol=1e-9)[0]
            once = scan_mi(grid, pose, sensor, measure="shannon", joint=True, tol=1e-9)[0]
            note = f"truth {truth.value[0]:.1f} +- {truth.standard_error[0]:.1f} bit"
            case = f"o = {o}, {n} beams"
            out.append(row(f"scan: sum / truth, {case}", total / truth.value[0], "ratio", note))
            out.append(row(f"scan: joint / truth, {case}", once / truth.value[0], "ratio"))
    return out


def office_rows() -> list[dict[str, object]]:
    """A half-explored office: how the surfaces rank its free cells, and how far off they are."""
    known = classify(load_map(OFFICE))
    grid, free = known.belief, known.free
    some = np.argwhere(free)[np.random.default_rng(0).permutation(int(free.sum()))[:400]]
    at, poses = tuple(some.T), np.column_stack((grid.cell_to_world(some), np.zeros(len(some))))
    truth = monte_carlo_mi(grid, poses, SENSOR, measure="shannon", n_maps=200, rng=0).value
    once = scan_mi(grid, poses, SENSOR, measure="shannon", joint=True)
    far, dense = RangeSensor(SENSOR.n_beams, max_range=1e3), replace(SENSOR, n_beams=360)
    truth360 = monte_carlo_mi(grid, poses, dense, measure="shannon", n_maps=50, rng=0).value
    sums, sums360 = (scan_mi(grid, poses, s, measure="shannon") for s in (SENSOR, dense))
    surfaces = {
        "shannon, joint sweep": mi_map(grid, SENSOR, measure="shannon", joint=True)[at],
        "shannon, joint, exact rays": once,
        "shannon, sum": mi_map(grid, SENSOR, measure="shannon")[at],
        "approx_fsmi, sum": mi_map(grid, SENSOR)[at],
        "approx_fsmi, sum, exact rays": scan_mi(grid, poses, SENSOR),
        "approx_fsmi, joint": mi_map(grid, SENSOR, joint=True)[at],
        "uniform_fsmi, sum": mi_map(grid, SENSOR, measure="uniform_fsmi")[at],
        "approx_csqmi, sum": scan_mi(grid, poses, SENSOR, measure="approx_csqmi"),
        "fcmi, unlimited range": fcmi_map(grid, far)[at],
    }  # fmt: skip
    rank = [
        row(f"office: {name}", spearmanr(truth, values).statistic, "Spearman with the truth")
        for name, values in surfaces.items()
    ]
    seen = truth > 0.05 * truth.max()

    exact, swept = surfaces["approx_fsmi, sum, exact rays"], surfaces["approx_fsmi, sum"]
    less, more = (fcmi_map(grid, far, max_rate=r)[free].max() for r in (1e6, 1e9))
    with np.errstate(divide="ignore", invalid="ignore"):  # cells that tell nothing are left out
        ratios = {
            "joint, exact rays / truth": once / truth,
            "joint sweep / truth": surfaces["shannon, joint sweep"] / truth,
            "sum of 60 beams, exact rays / truth": sums / truth,
            "sum of 360 beams, exact rays / truth": sums360 / truth360,
            "approx_fsmi (deltas 1.5), joint sweep / truth": surfaces["approx_fsmi, joint"] / truth,
            "approx_fsmi, digital lines / exact rays": swept / exact,
            "uniform_fsmi / approx_fsmi": surfaces["uniform_fsmi, sum"] / swept,
        }
    agree = spearmanr(exact, swept).statistic
    return [
        *rank,
        *(row(f"office: {k}", np.median(v[seen]), "median ratio") for k, v in ratios.items()),
        row("office: approx_fsmi, digital lines, exact rays", agree, "Spearman of the two"),
        row("office: fcmi, Lambda 1e9 / 1e6", more / less, "ratio", "largest value"),
        row("office: largest fcmi", more, "bit m rad", f"map: {grid.entropy():.0f} bit"),
    ]


def wall_row() -> dict[str, object]:
    """A known room whose walls are held at 0.97 and 0.999: what a scan claims of it."""
    bits = []
    for wall in (0.97, 0.999):
        cells = np.full((40, 40), 1 - wall, dtype=np.float32)
        cells[[0, -1]] = cells[:, [0, -1]] = wall
        grid, pose = OccupancyGrid(cells, 0.1), (2.0, 2.0, 0.0)
        bits.append([scan_mi(grid, pose, SENSOR, measure=m)[0] for m in ("approx_fsmi", "shannon")])
    note = f"known to 0.999: {bits[1][0]:.2f} bit (shannon {bits[1][1]:.1f})"
    return row("a room known to 0.97, sum of approx_fsmi", bits[0][0], "bit", note)


def rows(argv: list[str] | None = None) -> list[dict[str, object]]:
    """All rows; no arguments."""
    if argv:
        raise SystemExit(f"fsmi_meaning takes no arguments, got {argv}")
    return [*beam_rows(), *overlap_rows(), *office_rows(), wall_row()]
