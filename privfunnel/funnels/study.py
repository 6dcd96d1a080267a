"""The people of one learned funnel: who trains, who is read, and how both are read."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from privfunnel.entropy import FloatArray
from privfunnel.estimate import Estimate, Progress
from privfunnel.estimators.attackers import attack_all, strongest
from privfunnel.funnels.beliefs import Beliefs
from privfunnel.funnels.channels import GaussianChannel
from privfunnel.funnels.code_channel import CodeChannel
from privfunnel.funnels.encoding import Encoding
from privfunnel.funnels.fresh import (
    SECRET_BINS,
    even_groups,
    fresh_leakage,
    quick_leakage,
    secret_codes,
)
from privfunnel.funnels.inputs import Inputs
from privfunnel.funnels.known import (
    BELIEFS,
    believed_leakage,
    known_channel,
    known_codes_information,
    known_noise_information,
    n_draws,
)
from privfunnel.funnels.mixture import Mixture
from privfunnel.funnels.opponents import Engine, opponent
from privfunnel.funnels.training import Settings, Trained, train
from privfunnel.variables import Codes, Variable

AnyChannel = GaussianChannel | CodeChannel

FEWEST = 40
# Groups a continuous secret is cut into at most: more where beliefs stand for what people have.
_GROUPS, _GROUPS_COUNTED = 40, 24
_PEOPLE_A_GROUP = 40
# People whose laws an attacker who knows the channel compares a release with, and laws in all
# where each of them is imagined with every secret.
_MOST_KNOWN = 10_000
_MOST_IMAGINED = 40_000
_MOST_PAIRED = 100_000_000
# People on each side of the reading that steers training.
_MOST_QUICK = 3000


@dataclass(frozen=True)
class Plan:
    """How to train: what the caller of NeuralFunnel chose."""

    engine: Engine
    utility: str
    n_outputs: int
    n_steps: int | None
    annealing: float
    attackers: tuple[str, ...]
    confidence: float


@dataclass(frozen=True)
class Study:
    """Checked samples, cut into people of training (`fit`) and people to be read (`held`).

    `secret` are the levels of S, or four groups of a continuous S; `fine` are more groups of it,
    and `believed` what X says about these, (n, k).
    """

    x: Variable
    s: Variable
    goal: Variable | None
    fit: Codes
    held: Codes
    seen: Inputs
    inputs: torch.Tensor
    secret: Codes
    fine: Codes
    believed: FloatArray
    plan: Plan

    @classmethod
    def of(
        cls,
        x: Variable,
        s: Variable,
        goal: Variable | None,
        plan: Plan,
        *,
        held_out: float,
        use_sensitive: bool,
        rng: np.random.Generator,
    ) -> Study:
        """Check the sides and cut the people."""
        _check_sides(x, s, goal)
        people = rng.permutation(len(x))
        n_held = max(20, round(held_out * len(x)))
        held, fit = people[:n_held], people[n_held:]
        seen, known = Inputs.fit(
            x, s, goal, fit, plan.utility, use_sensitive=use_sensitive, rng=rng
        )
        inputs = torch.from_numpy(known).float()
        discrete = s.kind == "discrete"
        secret = secret_codes(s.values[:, 0], discrete)
        most = _GROUPS_COUNTED if use_sensitive else _GROUPS
        n_groups = int(np.clip(len(fit) // _PEOPLE_A_GROUP, SECRET_BINS, most))
        fine = secret if discrete else even_groups(s.values[:, 0], n_groups)
        first, last = seen.of_secret
        alone = torch.cat([inputs[:, :first], inputs[:, last:]], dim=1)
        beliefs = Beliefs.fit(
            alone[fit], fine[fit], ordered=not s.nominal[0], n_groups=int(fine.max()) + 1
        )
        believed = beliefs.chances(alone).numpy().astype(np.float64)
        return cls(x, s, goal, fit, held, seen, inputs, secret, fine, believed, plan)

    def counted(self, people: Codes) -> FloatArray:
        """0 and 1: the groups that these people are in, (m, k)."""
        return np.eye(int(self.fine.max()) + 1)[self.fine[people]]

    def train(
        self,
        channel: AnyChannel,
        budget: float,
        rng: np.random.Generator,
        *,
        again: bool,
        progress: Progress | None,
    ) -> Trained:
        """Train a channel in place for an inner budget [nat], or on from where it is (`again`)."""
        # Of an encoder that sees S, chances given X alone say nothing.
        sees = self.seen.of_s is not None
        held = self.counted(self.fit) if sees else self.believed[self.fit]
        against, secrets = opponent(
            self.s,
            self.fit,
            self.plan.engine,
            self.plan.n_outputs,
            torch.from_numpy(held).float(),
            of_codes=isinstance(channel, CodeChannel),
        )
        mixture = isinstance(against, Mixture)
        # Learnt noise answers a price at once: strong prices make it swing between all and nothing.
        gentle = self.plan.utility == "distortion"
        n_steps = self.plan.n_steps or (500 if mixture else 800)
        return train(
            channel,
            against,
            self.inputs[self.fit],
            secrets,
            budget=budget,
            task=self._target(),
            check=lambda: self.quick(channel, rng),
            settings=Settings(
                n_steps=max(1, n_steps // (2 if again else 1)),
                batch=256 if not mixture else 1000 if self.plan.n_outputs == 1 else 400,
                check_every=100,
                # Z has few dimensions: its adversary need not be held back.
                weight_penalty=1e-4,
                annealing=0.0 if again or gentle else self.plan.annealing,
                force=0.1 if gentle else 0.5,
                stiffness=8.0 if gentle else 50.0,
                learning_rate=2e-3 if gentle else 5e-3,
            ),
            progress=progress,
        )

    def _target(self) -> torch.Tensor | None:
        if self.plan.utility == "distortion":
            return torch.from_numpy(self.seen.standard(self.x.values[self.fit])).float()
        if self.goal is None:
            return None
        if self.goal.kind == "discrete":
            return torch.from_numpy(self.goal.codes[self.fit])
        scores = Encoding.fit(self.goal.take(self.fit)).apply(self.goal.values[self.fit])
        return torch.from_numpy(scores[:, 0]).float()

    def quick(self, channel: AnyChannel, rng: np.random.Generator) -> float:
        """The largest of a few cheap readings on people of training [nat]: to steer by."""
        law, z = release(channel, self.inputs[self.fit], rng)
        half = len(z) // 2
        rows, others = slice(0, min(half, _MOST_QUICK)), slice(half, half + _MOST_QUICK)
        codes = self.fine[self.fit[rows]]
        views = [self.counted(self.fit[others])]
        if self.seen.of_s is None:
            views.append(self.believed[self.fit[others]])
        reading = max(
            float(known_channel(z[rows], codes, law[others], view).gains().mean()) for view in views
        )
        if self.plan.engine in ("mine", "cross_entropy"):
            reading = max(reading, quick_leakage(z, self.secret[self.fit], rng))
        return reading

    def fresh(
        self, channel: AnyChannel, confidence: float, rng: np.random.Generator
    ) -> tuple[Estimate, FloatArray, FloatArray]:
        """The worst fresh attacker on the people held out [nat], their laws and releases."""
        law, z = release(channel, self.inputs[self.held], rng)
        codes, others = self.fine[self.held], self.fit[:_MOST_KNOWN]
        laws = release(channel, self.inputs[others], rng)[0]
        imagined, chances = self._imagined(channel, laws, rng)
        known = (
            known_channel(_draws(channel, law, len(laws), rng), codes, laws, self.counted(others)),
            known_channel(
                _draws(channel, law, len(imagined), rng), codes, imagined, chances, BELIEFS
            ),
        )

        def believed(level: float) -> Estimate:
            draws, about = self._draws_of_beliefs(channel, len(imagined), rng)
            return believed_leakage(draws, about, imagined, chances, level)

        leakage = fresh_leakage(
            z,
            self.secret[self.held],
            confidence=confidence,
            rng=rng,
            numbers=None if self.s.kind == "discrete" else self.s.values[self.held, 0],
            attackers=self.plan.attackers,
            known=known,
            believed=believed,
        )
        return leakage, law, z

    def _imagined(
        self, channel: AnyChannel, laws: FloatArray, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        """Laws of people of training with beliefs about their secrets in place of these.

        An encoder that sees S is given the same people with each group's S in turn.
        """
        if self.seen.of_s is None:
            return laws, self.believed[self.fit[: len(laws)]]
        n = self.believed.shape[1]
        people = self.fit[: max(1, min(len(laws), _MOST_IMAGINED // n))]
        weights = np.eye(n)[None] * self.believed[people][:, :, None]
        made = self._laws_of_groups(channel, people, rng)
        return made.reshape(-1, made.shape[-1]), weights.reshape(-1, n)

    def _laws_of_groups(
        self, channel: AnyChannel, people: Codes, rng: np.random.Generator
    ) -> FloatArray:
        """Laws (m, n, 2 k) of people with the S of somebody of each group."""
        first, last = self.seen.of_secret
        parts = []
        for k in range(self.believed.shape[1]):
            members = self.fit[self.fine[self.fit] == k]
            inputs = self.inputs[people].clone()
            if len(members):
                inputs[:, first:last] = self.inputs[rng.choice(members, len(people)), first:last]
            parts.append(release(channel, inputs, rng)[0])
        return np.stack(parts, axis=1)

    def _draws_of_beliefs(
        self, channel: AnyChannel, n_laws: int, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        """Releases of people, first those held out, with S as believed, and what is believed.

        Nobody's S is looked at, so people of training may be read too: most of a folded release's
        leakage may come from a few people in the tails.
        """
        people = np.concatenate([self.held, self.fit])
        if self.seen.of_s is None:
            people = people[: max(len(self.held), _MOST_KNOWN if channel.n_z == 1 else 0)]
            law = release(channel, self.inputs[people], rng)[0]
            return _draws(channel, law, n_laws, rng), self.believed[people]
        n, one = self.believed.shape[1], channel.n_z == 1
        people = people[: len(self.held) if one else max(50, _MOST_PAIRED // (n * n_laws))]
        laws = self._laws_of_groups(channel, people, rng)
        return channel.sample(laws, rng)[None], self.believed[people]

    def useful(self, law: FloatArray, z: FloatArray, rng: np.random.Generator) -> Estimate:
        """I(task;Z) by attackers, else I(X;Z) by the known noise, of the people held out [nat]."""
        if self.plan.utility != "task" or self.goal is None:
            k = z.shape[1]
            if law.shape[1] == k:
                return known_codes_information(law)
            return known_noise_information(law[:, :k], z, np.exp(law[:, k:]))
        codes = secret_codes(self.goal.values[self.held, 0], self.goal.kind == "discrete")
        return strongest(attack_all(z, codes, rng=rng), confidence=self.plan.confidence)

    def distortion(self, z: FloatArray) -> float | None:
        """Mean squared error of the people held out as a share of the variance of X."""
        if self.seen.scale is None:
            return None
        return float(((z - self.seen.standard(self.x.values[self.held])) ** 2).mean())

    def secret_entropy(self) -> float:
        """H(S) [nat], of groups if S is continuous."""
        p = np.bincount(self.fine) / len(self.fine)
        return float(-sum(v * math.log(v) for v in p if v > 0))


def release(
    channel: AnyChannel, inputs: torch.Tensor, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Laws (m, 2 k) and a draw (m, k) of a trained channel, with noise from `rng`."""
    was_training = channel.training
    channel.eval()
    with torch.no_grad():
        law = channel.law(inputs).numpy().astype(np.float64)
    channel.train(was_training)
    return law, channel.sample(law, rng)


def _draws(
    channel: AnyChannel, law: FloatArray, n_laws: int, rng: np.random.Generator
) -> FloatArray:
    """Releases (r, m, k) of people of these laws, to be compared with so many others."""
    r = n_draws(len(law), n_laws, channel.n_z)
    return channel.sample(np.broadcast_to(law, (r, *law.shape)), rng)


def _check_sides(x: Variable, s: Variable, goal: Variable | None) -> None:
    for side in (s, goal):
        if side is not None and len(side) != len(x):
            raise ValueError(f"X has {len(x)} rows, {side.name} has {len(side)}")
        if side is not None and side.dim != 1:
            raise ValueError(f"{side.name} must be one column, not {side.dim}")
        if side is not None and side.constant:
            raise ValueError(f"{side.name} is the same for everyone: there is nothing to tell")
    if x.constant:
        raise ValueError("X is the same for everyone: there is nothing to release")
    if len(x) < FEWEST:
        raise ValueError(f"{len(x)} people are too few to train and read on: need {FEWEST}")
