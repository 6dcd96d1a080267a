"""What stands against the encoder in training, by the name of its engine."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from privfunnel.columns import quantile_bins
from privfunnel.funnels.critics import Adversary
from privfunnel.funnels.encoding import Encoding
from privfunnel.funnels.mixture import SECRET_GROUPS, Mixture
from privfunnel.variables import Codes, Variable

Engine = Literal["auto", "mixture", "mine", "cross_entropy"]
ENGINES = ("auto", "mixture", "mine", "cross_entropy")
# Above this many levels a secret is too thin for mixtures of a batch.
_MOST_LEVELS = 40


def opponent(
    s: Variable, people: Codes, engine: Engine, n_outputs: int
) -> tuple[Adversary | Mixture, Tensor]:
    """The opponent and the secrets of these people as it takes them.

    "mixture" reads I(S;Z) from the known noise, with a continuous S in groups; "cross_entropy"
    (discrete S) and "mine" are nets that are taught along. "auto" takes the mixture unless S has
    too many levels.
    """
    discrete = s.kind == "discrete"
    if engine == "auto":
        thin = discrete and s.n_levels > _MOST_LEVELS
        engine = "cross_entropy" if thin else "mixture"
    if engine == "mixture" or discrete:
        codes = _codes(s, people)
        n_secret = int(codes.max()) + 1
        if engine == "mixture":
            return Mixture(n_secret), torch.from_numpy(codes)
        prior = torch.from_numpy(np.bincount(codes) / len(codes)).float()
        return Adversary(n_outputs, engine, prior=prior), torch.from_numpy(codes)
    scores = Encoding.fit(s.take(people)).apply(s.values)[people]
    made = Adversary(n_outputs, engine, prior=None, n_secret=scores.shape[1])
    return made, torch.from_numpy(scores).float()


def _codes(s: Variable, people: Codes) -> Codes:
    if s.kind == "discrete":
        return np.unique(s.codes[people], return_inverse=True)[1].astype(np.int64)
    return quantile_bins(s.values[people, 0], SECRET_GROUPS)
