"""The house rules that no other test would notice: floors, exported names, light imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Lowest floor first; a module imports only from its own or an earlier floor.
FLOORS = {
    "fsmi": [
        ["_jit"],
        ["_octree"],
        ["_lattice"],
        ["grid", "voxels", "sensor", "sensor3d"],
        ["raycast"],
        ["_ties"],
        ["_runs"],
        ["_bricks", "_brickmap"],
        ["_free_scan"],
        ["raycast3d"],
        ["measures"],
        ["_beams", "_beamwise", "_lines"],
        ["_scan"],
        ["_strips", "_noisy_rows", "_sweep", "_noisy_sweep", "_joint_sweep"],
        ["_scan3d", "_options"],
        ["information", "information3d", "continuous", "surface", "mapping", "mapping3d"],
        ["tiles"],
        ["planning", "io"],
        ["sim"],
        ["cli", "cli3d"],
    ],
    "privfunnel": [
        ["_count_kernel"],
        ["files", "entropy", "leakage", "counting", "registry", "variables", "estimate"],
        ["partitions"],
        ["columns", "tables", "datasets", "panel"],
        ["estimators"],
        ["selection", "selector", "funnels"],
        ["audit"],
        ["cli"],
    ],
}


def imported_modules(path: Path) -> set[str]:
    """Every module that a file imports, at any depth of nesting, as dotted names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def room(package: str, dotted: str) -> str | None:
    """The room of a package a dotted name lies in, None for the package itself or others."""
    parts = dotted.split(".")
    return parts[1] if parts[0] == package and len(parts) > 1 else None


def floor_of(package: str, name: str) -> int | None:
    return next((i for i, rooms in enumerate(FLOORS[package]) if name in rooms), None)


@pytest.mark.parametrize("package", FLOORS)
def test_imports_point_downwards(package: str) -> None:
    other = ({*FLOORS} - {package}).pop()
    wrong: list[str] = []
    for path in sorted((ROOT / package).rglob("*.py")):
        dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        own = room(package, dotted)
        names = imported_modules(path)
        wrong += [
            f"{dotted} imports {n}"
            for n in names
            if n.split(".")[0] in {other, "apps", "examples", "benchmarks", "tests"}
        ]
        if own in (None, "__init__"):
            continue
        own_floor = floor_of(package, own)
        assert own_floor is not None, f"{dotted} stands on no floor: add it to FLOORS"
        for name in names:
            target = room(package, name)
            target_floor = floor_of(package, target) if target else None
            if target_floor is not None and target_floor > own_floor:
                wrong.append(f"{dotted} imports {name}")
    assert not wrong, "\n".join(wrong)


def loaded_after(statement: str) -> set[str]:
    """Top-level modules a fresh interpreter holds after one statement."""
    code = f"import sys; {statement}; print(*{{m.split('.')[0] for m in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_import_fsmi_is_light() -> None:
    heavy = {"torch", "streamlit", "sklearn", "shapely", "matplotlib", "dask", "zarr"}
    assert not heavy & loaded_after("import fsmi; fsmi.OccupancyGrid, fsmi.RangeSensor")


def test_import_privfunnel_is_light() -> None:
    assert not {"torch", "numba", "sklearn", "streamlit", "duckdb"} & loaded_after(
        "import privfunnel; privfunnel.entropy([0.5, 0.5])"
    )
