"""`python3 dev.py demo`: both main jobs on real input, a few minutes, results in out/.

The demo runs the same commands a user would type and then reads the files they wrote.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

OUT = Path("out")
TABLE, SENSITIVE, KEEP = "data/anes96.csv", "vote", "party,self_left_right,age,education,income"
WORLD = "data/worlds/office.geojson"

Command = Callable[[list[str]], int]


def run(name: str, main: Command, line: str, allowed: tuple[int, ...] = (0,)) -> float:
    """Run one command line in this process; return its seconds, or end the demo if it failed."""
    print(f"\n$ {name} {line}", flush=True)
    begin = time.perf_counter()
    code = main(shlex.split(line))
    if code not in allowed:
        sys.exit(f"demo: `{name} {line}` ended with code {code}")
    return time.perf_counter() - begin


def read(name: str) -> Any:
    return json.loads((OUT / name).read_text())


def main() -> None:
    OUT.mkdir(exist_ok=True)
    from fsmi.cli import main as fsmi
    from privfunnel.cli import main as privfunnel

    begin = time.perf_counter()
    run("fsmi", fsmi, f"explore {WORLD} -o out/explore.json --gif out/explore.gif")
    run(
        "privfunnel",
        privfunnel,
        f"audit {TABLE} --sensitive {SENSITIVE} --html out/audit.html --json out/audit.json",
    )
    # Code 1 is an answer too: the release was measured over its budget, and says so.
    run(
        "privfunnel",
        privfunnel,
        f"release {TABLE} --sensitive {SENSITIVE} --keep {KEEP} --budget 0.1"
        " -o out/release.csv --json out/release.json",
        allowed=(0, 1, 3),
    )
    run(
        "privfunnel",
        privfunnel,
        f"frontier {TABLE} --sensitive {SENSITIVE} --keep {KEEP} --budgets 0.05,0.2,0.4"
        " -o out/frontier.png --json out/frontier.json",
        allowed=(0, 1, 3),
    )
    print_findings(time.perf_counter() - begin)


def bits(estimate: dict[str, Any]) -> str:
    """A leakage with its interval."""
    return f"{estimate['value']:.3f} ({estimate['lower']:.3f} to {estimate['upper']:.3f}) bits"


def findings() -> list[tuple[str, str, str]]:
    """What was found, in rows of (question, answer, where to look)."""
    explored, audited, released = (read(f"{name}.json") for name in ("explore", "audit", "release"))
    entropy = f"{explored['entropy_before']:,.0f} to {explored['entropy_after']:,.0f} bits"
    points = read("frontier.json")["rows"]
    return [
        (
            "robot: free space seen",
            f"{100 * explored['coverage']:.1f} %, {explored['path_length']:.0f} m driven,"
            f" {explored['collisions']} collisions",
            "out/explore.gif",
        ),
        ("robot: entropy of its map", entropy, "out/explore.json"),
        (
            f"table: all columns tell about {SENSITIVE}",
            bits(audited["together"]["leakage"]),
            "out/audit.html",
        ),
        (
            "release: the same, fresh attackers",
            f"{bits(released['leakage'])}, budget {released['budget']}: {released['status']}",
            "out/release.csv",
        ),
        (
            "release: before, on the same people",
            bits(released["leakage_before"]),
            "out/release.json",
        ),
        (
            "release: what is kept of its columns",
            f"{released['utility']['value']:.1f} bits a row",
            "out/release.json",
        ),
        ("frontier", f"{len(points)} trained releases", "out/frontier.png"),
    ]


def print_findings(seconds: float) -> None:
    rows = findings()
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    line = "-" * (sum(widths) + 4)
    print(f"\n{line}")
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)))
    print(f"{line}\ndone in {seconds:.0f} s; every number above was measured in this run")


if __name__ == "__main__":
    main()
