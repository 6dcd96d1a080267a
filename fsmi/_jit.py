"""Numba flags, named here and nowhere else.

`kernel` is strict IEEE arithmetic. `fused` additionally lets the compiler contract `a * b + c`
into one rounding (never reorders sums), which the sweeps need to reach vector speed.
`disjoint` is `fused` plus the promise that no two array arguments overlap where one is written:
the compiler then needs no check of every pair of arrays before each vector loop (hundreds of
nanoseconds a row in the sweeps). `parallel` is `kernel` with `prange` run over threads. All are
cached on disk, so that only the first process that ever calls a kernel pays for its compilation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.core.compiler import Compiler
from numba.extending import intrinsic, overload

F = TypeVar("F", bound=Callable[..., Any])
_FLAGS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}


def kernel(function: F) -> F:
    """Compile `function` for one thread with strict floating point."""
    compiled: F = numba.njit(**_FLAGS)(function)
    return compiled


def fused(function: F) -> F:
    """Compile `function` for one thread, multiply-adds contracted."""
    compiled: F = numba.njit(fastmath={"contract"}, **_FLAGS)(function)
    return compiled


class _Disjoint(Compiler):  # type: ignore[misc]  # numba is untyped
    """Numba's compiler with the array arguments marked as not overlapping (LLVM's noalias)."""

    def define_pipelines(self) -> Any:
        self.state.flags.noalias = True
        return super().define_pipelines()


def disjoint(function: F) -> F:
    """Compile `function` like `fused`; its callers vouch that its arrays do not overlap."""
    compiled: F = numba.njit(fastmath={"contract"}, pipeline_class=_Disjoint, **_FLAGS)(function)
    return compiled


def inlined(function: F) -> F:
    """Compile `function` like `fused`, and into each of its callers: for a few operations.

    A call hands over every array in seven words and counts a reference to it, which costs more
    than reading a cell of it. Not cached by itself: what comes from the cache is machine code,
    which cannot be built into a caller.
    """
    flags = _FLAGS | {"cache": False}
    compiled: F = numba.njit(fastmath={"contract"}, forceinline=True, **flags)(function)
    return compiled


def parallel(function: F) -> F:
    """Compile `function` with its `prange` loops spread over threads, multiply-adds contracted."""
    compiled: F = numba.njit(parallel=True, fastmath={"contract"}, **_FLAGS)(function)
    return compiled


prange: Any = numba.prange


@intrinsic  # type: ignore[untyped-decorator]
def _bit_length(_context: Any, _number: Any) -> Any:
    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        zeros = builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0))
        return builder.sub(ir.Constant(ir.IntType(64), 64), zeros)

    return types.int64(types.int64), generate


def bit_length(number: int) -> int:
    """Bits of a number >= 0, as `int.bit_length`; one instruction in compiled code."""
    return int(number).bit_length()


@overload(bit_length, strict=False)  # type: ignore[untyped-decorator]
def _compiled_bit_length(number: Any) -> Any:
    return lambda number: _bit_length(number)


@intrinsic  # type: ignore[untyped-decorator]
def _power_of_two(_context: Any, _exponent: Any) -> Any:
    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        biased = builder.add(arguments[0], ir.Constant(word, 1023))
        return builder.bitcast(builder.shl(biased, ir.Constant(word, 52)), ir.DoubleType())

    return types.float64(types.int64), generate


def power_of_two(exponent: int) -> float:
    """2.0 ** exponent for exponents in -1022..1023; two instructions in compiled code."""
    return 2.0 ** int(exponent)


@overload(power_of_two, strict=False)  # type: ignore[untyped-decorator]
def _compiled_power_of_two(exponent: Any) -> Any:
    return lambda exponent: _power_of_two(exponent)
