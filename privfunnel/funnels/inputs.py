"""What an encoder sees: encoded columns of X, S if it may, scores of the task if there is one.

Codes of texts are those of the people of training, whatever texts the people of today hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np

from privfunnel.columns import Table
from privfunnel.entropy import FloatArray
from privfunnel.funnels.encoding import Encoding
from privfunnel.funnels.teacher import Teacher
from privfunnel.variables import Codes, Variable, as_variable

Texts = tuple[tuple[str, ...] | None, ...]


@final
@dataclass(frozen=True)
class Taught:
    """Scores of S and the task, and how they are encoded."""

    teacher: Teacher
    encoding: Encoding

    def apply(self, values: FloatArray) -> FloatArray:
        """Inputs (n, width) of people nobody taught."""
        return self.encoding.apply(self.teacher.apply(values))

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, for a model file."""
        return {"teacher": self.teacher.to_dict(), "encoding": self.encoding.to_dict()}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """What `to_dict` wrote."""
        return cls(Teacher.from_dict(content["teacher"]), Encoding.from_dict(content["encoding"]))


@final
@dataclass(frozen=True)
class Inputs:
    """What an encoder sees: columns of X, S too if it may, and the units Z is given back in.

    Attributes
    ----------
    of_x, of_s : how each side is encoded; `of_s` is None for an encoder that must not see S,
        `of_x` for one that sees X by its scores only.
    taught : scores of S and the task, if there is a task.
    texts_of_x, texts_of_s : the texts that codes stand for in training, None for numbers.
    scale : mean and standard deviation of each column of X, for a release in the units of X.
    """

    of_x: Encoding | None
    of_s: Encoding | None
    scale: tuple[FloatArray, FloatArray] | None
    taught: Taught | None = None
    texts_of_x: Texts = ()
    texts_of_s: Texts = ()

    @classmethod
    def fit(
        cls,
        x: Variable,
        s: Variable,
        goal: Variable | None,
        people: Codes,
        utility: str,
        *,
        use_sensitive: bool,
        rng: np.random.Generator,
    ) -> tuple[Self, FloatArray]:
        """Learn from the people of training; also the inputs (n, width) of everybody.

        For a task, scores of the people of training come from predictors that never saw them.
        """
        of_s = Encoding.fit(s.take(people)) if use_sensitive else None
        if utility == "task" and goal is not None:
            teacher, own = Teacher.fit(x, (s, goal), people, rng)
            taught = Taught(teacher, Encoding.of_numbers(own))
            seen = cls(None, of_s, None, taught, x.levels, s.levels)
            inputs = seen.of_variables(x, s)
            inputs[people, : own.shape[1]] = taught.encoding.apply(own)
            return seen, inputs
        scale = None
        if utility == "distortion":
            spread = x.values[people].std(axis=0)
            scale = x.values[people].mean(axis=0), np.where(spread > 0, spread, 1.0)
        seen = cls(Encoding.fit(x.take(people)), of_s, scale, None, x.levels, s.levels)
        return seen, seen.of_variables(x, s)

    @property
    def width(self) -> int:
        """Number of inputs."""
        sides = (self.taught and self.taught.encoding, self.of_x, self.of_s)
        extra = 0 if self.scale is None else len(self.scale[0])
        return sum(side.width for side in sides if side is not None) + extra

    @property
    def of_secret(self) -> tuple[int, int]:
        """First and last (not included) of the inputs that hold S; equal if none do."""
        sides = (self.taught and self.taught.encoding, self.of_x)
        first = sum(side.width for side in sides if side is not None)
        return first, first + (0 if self.of_s is None else self.of_s.width)

    def of_variables(self, x: Variable, s: Variable | None) -> FloatArray:
        """Inputs (n, width); texts that training never saw are nobody's.

        Raises
        ------
        ValueError
            If there are more or fewer columns, or text where numbers were, or the reverse.
        """
        x = aligned(x, self.texts_of_x)
        parts = [] if self.taught is None else [self.taught.apply(x.values)]
        if self.of_x is not None:
            parts.append(self.of_x.apply(x.values))
        if self.of_s is not None and s is not None:
            if len(s) != len(x):
                raise ValueError(f"X has {len(x)} rows, S has {len(s)}")
            parts.append(self.of_s.apply(aligned(s, self.texts_of_s).values))
        if self.scale is not None:
            parts.append(self.standard(x.values))
        return np.hstack(parts)

    def standard(self, values: FloatArray) -> FloatArray:
        """X (n, d) with mean 0 and variance 1 on the people of training."""
        assert self.scale is not None
        return np.asarray((values - self.scale[0]) / self.scale[1])

    def original(self, z: FloatArray) -> FloatArray:
        """Z (n, k) in the units of X, if it has any."""
        return z if self.scale is None else np.asarray(z * self.scale[1] + self.scale[0])

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, for a model file."""
        return {
            "of_x": None if self.of_x is None else self.of_x.to_dict(),
            "of_s": None if self.of_s is None else self.of_s.to_dict(),
            "scale": None if self.scale is None else [a.tolist() for a in self.scale],
            "taught": None if self.taught is None else self.taught.to_dict(),
            "texts_of_x": self.texts_of_x,
            "texts_of_s": self.texts_of_s,
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """The inputs that `to_dict` wrote."""
        of_x, of_s, scale, taught = (content[k] for k in ("of_x", "of_s", "scale", "taught"))
        return cls(
            None if of_x is None else Encoding.from_dict(of_x),
            None if of_s is None else Encoding.from_dict(of_s),
            None if scale is None else (np.asarray(scale[0]), np.asarray(scale[1])),
            None if taught is None else Taught.from_dict(taught),
            *(
                tuple(None if texts is None else tuple(texts) for texts in content[name])
                for name in ("texts_of_x", "texts_of_s")
            ),
        )


def side_of(data: Any, name: str) -> Variable:
    """A side of a sample as a funnel takes it: what `as_variable` takes, or a Table."""
    return data.variable() if isinstance(data, Table) else as_variable(data, name=name)


def aligned(side: Variable, texts: Texts) -> Variable:
    """The side with the codes of training; texts that training never saw become -1."""
    if not texts or not side.levels:
        return side
    if len(texts) != side.dim:
        raise ValueError(f"{side.name} has {side.dim} columns, need {len(texts)}")
    values = side.values.copy()
    for j, (known, now) in enumerate(zip(texts, side.levels, strict=True)):
        if (known is None) != (now is None):
            was, is_now = ("numbers", "text") if known is None else ("text", "numbers")
            raise ValueError(f"column {j} of {side.name} held {was} in training, holds {is_now}")
        if known is not None and now is not None and known != now:
            place = {text: float(i) for i, text in enumerate(known)}
            codes = np.array([place.get(text, -1.0) for text in now])
            values[:, j] = codes[side.values[:, j].astype(np.int64)]
    return Variable(values, side.discrete, side.nominal, side.name, texts)
