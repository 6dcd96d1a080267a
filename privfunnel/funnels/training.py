"""The training loop: most utility while the adversary's reading stays under the budget."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from privfunnel.funnels.critics import N_HALVES, Adversary

Progress = Callable[[float, str], None]

# Budgets below this [nat] do not make the price jumpier; the price stays between these.
_SMALL = 0.02
_PRICES = (0.05, 100.0)


@dataclass(frozen=True)
class Settings:
    """How long and how hard to train.

    Attributes
    ----------
    n_steps : steps of the encoder.
    adversary_steps : steps of the adversary for each of them.
    batch : people of one half in one step.
    learning_rate, adversary_rate : of Adam.
    weight_penalty : of the adversary's weights.
    force : change of the log price in one step when the reading is twice the budget.
    """

    n_steps: int = 500
    adversary_steps: int = 2
    batch: int = 256
    learning_rate: float = 5e-3
    adversary_rate: float = 5e-3
    weight_penalty: float = 1e-2
    force: float = 0.02


@dataclass(frozen=True)
class Trained:
    """What the loop itself read at the end [nat]: for curiosity, never for a report."""

    leakage: float
    utility: float
    price: float


def train(
    channel: Any,
    adversary: Adversary,
    x: Tensor,
    s: Tensor,
    *,
    budget: float,
    task: Tensor | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train a channel in place on people x (n, ...), s (n, ...) for a budget [nat].

    The price of leakage is the multiplier of a Lagrangian. Its logarithm rises while the smoothed
    reading is over the budget and falls while it is under, in proportion.
    """
    options = settings or Settings()
    encoder = torch.optim.Adam(channel.parameters(), lr=options.learning_rate)
    attacker = torch.optim.Adam(adversary.parameters(), lr=options.adversary_rate)
    half = len(x) // N_HALVES
    order = torch.randperm(len(x))[: half * N_HALVES].view(N_HALVES, half)
    price, smooth, utility = 1.0, 0.0, 0.0
    channel.train()
    for step in range(options.n_steps):
        _slow_down(encoder, options.learning_rate, step / options.n_steps)
        rows = _batch(order, options.batch)
        for _ in range(options.adversary_steps):
            with torch.no_grad():
                z, _law = channel.draw(x[rows.flatten()])
            loss = -adversary.reading(_halves(z), s[rows]).sum()
            loss = loss + options.weight_penalty * adversary.penalty()
            attacker.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            attacker.step()
        flat = rows.flatten()
        z, law = channel.draw(x[flat])
        kept = channel.utility(x[flat], z, law, None if task is None else task[flat])
        leak = adversary.crossed(_halves(z), s[rows])
        now = float(leak.detach())
        smooth = now if step == 0 else 0.95 * smooth + 0.05 * now
        excess = (smooth - budget) / max(budget, _SMALL)
        price = float(np.clip(price * math.exp(options.force * np.clip(excess, -1, 3)), *_PRICES))
        objective = price * leak - kept
        encoder.zero_grad()
        objective.backward()
        nn.utils.clip_grad_norm_(channel.parameters(), 10.0)
        encoder.step()
        utility = float(kept.detach())
        if progress is not None and step % 10 == 0:
            progress(step / options.n_steps, f"leakage in the loop {smooth / math.log(2):.3f} bits")
    channel.eval()
    return Trained(smooth, utility, price)


def _halves(z: Tensor) -> Tensor:
    return z.view(N_HALVES, -1, z.shape[1])


def _batch(order: Tensor, size: int) -> Tensor:
    # Different people of each half, (2, m); everybody when there are few.
    if order.shape[1] <= size:
        return order
    return torch.stack([half[torch.randperm(len(half))[:size]] for half in order])


def _slow_down(optimiser: torch.optim.Optimizer, rate: float, done: float) -> None:
    # Constant for half of the way, then down to a tenth: the price settles.
    for group in optimiser.param_groups:
        group["lr"] = rate * (1.0 if done < 0.5 else 1.0 - 1.8 * (done - 0.5))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """One thread and a seed of its own for everything torch does inside; restored afterwards."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
