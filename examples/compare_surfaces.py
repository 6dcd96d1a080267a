"""Every measure over one half-explored map, side by side: what each says a scan is worth.

python -m examples.compare_surfaces docs/img/surfaces.png 1    # about two minutes
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import spearmanr

from fsmi import RangeSensor, fcmi_map, load_map, mi_map
from fsmi.planning.knowledge import classify


def main(picture: str = "out/surfaces.png", stride: int | str = 3) -> None:
    grid = load_map("data/maps/office.yaml")
    known = classify(grid)  # unknown cells as a planner sees them: one in fifty is a wall
    soft = RangeSensor(n_beams=60, max_range=8.0, sigma=0.1)
    bold, far = replace(soft, delta_occ=1e3, delta_emp=1e-3), replace(soft, max_range=99.0)
    i, j = np.indices(grid.shape)  # csqmi has no sweep; pose by pose takes its time
    some = known.free & (i % int(stride) == 0) & (j % int(stride) == 0)
    surfaces = {
        "shannon, each cell once [bit]": mi_map(known.belief, soft, measure="shannon", joint=True),
        "shannon, sum of 60 beams [bit]": mi_map(known.belief, soft, measure="shannon"),
        "approx_fsmi, updates by 1.5 [bit]": mi_map(known.belief, soft),
        "approx_fsmi, updates by 1000 [bit]": mi_map(known.belief, bold),
        "uniform_fsmi, updates by 1.5 [bit]": mi_map(known.belief, soft, measure="uniform_fsmi"),
        "approx_csqmi, sum of 60 beams [bit]": mi_map(
            known.belief, soft, measure="approx_csqmi", method="poses", mask=some
        ),
        "fcmi, unlimited range [bit m rad]": fcmi_map(known.belief, far),
    }
    first = next(iter(surfaces.values()))
    view = {"extent": (0, 26, 0, 16), "origin": "lower", "interpolation": "nearest"}
    figure = Figure(figsize=(15, 8.6), dpi=100, layout="constrained")
    for k, name in enumerate(["the map", *surfaces]):
        panel = figure.add_subplot(2, 4, k + 1, title=name, xlabel="x [m]" if k > 3 else "")
        panel.set_ylabel("" if k % 4 else "y [m]")
        image = panel.imshow(grid.occupancy, cmap="gray_r", vmin=0, vmax=1, **view)
        label = "probability of being occupied"
        if name in surfaces:
            bits = np.where(known.free, surfaces[name], np.nan)
            rank = spearmanr(first[some], bits[some]).statistic
            label = f"rank correlation with the first: {rank:.2f}"
            print(f"{name:36} at most {np.nanmax(bits):6.2f}, Spearman {rank:.2f}")
            image = panel.imshow(bits, cmap="viridis", vmin=0.0, **view)
        panel.set_xlim(0, 20.5)
        figure.colorbar(image, ax=panel, location="bottom", shrink=0.9, aspect=30, label=label)
    Path(picture).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture)


if __name__ == "__main__":
    main(*sys.argv[1:])
