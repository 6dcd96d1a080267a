"""One loop that trains critics of any kind for any objective, all folds side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from privfunnel.entropy import FloatArray
from privfunnel.estimators.critics import Hybrid, Joint, Quadratic, Separable
from privfunnel.estimators.elliptical import Elliptical, Side
from privfunnel.estimators.folds import Rows
from privfunnel.estimators.objectives import Batch, make_objective

Network = Separable | Joint | Hybrid | Quadratic
# Scores are bent smoothly to stay within this: one wild pair must not decide e^T.
BEND = 8.0
# What half of the training must have gained [nat] for the other half to be worth its time.
GAIN = 0.003


@dataclass(frozen=True)
class Record:
    """Where training stands.

    Attributes
    ----------
    step, steps : done and planned.
    loss : of the last batch, mean over folds.
    validation : reading on validation people, mean over folds [nat].
    """

    step: int
    steps: int
    loss: float
    validation: float


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn.

    `give_up` is the share of the steps after which training ends if networks read no more on
    validation people than they did before the first step; 1 never ends it early.
    """

    steps: int = 900
    batch: int = 256
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    shifts: int = 8
    check_every: int = 50
    give_up: float = 0.5


def only(network: Network, fold: int) -> Network:
    """A copy of a network that holds one fold."""
    copy = deepcopy(network)
    for weight in copy.parameters():
        weight.data = weight.data[fold : fold + 1].clone()
    return copy


@contextmanager
def one_thread() -> Iterator[None]:
    """Small networks are fastest on one thread; the caller's setting comes back."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class Margin:
    """One side's part of the closed-form scores: (F, n), (F, n) and (F, n, rank)."""

    quadratic: Tensor
    own: Tensor
    axes: Tensor


@dataclass(frozen=True)
class Sample:
    """Rows of all folds as tensors.

    Attributes
    ----------
    x, y : features (F, n, d_x) and (F, n, d_y), as each fold's training people define them.
    x_start, y_start : what the closed-form critics need of each row.
    constant, power, dof : (F, 1), the rest of the closed forms.
    """

    x: Tensor
    y: Tensor
    x_start: Margin
    y_start: Margin
    constant: Tensor
    power: Tensor
    dof: Tensor

    @staticmethod
    def of(x: list[FloatArray], y: list[FloatArray], starts: list[Elliptical]) -> Sample:
        """Stack the features and closed forms of the folds."""
        axes = max(1, *(start.rank for start in starts))

        def margin(sides: list[Side]) -> Margin:
            return Margin(
                _stack([side.quadratic for side in sides]),
                _stack([side.own for side in sides]),
                _stack([np.pad(s.axes, ((0, 0), (0, axes - s.axes.shape[1]))) for s in sides]),
            )

        rest = (
            torch.tensor([[getattr(s, name)] for s in starts], dtype=torch.float32)
            for name in ("constant", "power", "dof")
        )
        margins = margin([s.x for s in starts]), margin([s.y for s in starts])
        return Sample(_stack(x), _stack(y), *margins, *rest)

    @property
    def folds(self) -> Tensor:
        """(F, 1) to index rows (F, m) with."""
        return torch.arange(len(self.x))[:, None]

    def only(self, fold: int) -> Sample:
        """The sample of one fold."""

        def margin(m: Margin) -> Margin:
            return Margin(*(t[fold : fold + 1] for t in (m.quadratic, m.own, m.axes)))

        x, y, constant, power, dof = (
            t[fold : fold + 1] for t in (self.x, self.y, self.constant, self.power, self.dof)
        )
        return Sample(x, y, margin(self.x_start), margin(self.y_start), constant, power, dof)

    def start(self, i: Tensor, j: Tensor) -> Tensor:
        """Closed-form scores (F, m) of rows i of x against rows j of y, (F, m) each."""
        f, x, y = self.folds, self.x_start, self.y_start
        cross = (x.axes[f, i] * y.axes[f, j]).sum(-1)
        quadratic = x.quadratic[f, i] + y.quadratic[f, j] - cross
        own = x.own[f, i] + y.own[f, j]
        return self.constant + own - self.power * torch.log1p(quadratic / self.dof)

    def start_matrix(self, i: Tensor) -> Tensor:
        """Closed-form scores (F, m, m) of rows i (F, m) against each other."""
        f, x, y = self.folds, self.x_start, self.y_start
        constant, power, dof = (t.unsqueeze(2) for t in (self.constant, self.power, self.dof))
        cross = torch.bmm(x.axes[f, i], y.axes[f, i].transpose(1, 2))
        quadratic = x.quadratic[f, i].unsqueeze(2) + y.quadratic[f, i].unsqueeze(1) - cross
        own = x.own[f, i].unsqueeze(2) + y.own[f, i].unsqueeze(1)
        return constant + own - power * torch.log1p(quadratic / dof)


def bent(scores: Tensor) -> Tensor:
    """The scores within +-BEND."""
    return BEND * torch.tanh(scores / BEND)


def pair_scores(network: Network, sample: Sample, i: Tensor, j: Tensor) -> Tensor:
    """Scores (F, m) of rows i of x against rows j of y."""
    u, v = network.encode(sample.x[sample.folds, i], sample.y[sample.folds, j])
    return bent(sample.start(i, j) + network.score(u, v))


