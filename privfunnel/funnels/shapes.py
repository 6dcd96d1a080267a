"""Channels by the name of their code: made for a study, written to and read from model files."""

from __future__ import annotations

from typing import Any, Literal

from privfunnel.funnels.channels import GaussianChannel
from privfunnel.funnels.code_channel import CodeChannel
from privfunnel.funnels.start import prepare_for_task
from privfunnel.funnels.study import AnyChannel, Study

Code = Literal["gaussian", "categorical"]
CODES = ("gaussian", "categorical")
_MOST_CODES = 1000
# Frequencies of the first layer at the start, one restart after the other.
_FREQUENCIES = (2.0, 5.0, 1.0, 3.0)


def codes_of(code: str, n_codes: int) -> int | None:
    """How many codes there are, None for numbers; ValueError for anything else."""
    if code not in CODES:
        raise ValueError(f"code must be one of {', '.join(CODES)}, not {code!r}")
    if not 2 <= n_codes <= _MOST_CODES:
        raise ValueError(f"n_codes is {n_codes}; need 2 to {_MOST_CODES}")
    return n_codes if code == "categorical" else None


def make_channel(study: Study, noise: float, n_codes: int | None, *, start: int) -> AnyChannel:
    """An untrained channel for the people of a study; `start` counts restarts."""
    goal, kind, width = study.goal, study.plan.utility, study.seen.width
    n_task = goal.n_levels if goal is not None and goal.kind == "discrete" else 0
    folding = kind in ("mine", "channel")
    frequency = _FREQUENCIES[start % len(_FREQUENCIES)] / (1.0 if folding else 2.0)
    if n_codes is not None:
        return CodeChannel(width, n_codes, utility=kind, n_task=n_task, frequency=frequency)
    channel = GaussianChannel(
        width,
        study.plan.n_outputs,
        noise=noise,
        utility=kind,
        n_task=n_task,
        frequency=frequency,
    )
    if kind == "task":
        prepare_for_task(channel, study.seen, len(study.fit))
    return channel


def shape_of(channel: AnyChannel) -> list[Any]:
    """What a model file says about a channel beside its weights."""
    if isinstance(channel, CodeChannel):
        return [channel.n_z, "codes", False]
    return [channel.n_z, channel.noise, channel.free]


def channel_of(shape: list[Any], width: int) -> AnyChannel:
    """The channel of such a shape, with weights still to be loaded."""
    n_z, noise, free = shape
    if noise == "codes":
        return CodeChannel(width, n_z)
    return GaussianChannel(width, n_z, noise=noise, utility="distortion" if free else "channel")


def options_of(channel: AnyChannel) -> dict[str, Any]:
    """The options of a funnel that make such a channel."""
    if isinstance(channel, CodeChannel):
        return {"code": "categorical", "n_codes": channel.n_z}
    return {"n_outputs": channel.n_z, "noise": channel.noise}
