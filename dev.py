#!/usr/bin/env python3
"""One door for every chore: python3 dev.py demo | test | apps | bench | lint | browser | spark.

Makes .venv by itself, installs the project with the pinned versions, then runs the task.
Standard library only, so that a fresh clone needs nothing but Python 3.11+ and pip.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "installed.sha256"


def set_up() -> None:
    """Create .venv and install, unless that was done for exactly these requirements."""
    parts = [(ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")]
    wanted = hashlib.sha256(b"\0".join([*parts, sys.version.encode(), str(ROOT).encode()]))
    if STAMP.exists() and STAMP.read_text() == wanted.hexdigest():
        return
    print("Setting up .venv (once; about two minutes) ...", flush=True)
    if not PYTHON.exists():
        venv.create(VENV)
    subprocess.run(install("dev,bench"), check=True)
    STAMP.write_text(wanted.hexdigest())


def install(extras: str) -> list[str]:
    """The command that installs the project with these extras, in the pinned versions."""
    # The pip that came with this Python installs into .venv: works where ensurepip is missing.
    pip = [sys.executable, "-m", "pip", "--python", str(PYTHON), "install", "--quiet"]
    return [*pip, "-c", str(ROOT / "constraints.txt"), "-e", f"{ROOT}[{extras}]"]


def commands(task: str, rest: list[str]) -> list[list[str]]:
    """The command lines of a task, run one after another until one fails."""
    py = str(PYTHON)
    if task == "test" and "--no-jit" in rest:  # fsmi's small grids, Numba's compiler off
        return [[py, "-m", "tests.without_jit", *(arg for arg in rest if arg != "--no-jit")]]
    tasks = {
        "demo": [[py, "-m", "examples.demo", *rest]],
        "test": [[py, "-m", "pytest", "-n", "auto", *rest]],
        "browser": [[py, "-m", "pytest", "-m", "browser", "tests/apps", *rest]],
        # Apart: needs Java, and Spark is 400 MB that nothing else uses.
        "spark": [
            install("scale"),
            [py, "-m", "pytest", "-m", "spark", "tests/test_audit_spark.py", *rest],
        ],
        "apps": [[py, "-m", "apps", *rest]],
        "bench": [[py, "-m", "benchmarks", *rest]],
        "lint": [
            [py, "-m", "ruff", "check", "."],
            [py, "-m", "ruff", "format", "--check", "."],
            [py, "-m", "mypy"],
        ],
    }
    if task not in tasks:
        sys.exit(f"dev.py: unknown task {task!r}; one of: {', '.join(tasks)}")
    return tasks[task]


def main(argv: list[str]) -> int:
    """Set up if needed, run the task, return its exit code."""
    if not argv or argv[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if argv else 2
    lines = commands(argv[0], argv[1:])
    set_up()
    for line in lines:
        code = subprocess.run(line, cwd=ROOT).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except subprocess.CalledProcessError as error:
        sys.exit(f"dev.py: set-up failed: {' '.join(map(str, error.cmd))}")
    except KeyboardInterrupt:
        sys.exit(130)
