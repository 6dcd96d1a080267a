"""What stands against the encoder in training, by the name of its engine."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from privfunnel.funnels.critics import Adversary
from privfunnel.funnels.critics import Engine as Taught
from privfunnel.funnels.encoding import Encoding
from privfunnel.funnels.mixture import Mixture
from privfunnel.variables import Codes, Variable

Engine = Literal["auto", "mixture", "mine", "cross_entropy"]
ENGINES = ("auto", "mixture", "mine", "cross_entropy")
# Above this many levels a secret is too thin for mixtures of a batch.
_MOST_LEVELS = 40


def opponent(
    s: Variable,
    people: Codes,
    engine: Engine,
    n_outputs: int,
    chances: Tensor,
    *,
    of_codes: bool = False,
) -> tuple[Adversary | Mixture, Tensor]:
    """The opponent and the secrets of these people as it takes them.

    "mixture" reads I(S;Z) from the known noise and takes `chances` (n, k) of the groups of S;
    "cross_entropy" (discrete S) and "mine" are nets that are taught along.
    """
    discrete = s.kind == "discrete"
    if resolved(s, engine) == "mixture":
        return Mixture(of_codes=of_codes), chances
    kind: Taught = "mine" if engine == "mine" else "cross_entropy"
    if discrete:
        codes = np.unique(s.codes[people], return_inverse=True)[1].astype(np.int64)
        prior = torch.from_numpy(np.bincount(codes) / len(codes)).float()
        return Adversary(n_outputs, kind, prior=prior), torch.from_numpy(codes)
    scores = Encoding.fit(s.take(people)).apply(s.values)[people]
    made = Adversary(n_outputs, kind, prior=None, n_secret=scores.shape[1])
    return made, torch.from_numpy(scores).float()


def resolved(s: Variable, engine: Engine) -> Engine:
    """What "auto" means: the mixture, unless S has too many levels."""
    if engine != "auto":
        return engine
    thin = s.kind == "discrete" and s.n_levels > _MOST_LEVELS
    return "cross_entropy" if thin else "mixture"
