"""Neural lower bounds of mutual information, read on people that no critic saw.

Columns become normal scores; a closed-form elliptical critic is the start; small networks learn
what it misses; early stopping and the choice among them use validation people, the reading test
people, and folds take turns. A reading on training people would be worthless: at n = 100 and no
dependence it shows 0.35 nats in one dimension and 3.3 in five.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import torch
from scipy.special import ndtri

from privfunnel.entropy import FloatArray
from privfunnel.estimate import Estimate, Progress
from privfunnel.estimators.bounds import (
    MIN_ROWS,
    Critic,
    Parts,
    held_out,
    read_fold,
    too_few,
)
from privfunnel.estimators.critics import CRITICS, Build
from privfunnel.estimators.elliptical import (
    Elliptical,
    Side,
    canonical,
    fit_elliptical,
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
    critics : "critic:objective" of each network, names in CRITICS and OBJECTIVES. The start, each
        network, their mean, or nothing is read, whichever did best on validation people.
    start : "elliptical" lets the networks improve on the closed form, "nothing" on independence.
    folds : everyone is read once, by networks trained on the other folds.
    steps, batch, learning_rate, width, embedding : of the training; steps follow n by default.
    max_rows : a random part of longer samples is used.
    watch : called with a critic's name and each training Record.
    """
    kinds = [_parse(text) for text in critics]
    if start not in ("elliptical", "nothing"):
        raise ValueError(f"start must be 'elliptical' or 'nothing', not {start!r}")
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
        sample, closed, axes = _prepare(*sides, parts, closed_form=start == "elliptical")
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
        for k, (critic, objective) in enumerate(kinds):
            network = CRITICS[critic](build)
            for record in train(network, sample, objective, parts, schedule=schedule, rng=rng):
                if watch:
                    watch(critics[k], record)
                if progress:
                    share = (k + record.step / record.steps) / len(kinds)
                    progress(share, f"{critics[k]}, step {record.step} of {record.steps}")
            trained[critics[k]] = network
        readings = [
            read_fold(_candidates(trained, sample, fold, closed[fold]), part)
            for fold, part in enumerate(parts)
        ]
    result = held_out(readings, method=name, confidence=confidence)
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
    x: FloatArray, y: FloatArray, parts: list[Parts], *, closed_form: bool
) -> tuple[Sample, list[Elliptical], int]:
    # Features of both sides for each fold, fitted on its training part, and its closed form.
    features: tuple[list[FloatArray], list[FloatArray]] = ([], [])
    closed = []
    for part in parts:
        shares = ranks(x[part[0]], x), ranks(y[part[0]], y)
        scores = [ndtri(share) for share in shares]
        *directions, correlations = canonical(*(s[part[0]] for s in scores))
        axes = min(MAX_AXES, len(correlations))
        for k in (0, 1):
            features[k].append(_features(scores[k], directions[k][:, :axes]))
        closed.append(fit_elliptical(*shares, part) if closed_form else _nothing(len(x)))
    return Sample.of(*features, closed), closed, axes


def _features(scores: FloatArray, directions: FloatArray) -> FloatArray:
    # Normal scores, how far out the row lies, and its first canonical variates.
    d = scores.shape[1]
    radius = ((scores**2).sum(axis=1, keepdims=True) - d) / np.sqrt(2 * d)
    return np.hstack([scores, radius, scores @ directions])


def _nothing(n: int) -> Elliptical:
    # The critic of independence: 0 for every pair.
    side = Side(np.zeros(n), np.zeros(n), np.zeros((n, 1)))
    return Elliptical(side, side, 0.0, 0.0, 1.0, 1)


def _candidates(
    trained: dict[str, Network], sample: Sample, fold: int, closed: Elliptical
) -> dict[str, Critic]:
    # What can be read in one fold: the closed form, each network on top of it, their mean.
    single = sample.only(fold)
    networks = {name: _scorer(only(network, fold), single) for name, network in trained.items()}
    found: dict[str, Critic] = {closed.name: closed.pairs} if closed.power else {}
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
