"""`python3 dev.py bench [NAME ...] [--json FILE]`: run benchmarks and print their tables."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from pathlib import Path

# name -> (modules with `rows(argv) -> list of dict`, what they measure)
BENCHMARKS = {
    "apps": (("apps",), "the pages in Chromium: first page, and slider moves"),
    "fsmi": (
        ("fsmi_beams", "fsmi_maps", "fsmi_tiles", "fsmi_peers"),
        "kernels of a beam, poses and whole maps",
    ),
    "voxels": (("fsmi_voxels",), "3-D: rays, information by runs, memory, files; OctoMap"),
    "flights": (("flights",), "3-D exploration of generated houses and caves"),
    "meaning": (("fsmi_meaning",), "what the measures claim against the truth; no timings"),
    "mi": (("mi_panel",), "estimators over tasks with known information; resumable"),
    "audit": (("audit",), "audits: full, out of core (--rows), and on known leakage (--repeat)"),
    "audit_known": (("audit_known",), "audits on tables of known leakage: errors; resumable"),
    "replan": (("replan",), "how long plans and map updates take on a map of 600 x 550 cells"),
    "explore": (("explore",), "strategies over generated floor plans; resumable"),
    "calibration": (("calibration",), "bits promised against bits lost, prior fitted elsewhere"),
    "mi_counts": (
        ("mi_counts",),
        "counting 10^7 rows; --coverage [counts|ksg]: what intervals hold",
    ),
    "funnel": (("funnel",), "funnels against optima, greedy and the linear curve; resumable"),
    "funnel_tables": (
        ("funnel_tables",),
        "tables with a task: a learned funnel against dropping columns; resumable",
    ),
    "knn": (("mi_knn",), "nearest-neighbour estimators against scikit-learn and NPEET"),
}


def machine() -> dict[str, object]:
    """What a reader needs to judge the figures: processor count, load, versions."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return {
        "processors": os.cpu_count(),
        "load_1min": round(load, 2),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def table(rows: list[dict[str, object]]) -> str:
    """Rows as aligned text, one column a key in order of first appearance."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    cells = [keys] + [
        [f"{v:.4g}" if isinstance(v := row.get(key, ""), float) else str(v) for key in keys]
        for row in rows
    ]
    widths = [max(len(line[i]) for line in cells) for i in range(len(keys))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def main(argv: list[str]) -> int:
    """Run the named benchmarks; without a name, list them."""
    parser = argparse.ArgumentParser(prog="dev.py bench", description=__doc__)
    parser.add_argument("name", nargs="?", choices=sorted(BENCHMARKS))
    parser.add_argument("--json", type=Path, help="also write rows and machine to this file")
    args, rest = parser.parse_known_args(argv)
    if args.name is None:
        for name, (_, what) in BENCHMARKS.items():
            print(f"  {name:<10} {what}")
        return 0
    about = machine()
    print(f"{args.name}: {about}")
    rows: list[dict[str, object]] = []
    for module in BENCHMARKS[args.name][0]:
        part = importlib.import_module(f"benchmarks.{module}").rows(rest)
        print(f"\n{table(part)}", flush=True)
        rows += part
    if args.json:
        args.json.write_text(json.dumps({"machine": about, "rows": rows}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
