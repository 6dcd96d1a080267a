"""Many budgets: finished ones are kept in a file, others run here or in parallel."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from privfunnel.estimate import Progress
from privfunnel.files import write_text

VERSION = 1
Result = dict[str, Any]


def fingerprint(*parts: Any) -> str:
    """A name for the data and the options of a sweep: results of others are never taken."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(repr((part.shape, str(part.dtype))).encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        else:
            digest.update(repr(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()


def sweep(
    budgets: Sequence[float],
    one: Callable[[float], Result],
    *,
    state: str | os.PathLike[str] | None,
    key: str,
    n_jobs: int,
    progress: Progress,
) -> list[Result]:
    """The result of each budget, in the order given.

    Parameters
    ----------
    one : makes a result of plain types; runs in other processes when `n_jobs` is not 1.
    state : JSON file that every finished budget is written to at once; a run that was interrupted
        goes on from it.
    key : from `fingerprint`.
    n_jobs : as joblib has it; the backend is that of `joblib.parallel_config`.

    Raises
    ------
    ValueError
        If the state belongs to other data or options, or is no such file.
    """
    done = {} if state is None else _load(state, key)
    left = [b for b in budgets if repr(b) not in done]
    for i, (budget, result) in enumerate(_results(left, one, n_jobs)):
        done[repr(budget)] = result
        if state is not None:
            write_text(state, json.dumps({"version": VERSION, "key": key, "results": done}) + "\n")
        progress((len(budgets) - len(left) + i + 1) / len(budgets), f"budget {budget:.3f} is done")
    return [done[repr(b)] for b in budgets]


def _results(left: Sequence[float], one: Callable[[float], Result], n_jobs: int) -> Any:
    if n_jobs == 1 or len(left) < 2:
        return ((budget, one(budget)) for budget in left)
    try:
        import joblib
    except ImportError:
        raise ImportError("n_jobs needs joblib: pip install 'privfunnel-fsmi[funnel]'") from None
    jobs = (joblib.delayed(_named)(one, budget) for budget in left)
    return joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")(jobs)


def _named(one: Callable[[float], Result], budget: float) -> tuple[float, Result]:
    return budget, one(budget)


def _load(state: str | os.PathLike[str], key: str) -> dict[str, Result]:
    path = Path(state)
    if not path.exists():
        if not path.parent.is_dir():
            raise ValueError(f"cannot write {path}: there is no folder {path.parent}")
        return {}
    try:
        content = json.loads(path.read_text())
        found = content["key"] if content["version"] == VERSION else None
        results: dict[str, Result] = content["results"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path} is not the state of a frontier: remove it first") from None
    if found != key:
        raise ValueError(
            f"{path} belongs to other data, options or another version: remove it, or name "
            "another file"
        )
    return results