def train(
    network: Network,
    sample: Sample,
    objective: str,
    parts: list[tuple[Rows, Rows, Rows]],
    *,
    schedule: Schedule,
    rng: np.random.Generator,
) -> Iterator[Record]:
    """Train on the first part of each fold, keep each fold's best weights on the second.

    A generator: each Record is a check on validation people; the network holds the best weights
    once it is exhausted.
    """
    rows, aside = (torch.from_numpy(np.stack([part[k] for part in parts])) for k in (0, 1))
    loss_of = make_objective(objective)
    weights = list(network.parameters())
    optimiser = torch.optim.AdamW(
        weights, lr=schedule.learning_rate, weight_decay=schedule.weight_decay, betas=(0.9, 0.98)
    )
    pace = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, schedule.learning_rate, total_steps=schedule.steps, pct_start=0.2
    )
    start = _validation(network, sample, aside)
    best = start.clamp(min=0)
    kept = [w.detach().clone() for w in weights]
    batch = min(schedule.batch, rows.shape[1])
    for step in range(1, schedule.steps + 1):
        i = rows[sample.folds, _draw(len(parts), rows.shape[1], batch, rng)]
        losses = loss_of(_batch_scores(network, sample, i, schedule.shifts, rng))
        optimiser.zero_grad()
        torch.autograd.backward(losses.sum())
        _clip_each_fold(weights)
        optimiser.step()
        pace.step()
        if step % schedule.check_every == 0 or step == schedule.steps:
            reading = _validation(network, sample, aside)
            _keep(weights, kept, reading > best)
            best = torch.maximum(best, reading)
            loss = float(losses.detach().mean())
            yield Record(step, schedule.steps, loss, float(reading.mean()))
            gain = float((best - start.clamp(min=0)).mean())
            if schedule.give_up * schedule.steps <= step < schedule.steps and gain < GAIN:
                break
    with torch.no_grad():
        for weight, best_weight in zip(weights, kept, strict=True):
            weight.copy_(best_weight)


def _draw(folds: int, n: int, batch: int, rng: np.random.Generator) -> Tensor:
    # Without replacement where a repeated person would be noticed.
    if n > 8 * batch:
        return torch.from_numpy(rng.integers(n, size=(folds, batch)))
    return torch.from_numpy(rng.random((folds, n)).argsort(axis=1)[:, :batch])


def _batch_scores(
    network: Network, sample: Sample, i: Tensor, shifts: int, rng: np.random.Generator
) -> Batch:
    # Scores of rows i (F, m) with themselves and with others of the batch.
    u, v = network.encode(sample.x[sample.folds, i], sample.y[sample.folds, i])
    m = i.shape[1]
    if isinstance(network, Separable | Quadratic):
        square = bent(sample.start_matrix(i) + network.matrix(u, v))
        return Batch(square.diagonal(dim1=1, dim2=2), square=square)
    steps = (0, *(1 + rng.choice(m - 1, min(shifts, m - 1), replace=False)).tolist())
    partners = torch.cat([v.roll(-k, 1) for k in steps], 1)
    others = torch.cat([i.roll(-k, 1) for k in steps], 1)
    start = sample.start(i.repeat(1, len(steps)), others)
    scores = bent(start + network.score(u.repeat(1, len(steps), 1), partners))
    table = scores.view(len(i), len(steps), m)
    return Batch(table[:, 0], table=table, steps=steps)


def _validation(network: Network, sample: Sample, aside: Tensor) -> Tensor:
    # Donsker-Varadhan reading (F,) with six partners each, at the better of two clip levels.
    with torch.no_grad():
        m = aside.shape[1]
        steps = sorted({1 + (k * m) // 7 for k in range(6)} & set(range(1, m)))
        joint = pair_scores(network, sample, aside, aside)
        product = torch.cat(
            [pair_scores(network, sample, aside, aside.roll(-k, 1)) for k in steps], 1
        )
        readings = []
        for level in (3.0, 20.0):
            p, q = (level * torch.tanh(t / level) for t in (joint, product))
            readings.append(p.mean(1) - torch.logsumexp(q, 1) + math.log(q.shape[1]))
        return torch.maximum(*readings)


def _clip_each_fold(weights: list[nn.Parameter]) -> None:
    # Gradients of norm above 1 are shortened, fold by fold: folds must not slow each other down.
    gradients = [w.grad for w in weights if w.grad is not None]
    norms = torch.stack([g.flatten(1).square().sum(1) for g in gradients]).sum(0).sqrt()
    scale = (1 / (norms + 1e-6)).clamp(max=1)
    for gradient in gradients:
        gradient.mul_(scale.view(-1, *[1] * (gradient.dim() - 1)))


def _keep(weights: list[nn.Parameter], kept: list[Tensor], better: Tensor) -> None:
    for weight, store in zip(weights, kept, strict=True):
        store[better] = weight.detach()[better]


def _stack(arrays: list[FloatArray]) -> Tensor:
    return torch.from_numpy(np.stack(arrays).astype(np.float32))
