"""The training loop: most utility while the adversary's reading stays under the budget."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from privfunnel.funnels.critics import N_HALVES, Adversary
from privfunnel.funnels.mixture import Mixture

Progress = Callable[[float, str], None]

# No bit of the secret is worth more of utility than this.
_HIGHEST = 100.0
# How many times the budget annealing starts from.
_EASED = 4.0
_ALONE = threading.RLock()


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
    force : change of the price in one step for each nat over the target.
    stiffness : price of one more nat over the target, at once.
    check_every : steps between two honest readings.
    annealing : share of the steps in which the target comes down to the budget, from four times
        as much: a release first finds its shape, then gives up what is too much.
    """

    n_steps: int = 500
    adversary_steps: int = 2
    batch: int = 256
    learning_rate: float = 5e-3
    adversary_rate: float = 5e-3
    weight_penalty: float = 2e-2
    force: float = 0.5
    stiffness: float = 50.0
    check_every: int = 50
    annealing: float = 0.2


@dataclass(frozen=True)
class Trained:
    """What the loop itself read at the end [nat]: for curiosity, never for a report."""

    leakage: float
    utility: float
    price: float
    checked: bool


def train(
    channel: Any,
    adversary: Adversary | Mixture,
    x: Tensor,
    s: Tensor,
    *,
    budget: float,
    task: Tensor | None = None,
    check: Callable[[], float] | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train a channel in place on people x (n, ...), s (n, ...) for a budget [nat].

    The price of leakage is that of an augmented Lagrangian: a multiplier that follows the smoothed
    reading and a penalty on what is over the target. The target starts at the budget; every
    `check_every` steps an honest reading [nat] says by how much the adversary is wrong, and the
    target is moved by that. In the end the channel is the one of the check with most utility
    within the budget, if there was one.
    """
    options = settings or Settings()
    encoder = torch.optim.Adam(channel.parameters(), lr=options.learning_rate)
    attacker = _optimiser(adversary, options)
    half = len(x) // N_HALVES
    order = torch.randperm(len(x))[: half * N_HALVES].view(N_HALVES, half)
    watch = _Watch(budget, options)
    channel.train()
    for step in range(options.n_steps):
        _slow_down(encoder, options.learning_rate, step / options.n_steps)
        rows = _batch(order, options.batch)
        flat = rows.flatten()
        if isinstance(adversary, Adversary) and attacker is not None:
            _teach(adversary, attacker, channel, x[flat], s[rows], options)
        z, law = channel.draw(x[flat])
        kept = channel.utility(x[flat], z, law, None if task is None else task[flat])
        leak = adversary.crossed(_halves(z), s[rows], law)
        watch.anneal((step + 1) / options.n_steps)
        price = watch.price_after(float(leak.detach()), float(kept.detach()))
        encoder.zero_grad()
        (price * leak - kept).backward()
        nn.utils.clip_grad_norm_(channel.parameters(), 10.0)
        encoder.step()
        if check is not None and (step + 1) % options.check_every == 0:
            channel.eval()
            if watch.checked(check(), channel):
                adversary.reset()
                attacker = _optimiser(adversary, options)
            channel.train()
        if progress is not None and step % 10 == 0:
            words = f"leakage in the loop {watch.leakage / math.log(2):.3f} bits"
            progress(step / options.n_steps, words)
    if watch.best is not None:
        channel.load_state_dict(watch.best)
    channel.eval()
    return Trained(watch.leakage, watch.utility, watch.price, watch.best is not None)


def _optimiser(adversary: Adversary | Mixture, options: Settings) -> torch.optim.Optimizer | None:
    weights = list(adversary.parameters())
    return torch.optim.Adam(weights, lr=options.adversary_rate) if weights else None


class _Watch:
    """Smoothed readings, the price that follows them, and the best channel so far."""

    def __init__(self, budget: float, options: Settings) -> None:
        self.budget, self.target, self.options = budget, budget, options
        self.price, self.leakage, self.utility = 1.0, math.nan, math.nan
        self.honest = -math.inf
        self.best: dict[str, Tensor] | None = None
        self._best_utility = -math.inf
        self._ease = 1.0

    def anneal(self, done: float) -> None:
        """Ease the target early on: `done` is the share of the steps taken."""
        left = max(0.0, 1.0 - done / self.options.annealing) if self.options.annealing else 0.0
        self._ease = _EASED**left

    def price_after(self, leakage: float, utility: float) -> float:
        first = math.isnan(self.leakage)
        self.leakage = leakage if first else 0.9 * self.leakage + 0.1 * leakage
        self.utility = utility if first else 0.9 * self.utility + 0.1 * utility
        # An adversary that was outwitted does not lower the price.
        target = self.target * self._ease
        over = max(self.leakage - target, self.honest - self.budget * self._ease)
        slow = self.price + self.options.force * over
        self.price = float(np.clip(slow, 0.0, _HIGHEST))
        # The quick part vanishes as soon as the reading is under the target: no overshoot.
        quick = self.price + self.options.stiffness * (leakage - target)
        return float(np.clip(quick, 0.0, _HIGHEST))

    def checked(self, honest: float, channel: Any) -> bool:
        """Take an honest reading in; whether the adversary has lost and must start anew."""
        self.honest = honest
        # Half of the way (in logarithms): the honest reading is noisy too.
        scale = max(self.leakage, 0.1 * self.budget) / max(honest, 0.1 * self.budget, 1e-9)
        wanted = self.budget * float(np.clip(scale, 0.3, 3.0))
        self.target = math.sqrt(max(self.target, 1e-9) * max(wanted, 1e-9))
        if honest <= self.budget and self.utility > self._best_utility:
            self._best_utility = self.utility
            self.best = {k: v.detach().clone() for k, v in channel.state_dict().items()}
        return honest > self.budget and honest > 2.0 * self.leakage


def _teach(
    adversary: Adversary,
    optimiser: torch.optim.Optimizer,
    channel: Any,
    x: Tensor,
    s: Tensor,
    options: Settings,
) -> None:
    for _ in range(options.adversary_steps):
        with torch.no_grad():
            z, _law = channel.draw(x)
        loss = -adversary.reading(_halves(z), s).sum()
        loss = loss + options.weight_penalty * adversary.penalty()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()


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
    """One thread and a seed of its own for everything torch does inside; restored afterwards.

    Torch has one generator a process: who trains in several threads waits here, so that each
    funnel is the one that its seed makes alone.
    """
    with _ALONE, torch.random.fork_rng(devices=[]):
        threads = torch.get_num_threads()
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
