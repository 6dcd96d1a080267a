"""Neural lower bounds of mutual information, read on people that no critic saw.

Columns become normal scores; a closed-form elliptical critic is the start; small networks learn
what it misses; early stopping and the choice among them use validation people, the reading test
people, and folds take turns. A reading on training people would be worthless: at n = 100 and no
dependence it shows 0.35 nats in one dimension and 3.3 in five.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.special import ndtri

from privfunnel.entropy import FloatArray
from privfunnel.estimate import Bound, Estimate, Progress
from privfunnel.estimators.bounds import (
    MIN_ROWS,
    Critic,
    Parts,
    held_out,
    read_fold,
    read_smile,
    too_few,
)
from privfunnel.estimators.critics import CRITICS, Build
from privfunnel.estimators.elliptical import (
    GAUSSIAN,
    Elliptical,
    Side,
    canonical,
    fit_elliptical,
    outwards,
    ranks,
)
from privfunnel.estimators.folds import Rows, splits
from privfunnel.estimators.objectives import OBJECTIVES
from privfunnel.estimators.training import (
    Network,
    Record,
    Sample,
    Schedule,
    bent,
    one_thread,
    only,
    train,
)
from privfunnel.variables import Variable

# Canonical variates handed to the networks beside the columns.
MAX_AXES = 6
# From so many columns on networks cannot find by themselves what higher orders of the closed form
# see, and start from it; with fewer they do better from the plain one.
WIDE = 10
# What the networks start from: options of the closed form, None for no closed form at all.
STARTS: dict[str, dict[str, Any] | None] = {
    "elliptical": {},
    "gaussian": {"degrees": (GAUSSIAN,), "max_order": 0},
    "nothing": None,
}
Watch = Callable[[str, Record], None]


def neural_mi(
    x: Variable,
    y: Variable,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator,
    progress: Progress | None = None,
    critics: tuple[str, ...] = ("separable:infonce", "hybrid:nwj"),
    start: str = "elliptical",
    reading: str = "bound",
    clip: float = 5.0,
    folds: int = 4,
    steps: int | None = None,
    batch: int = 256,
    learning_rate: float = 3e-3,
    width: int = 64,
    embedding: int = 16,
    max_rows: int = 20_000,
    watch: Watch | None = None,
    name: str = "neural",
) -> Estimate:
    """Cross-fitted neural lower bound.

    Parameters
    ----------
    critics : "critic:objective" of each network, names in CRITICS and OBJECTIVES; one named twice
        is trained twice. The start, each network, their mean, or nothing is read, whichever did
        best on validation people.
    start : "elliptical" lets the networks improve on the closed form, "gaussian" on the Gaussian
        copula, "nothing" on independence.
    reading : "bound" reads a lower bound; "smile" reads the mean of the networks as Song & Ermon
        (2020) do, which aims at the value and bounds nothing.
    clip : where SMILE clips scores of product pairs [nat].
    folds : everyone is read once, by networks trained on the other folds.
    steps, batch, learning_rate, width, embedding : of the training; steps follow n by default.
    max_rows : a random part of longer samples is used.
    watch : called with a critic's name and each training Record.
    """
    kinds = [_parse(text) for text in critics]
    if start not in STARTS:
        raise ValueError(f"start must be one of {', '.join(STARTS)}, not {start!r}")
    if reading not in ("bound", "smile"):
        raise ValueError(f"reading must be 'bound' or 'smile', not {reading!r}")
    if len(x) < MIN_ROWS:
        return too_few(x, name)
    rows = np.arange(len(x))
    if len(x) > max_rows:
        rows = np.sort(rng.choice(len(x), max_rows, replace=False))
    sides = x.take(rows).matrix, y.take(rows).matrix
    n = len(rows)
    schedule = Schedule(
        steps=steps or int(np.clip(n // 4, 250, 900)), batch=batch, learning_rate=learning_rate
    )
    parts = list(splits(n, folds, rng))
    with one_thread():
        sample, closed, axes = _prepare(*sides, parts, start=STARTS[start])
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        build = Build(
            folds,
            sample.x.shape[2],
            sample.y.shape[2],
            axes=axes,
            width=width,
            embedding=embedding,
            generator=generator,
        )
        trained: dict[str, Network] = {}
        for k, (kind, objective) in enumerate(kinds):
            network = CRITICS[kind](build)
            for record in train(network, sample, objective, parts, schedule=schedule, rng=rng):
                if watch:
                    watch(critics[k], record)
                if progress:
                    share = (k + record.step / record.steps) / len(kinds)
                    progress(share, f"{critics[k]}, step {record.step} of {record.steps}")
            again = critics[:k].count(critics[k])
            trained[critics[k] + f" #{again + 1}" * bool(again)] = network
        readings = []
        for fold, part in enumerate(parts):
            found = _candidates(trained, sample, fold, closed[fold])
            if reading == "bound":
                plain = closed[fold][0].name
                readings.append(read_fold(found, part, closed=plain if plain in found else None))
            else:
                # The last candidate is the network, or the mean of all of them.
                last, critic = list(found.items())[-1]
                readings.append(read_smile(critic, part, name=last, clip=clip))
    bound: Bound = "lower" if reading == "bound" else "point"
    result = held_out(readings, method=name, confidence=confidence, bound=bound)
    if n < len(x):
        details = {**result.details, "note": f"{n} of {len(x)} rows used"}
        result = dataclasses.replace(result, details=details)
    return result


def _parse(text: str) -> tuple[str, str]:
    critic, _, objective = text.partition(":")
    if critic not in CRITICS or objective not in OBJECTIVES:
        raise ValueError(
            f"critics are named 'critic:objective' with critic one of {', '.join(CRITICS)} and "
            f"objective one of {', '.join(OBJECTIVES)}, not {text!r}"
        )
    return critic, objective


def _prepare(
    x: FloatArray, y: FloatArray, parts: list[Parts], *, start: dict[str, Any] | None
) -> tuple[Sample, list[list[Elliptical]], int]:
    # Features of both sides for each fold, fitted on its training part, and its closed forms.
    features: tuple[list[FloatArray], list[FloatArray]] = ([], [])
    closed, begin = [], []
    axes = min(MAX_AXES, x.shape[1], y.shape[1])
    for part in parts:
        train_rows = part[0]
        shares = ranks(x[train_rows], x), ranks(y[train_rows], y)
        forms = [_nothing(len(x))] if start is None else fit_elliptical(*shares, part, **start)
        form = forms[-1] if max(x.shape[1], y.shape[1]) >= WIDE else forms[0]
        scores = [ndtri(outwards(share, train_rows, form.order)) for share in shares]
        *directions, _ = canonical(*(s[train_rows] for s in scores))
        for k in (0, 1):
            plain = scores[k][:, : shares[k].shape[1]]
            features[k].append(_features(plain, scores[k] @ directions[k][:, :axes]))
        closed.append(forms)
        begin.append(form)
    return Sample.of(*features, begin), closed, axes


def _features(scores: FloatArray, variates: FloatArray) -> FloatArray:
    # Normal scores, how far out the row lies, and its first canonical variates.
    d = scores.shape[1]
    radius = ((scores**2).sum(axis=1, keepdims=True) - d) / np.sqrt(2 * d)
    return np.hstack([scores, radius, variates])


def _nothing(n: int) -> Elliptical:
    # The critic of independence: 0 for every pair.
    side = Side(np.zeros(n), np.zeros(n), np.zeros((n, 1)))
    return Elliptical(side, side, 0.0, 0.0, 1.0, 1)


def _candidates(
    trained: dict[str, Network], sample: Sample, fold: int, closed: list[Elliptical]
) -> dict[str, Critic]:
    # What can be read in one fold: the closed forms, each network on top of one, their mean.
    single = sample.only(fold)
    networks = {name: _scorer(only(network, fold), single) for name, network in trained.items()}
    found: dict[str, Critic] = {form.name: form.pairs for form in closed if form.power}
    found.update(networks)
    if len(networks) > 1:
        found["mean of all"] = lambda i, j: np.asarray(
            np.mean([critic(i, j) for critic in networks.values()], axis=0)
        )
    return found


def _scorer(network: Network, sample: Sample) -> Critic:
    # Scores of one fold, each row encoded once.
    with torch.no_grad():
        u, v = network.encode(sample.x, sample.y)

    def critic(i: Rows, j: Rows) -> FloatArray:
        scores = np.empty(np.shape(i))
        with torch.no_grad():
            for out, first, second in zip(
                np.atleast_2d(scores), np.atleast_2d(i), np.atleast_2d(j), strict=True
            ):
                a, b = (torch.tensor(rows)[None] for rows in (first, second))
                out[:] = bent(sample.start(a, b) + network.score(u[:, a[0]], v[:, b[0]]))[0].numpy()
        return scores

    return critic
