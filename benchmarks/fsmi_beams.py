"""Beam kernels of fsmi: nanoseconds for one beam of 100 cells, one thread, tables prepared.

A compiled loop calls the kernel on many beams in turn, so that neither Python nor one branch
pattern is measured; the median over many repeats is taken, warm-up (compilation) excluded.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from fsmi._jit import fused
from fsmi.measures.csqmi import csqmi_equal, pair_taps, pair_window
from fsmi.measures.fcmi import fcmi_line, stopping_rates
from fsmi.measures.fsmi import (
    exact_window,
    expected_gain,
    expected_gain_unequal,
    expected_gain_uniform,
)
from fsmi.measures.gain import gain_tables
from fsmi.measures.noise import noise_kernel, window_cells
from fsmi.measures.registry import beam_mi
from fsmi.measures.rle import run_lengths, runs_gain

CELLS = 100
BEAMS = 64
SIGMA = 1.0  # [cells]


def beams() -> np.ndarray:
    """Occupancies (BEAMS, CELLS) of mixed views: free, unknown and walled stretches."""
    rng = np.random.default_rng(0)
    o = rng.choice([0.02, 0.1, 0.3, 0.5], (BEAMS, CELLS // 10)).repeat(10, axis=1)
    return o + rng.uniform(-0.01, 0.01, o.shape)


@fused
def all_expected(tables: np.ndarray, taps: np.ndarray, scratch: np.ndarray) -> float:
    total = 0.0
    for b in range(tables.shape[1]):
        total += expected_gain(tables[0, b], tables[1, b], tables[2, b], taps, True, scratch)
    return total


@fused
def all_uniform(tables: np.ndarray, half: int, scratch: np.ndarray) -> float:
    total = 0.0
    for b in range(tables.shape[1]):
        total += expected_gain_uniform(
            tables[0, b], tables[1, b], tables[2, b], half, True, scratch
        )
    return total


@fused
def all_unequal(
    tables: np.ndarray, edges: np.ndarray, sigma: float, window: int, scratch: np.ndarray
) -> float:
    total = 0.0
    for b in range(tables.shape[1]):
        total += expected_gain_unequal(
            tables[0, b], tables[1, b], tables[2, b], edges, sigma, window, True, scratch
        )
    return total


@fused
def all_csqmi(o: np.ndarray, taps: np.ndarray, scratch: np.ndarray) -> float:
    total = 0.0
    for b in range(o.shape[0]):
        total += csqmi_equal(o[b], taps, True, scratch)
    return total


@fused
def all_fcmi(rates: np.ndarray, log_ratios: np.ndarray, widths: np.ndarray) -> float:
    total = 0.0
    for b in range(rates.shape[0]):
        total += fcmi_line(rates[b], log_ratios[b], widths, True)[4]
    return total


def median_s(work: Callable[[], Any], repeats: int) -> float:
    """Median seconds of a call, the first two calls left out."""
    work(), work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def row(name: str, seconds: float, beams: int, note: str, target_ns: float | None) -> dict:
    ns = seconds / beams * 1e9
    return {
        "name": name,
        "median_s": seconds,
        "ns_per_beam": round(ns, 1),
        "ns_per_cell_beam": round(ns / CELLS, 3),
        "target_ns": target_ns if target_ns is not None else "",
        "note": note,
    }


def rows(argv: list[str] | None = None, *, repeats: int = 400) -> list[dict]:
    """One row for each kernel and, for scale, for `beam_mi` with its checks."""
    o = beams()
    tables = np.stack(gain_tables(o, 1.5, 1.0 / 1.5))
    scratch = np.empty(8 * CELLS)
    window = window_cells(SIGMA, 1.0)
    near = noise_kernel(SIGMA, 1.0, window)[window:]
    nine = exact_window(SIGMA, 1.0, CELLS)
    exact = noise_kernel(SIGMA, 1.0, nine)[nine:]
    full = noise_kernel(SIGMA, 1.0, CELLS - 1)[CELLS - 1 :]
    edges = np.concatenate(([0.0], np.cumsum(np.random.default_rng(1).uniform(0.7, 1.3, CELLS))))
    pairs = pair_taps(SIGMA, 1.0, CELLS - 1)
    some_pairs = pair_taps(SIGMA, 1.0, pair_window(SIGMA, 1.0))
    rates, log_ratios = stopping_rates(o, 1.0, 1e9)
    widths = np.ones(CELLS)
    runs = [run_lengths(np.round(beam, 1)) for beam in o]
    run_tables = [gain_tables(values, 1.5, 1.0 / 1.5) for values, _ in runs]
    both = noise_kernel(SIGMA, 1.0, window)

    def all_runs() -> None:
        for (_, lengths), (values, hit, miss) in zip(runs, run_tables, strict=True):
            runs_gain(values, lengths, hit, miss, both, True)

    kernels: list[tuple[str, Callable[[], Any], str, float | None]] = [
        ("approx_fsmi", lambda: all_expected(tables, near, scratch), "Delta = 3", 200.0),
        ("fsmi", lambda: all_expected(tables, exact, scratch), "9 sigma: to rounding", 3600.0),
        ("fsmi", lambda: all_expected(tables, full, scratch), "all 100 x 100 pairs", 3600.0),
        ("uniform_fsmi", lambda: all_uniform(tables, 1, scratch), "3 cells", None),
        ("approx_fsmi", lambda: all_unequal(tables, edges, SIGMA, 3, scratch),
         "unequal cells, erfc inside", None),
        ("csqmi", lambda: all_csqmi(o, pairs, scratch), "all pairs", 1700.0),
        ("approx_csqmi", lambda: all_csqmi(o, some_pairs, scratch), "4 sqrt(2) sigma", None),
        ("fcmi", lambda: all_fcmi(rates, log_ratios, widths), "d = 1, 2, 3 at once", None),
        ("approx_fsmi", all_runs, "runs, called from Python", None),
    ]  # fmt: skip
    out = [
        row(f"beam kernel {name}", median_s(work, repeats), BEAMS, note, target)
        for name, work, note, target in kernels
    ]
    call = median_s(lambda: beam_mi(o[0], sigma=SIGMA, measure="approx_fsmi"), repeats)
    out.append(row("beam_mi approx_fsmi", call, 1, "from Python: checks and tables included", None))
    return out
