"""Where the encoder of a task starts, and what keeps it from learning people by heart."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from privfunnel.funnels.channels import GaussianChannel
from privfunnel.funnels.inputs import Inputs

# Of the noise on the scores that the encoder sees in training, in their standard deviations: so
# much at most, and so much for each person less.
_MOST_JITTER, _JITTER = 0.3, 100.0


class Jittered(nn.Linear):
    """A first layer that sees its inputs a little off while it is taught."""

    spread = 0.0

    def forward(self, x: Tensor) -> Tensor:
        """The layer's outputs (m, hidden) of inputs (m, n)."""
        return super().forward(x + self.spread * torch.randn_like(x) if self.training else x)


def steps_of_task(n_people: int) -> int:
    """Steps of training: few people's answers are learnt by heart soon."""
    return max(250, min(500, n_people // 6))


def prepare_for_task(channel: GaussianChannel, seen: Inputs, n_people: int) -> None:
    """Start one output near the task's own score, and blur the scores of few people."""
    first, second, last = channel.net[0], channel.net[2], channel.net[4]
    assert isinstance(first, nn.Linear)
    blurred = Jittered(first.in_features, first.out_features)
    blurred.load_state_dict(first.state_dict())
    blurred.spread = min(_MOST_JITTER, _JITTER / n_people)
    channel.net[0] = blurred
    if channel.n_z > 1 or seen.taught is None:
        return
    score = seen.taught.teacher.widths[0]
    assert isinstance(second, nn.Linear)
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        for layer in (blurred, second):
            layer.weight[0] = 0.0
            layer.bias[0] = 0.0
        blurred.weight[0, score] = 0.5
        second.weight[0, 0] = 1.0
        last.weight.mul_(0.3)
        last.weight[0, 0] = 1.5
