"""The run without the compiler covers fsmi, and its kernels are plain Python there."""

from __future__ import annotations

import os
import subprocess
import sys

from tests import without_jit


def test_what_is_left_out_exists_and_the_core_is_run() -> None:
    run = {path.name for path in without_jit.files()}
    assert all((without_jit.TESTS / name).is_file() for name in without_jit.LEFT_OUT)
    assert not run & set(without_jit.LEFT_OUT)
    assert run >= {"test_measures.py", "test_surface.py", "test_tiles.py", "test_raycast3d.py"}


def test_kernels_are_plain_python_without_the_compiler() -> None:
    code = "from types import FunctionType; from fsmi import _sweep, raycast; "
    code += "print(all(isinstance(f, FunctionType) for f in (_sweep.sweep, raycast.trace)))"
    env = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    run = [sys.executable, "-c", code]
    text = subprocess.run(run, env=env, capture_output=True, text=True, check=True).stdout
    assert text.strip() == "True"
