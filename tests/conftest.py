"""Shared set-up of the test suite."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from hypothesis import settings

# The same examples in every run of CI: a failure there is one that anybody can repeat.
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")

ROOT = Path(__file__).resolve().parent.parent

# One thread for every library: two test processes share two cores. Headless plotting.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
# Numba's cache does not notice a changed callee in another file (numba issue 1833): the cache
# folder is named after the sources.
_sources = b"".join(p.read_bytes() for p in sorted((ROOT / "fsmi").rglob("*.py")))
os.environ.setdefault(
    "NUMBA_CACHE_DIR", str(ROOT / ".numba_cache" / hashlib.sha256(_sources).hexdigest()[:16])
)
