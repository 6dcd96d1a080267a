"""The one door to every estimator of mutual information, and what comes out of it."""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

import numpy as np
from scipy.special import ndtr, ndtri

from privfunnel.entropy import check_base
from privfunnel.registry import METHODS
from privfunnel.variables import Variable, as_variable

Bound = Literal["lower", "upper", "point"]
Progress = Callable[[float, str], None]
Rng = np.random.Generator | int | None

__all__ = ["METHODS", "Estimate", "estimate_mi"]

# Which extra brings a module that a method may miss.
_EXTRAS = {"torch": "funnel", "sklearn": "audit", "threadpoolctl": "audit"}
# Entries of `details` that are information and change with the base.
_INFORMATION = (
    *("raw", "standard_error", "null_mean", "least_detectable", "in_sample", "sampling", "fitted"),
)


@dataclass(frozen=True)
class Estimate:
    """An estimate of mutual information with its uncertainty.

    Attributes
    ----------
    value : the estimate, clipped to 0 from below [bit, or the unit of `base`].
    lower, upper : ends of the two-sided confidence interval of what was read. With
        bound="lower" the reading itself lies below the truth on average, so `lower` is a
        guarantee at the stated confidence and `upper` bounds only what this method can read.
    bound : "point" if `value` aims at the truth, "lower" or "upper" if it aims at a bound of it.
    p_value : chance of a reading this large if the sides were independent; None if not computed.
    method : name in METHODS.
    n : number of rows used.
    base : base of the logarithm, 2 for bits.
    details : the rest, among it `raw` (unclipped), `standard_error`, `least_detectable`, `note`.
    """

    value: float
    lower: float
    upper: float
    bound: Bound
    p_value: float | None
    method: str
    n: int
    base: float = 2
    details: dict[str, Any] = field(default_factory=dict)

    def to_base(self, base: float) -> Estimate:
        """The same estimate in another unit: 2 for bits, math.e for nats."""
        scale = check_base(self.base) / check_base(base)
        details = {
            key: item * scale if key in _INFORMATION and item is not None else item
            for key, item in self.details.items()
        }
        return dataclasses.replace(
            self,
            value=self.value * scale,
            lower=self.lower * scale,
            upper=self.upper * scale,
            base=base,
            details=details,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain types that JSON can hold; infinity becomes None, per-row arrays are left out."""
        return {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}

    def __repr__(self) -> str:
        unit = {2: "bit", math.e: "nat"}.get(self.base, f"log{self.base:g}")
        sign = {"lower": ">= ", "upper": "<= ", "point": ""}[self.bound]
        p = "" if self.p_value is None else f", p={self.p_value:.3g}"
        return (
            f"Estimate({sign}{self.value:.4g} {unit} [{self.lower:.4g}, {self.upper:.4g}]{p}, "
            f"{self.method}, n={self.n})"
        )


def from_reading(
    raw: float,
    *,
    method: str,
    n: int,
    bound: Bound = "point",
    standard_error: float | None = None,
    interval: tuple[float, float] | None = None,
    confidence: float = 0.95,
    p_value: float | None = None,
    **details: Any,
) -> Estimate:
    """An Estimate in nats from a raw reading and a standard error or an interval."""
    if interval is None:
        half = normal_quantile(0.5 + confidence / 2) * (standard_error or 0.0)
        interval = (raw - half, raw + half)
    if standard_error is not None:
        details["standard_error"] = float(standard_error)
    lower, upper = (max(0.0, float(end)) for end in interval)
    details = {"raw": float(raw), "confidence": confidence, **details}
    value = max(0.0, float(raw))
    return Estimate(value, lower, upper, bound, p_value, method, n, math.e, details)


def as_generator(rng: Rng) -> np.random.Generator:
    """The generator of a seed, on a stream of its own.

    A sample drawn with seed 0 and folds drawn with seed 0 must not be made of the same numbers:
    folds sorted by the very draws that made the sample leak it.
    """
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is None:
        return np.random.default_rng()
    if isinstance(rng, bool) or not isinstance(rng, int | np.integer) or rng < 0:
        raise TypeError(f"rng must be a Generator, a whole number >= 0 or None, not {rng!r}")
    return np.random.default_rng(np.random.SeedSequence(int(rng), spawn_key=(0x6D69,)))


def normal_quantile(probability: float) -> float:
    """Quantile of the standard normal distribution."""
    return float(ndtri(probability))


def normal_tail(z: float) -> float:
    """Chance that a standard normal exceeds z."""
    return max(float(ndtr(-z)), 1e-300)


def estimate_mi(
    x: Any,
    y: Any,
    *,
    method: str = "auto",
    condition: Any = None,
    confidence: float = 0.95,
    n_permutations: int = 0,
    base: float = 2,
    rng: Rng = None,
    progress: Progress | None = None,
    discrete_x: bool | None = None,
    discrete_y: bool | None = None,
    **options: Any,
) -> Estimate:
    """Estimate I(x; y), or I(x; y | condition), from a sample.

    Parameters
    ----------
    x, y : arrays (n,) or (n, d) of numbers, text, booleans or dates; Series or DataFrames.
    method : a name in METHODS; "auto" chooses by kind, n and dimension and says why.
    condition : a third side of the same kind; then the conditional information is estimated.
    confidence : level of the two-sided interval.
    n_permutations : how often x is shuffled for `p_value`; 0 leaves it to the method.
    base : unit of the result, 2 for bits, math.e for nats.
    rng : seed or generator; the same seed gives the same result.
    progress : called with the share done and a few words.
    discrete_x, discrete_y : state the kind of a side instead of having it inferred.
    **options : passed to the method; see its docstring.

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        For unknown methods, sides of different lengths, NaN or infinite values, and sides that
        the chosen method cannot take.
    """
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; one of: {', '.join(METHODS)}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence!r}")
    if not (isinstance(n_permutations, int | np.integer) and n_permutations >= 0):
        raise ValueError(f"n_permutations must be a whole number >= 0, not {n_permutations!r}")
    check_base(base)
    first = as_variable(x, name="x", discrete=discrete_x)
    second = as_variable(y, name="y", discrete=discrete_y)
    given = None if condition is None else as_variable(condition, name="condition")
    _same_length(first, second, given)
    function = _resolve(method, options)
    own_null = given is None and "n_permutations" in _options_of(METHODS[method].target)
    if own_null:
        options["n_permutations"] = n_permutations
    generator = as_generator(rng)

    def read(a: Variable) -> Estimate:
        call: dict[str, Any] = {"confidence": confidence, "rng": generator, "progress": progress}
        if given is None:
            return function(a, second, **call, **options)
        conditional = load("privfunnel.estimators.conditional:conditional_mi")
        return conditional(a, second, given, method=method, read=function, **call, **options)

    result = _trivial(first, second, method)
    if result is None:
        result = read(first)
        if n_permutations and not own_null:
            result = _with_permutations(result, read, first, given, n_permutations, generator)
    return result.to_base(base)


def load(target: str) -> Callable[..., Estimate]:
    """The function that "module:name" points at, imported now."""
    module, name = target.split(":")
    try:
        return _function(module, name)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").split(".")[0])
        if extra is None:
            raise
        raise ImportError(
            f"this method needs {error.name}: pip install 'privfunnel-fsmi[{extra}]'"
        ) from None


def _function(module: str, name: str) -> Callable[..., Estimate]:
    function: Callable[..., Estimate] = getattr(import_module(module), name)
    return function


def _resolve(method: str, options: Mapping[str, Any]) -> Callable[..., Estimate]:
    # The method's function with its preset options; options it does not have are refused.
    entry = METHODS[method]
    function = load(entry.target)
    known = [name for name in _options_of(entry.target) if name != "n_permutations"]
    for option in options:
        if option not in known or option in entry.preset:
            free = [name for name in known if name not in entry.preset]
            raise TypeError(f"method {method!r} has no option {option!r}; it has: {free}")

    def call(*args: Any, **kwargs: Any) -> Estimate:
        return function(*args, **dict(entry.preset), **kwargs)

    return call


def _options_of(target: str) -> list[str]:
    return [
        p.name
        for p in inspect.signature(load(target)).parameters.values()
        if p.kind is p.KEYWORD_ONLY and p.name not in {"confidence", "rng", "progress"}
    ]


def _same_length(first: Variable, second: Variable, given: Variable | None) -> None:
    for other in (second, given):
        if other is not None and len(other) != len(first):
            raise ValueError(f"x has {len(first)} rows, {other.name} has {len(other)}")


def _trivial(first: Variable, second: Variable, method: str) -> Estimate | None:
    if len(first) == 1:
        nothing = (0.0, math.inf)
        return from_reading(0.0, method=method, n=1, interval=nothing, note="one row tells nothing")
    for side in (first, second):
        if side.constant:
            note = f"{side.name} is constant, so it tells nothing"
            return from_reading(0.0, method=method, n=len(first), note=note)
    return None


def _with_permutations(
    result: Estimate,
    read: Callable[[Variable], Estimate],
    first: Variable,
    given: Variable | None,
    n_permutations: int,
    rng: np.random.Generator,
) -> Estimate:
    # Shuffle x among all rows, or among the rows of equal condition when that is discrete.
    if given is not None and given.kind == "continuous":
        raise ValueError("permutations need a discrete condition: rows are shuffled within it")
    groups = np.zeros(len(first), dtype=np.int64) if given is None else given.codes
    null = np.empty(n_permutations)
    for i in range(n_permutations):
        order = np.lexsort((rng.random(len(first)), groups))
        shuffled = np.empty(len(first), dtype=np.int64)
        shuffled[np.argsort(groups, kind="stable")] = order
        null[i] = read(first.take(shuffled)).details["raw"]
    exceed = int((null >= result.details["raw"] - 1e-12).sum())
    details = {**result.details, "null_mean": float(null.mean()), "permutations": n_permutations}
    if "least_detectable" not in details:
        z = normal_quantile(result.details["confidence"]) + normal_quantile(0.8)
        details["least_detectable"] = z * float(null.std())
    p_value = (1 + exceed) / (1 + n_permutations)
    return dataclasses.replace(result, p_value=p_value, details=details)


def _plain(item: Any) -> Any:
    if isinstance(item, Mapping):
        return {
            str(k): _plain(v)
            for k, v in item.items()
            if not (isinstance(v, np.ndarray) and v.size > 100)
        }
    if isinstance(item, np.ndarray | list | tuple):
        return [_plain(v) for v in item]
    if isinstance(item, np.generic):
        item = item.item()
    if isinstance(item, float) and not math.isfinite(item):
        return None
    return item
