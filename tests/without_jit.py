"""`python3 dev.py test --no-jit`: the tests of fsmi on small grids, with Numba's compiler off.

Kernels then run as the Python they are written in: an index outside its array is an IndexError
instead of foreign memory, an integer that overflows a warning (an error here), and coverage sees
their lines. Files that drive whole explorations, minutes long without the compiler, are left out;
a new test file of fsmi runs unless it is named here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
LEFT_OUT = {
    "test_examples_fsmi.py": "whole explorations",
    "test_flight.py": "whole flights",
    "test_fsmi_cli.py": "whole explorations",
    "test_mujoco_flyer.py": "whole flights",
    "test_planning3d.py": "whole flights",
    "test_planning_explorer.py": "whole explorations",
    "test_planning_past.py": "whole explorations",
    "test_planning_tour.py": "paths over every viewpoint of an office",
    "test_rerun_log.py": "whole explorations",
    "test_rerun_log3d.py": "whole flights",
    "test_sim_calibration.py": "whole explorations",
    "test_sim_env.py": "whole explorations",
    "test_sim_episode.py": "whole explorations",
}


def files() -> list[Path]:
    """The test files that use fsmi and are quick without the compiler."""
    users = [p for p in sorted(TESTS.glob("test_*.py")) if "from fsmi" in p.read_text()]
    return [p for p in users if p.name not in LEFT_OUT]


def main(argv: list[str]) -> int:
    """Run them; further arguments go to pytest."""
    run = [sys.executable, "-m", "pytest", "-n", "auto", *map(str, files()), *argv]
    return subprocess.run(run, env={**os.environ, "NUMBA_DISABLE_JIT": "1"}).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
