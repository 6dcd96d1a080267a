"""A decision in one small file: the map, the pose and all that the planner remembered.

A plan depends on the map, the pose, the parameters and the memory between plans. All of it goes
into one compressed NumPy archive without pickled objects, so that a decision that looks wrong can
be sent to somebody else and made again, bit for bit, on their machine.
"""

from __future__ import annotations

import dataclasses
import json
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fsmi.grid import OccupancyGrid
from fsmi.io.atomic import whole_file
from fsmi.sensor import RangeSensor

FORMAT = "fsmi-decision"
VERSION = 2


@final
@dataclass(frozen=True)
class Decision:
    """Everything that one call of `Explorer.plan` depended on.

    Attributes
    ----------
    grid : OccupancyGrid
    pose : (x, y, theta)
    others, avoid : array or None
        As passed to `plan`.
    sensor : RangeSensor
    options : dict
        Parameters of the explorer.
    memory : dict
        What it remembered: numbers, lists and arrays, as `Explorer` made them.
    """

    grid: OccupancyGrid
    pose: tuple[float, float, float]
    others: npt.NDArray[np.float64] | None
    avoid: npt.NDArray[np.float64] | None
    sensor: RangeSensor
    options: dict[str, Any]
    memory: dict[str, Any]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the decision to `path`."""
        arrays = {k: v for k, v in self.memory.items() if isinstance(v, np.ndarray)}
        words = {
            "format": FORMAT,
            "version": VERSION,
            "pose": self.pose,
            "resolution": self.grid.resolution,
            "origin": self.grid.origin,
            "sensor": dataclasses.asdict(self.sensor),
            "options": self.options,
            "memory": {k: v for k, v in self.memory.items() if k not in arrays},
            "others": None if self.others is None else self.others.tolist(),
            "avoid": None if self.avoid is None else self.avoid.tolist(),
        }
        parts: dict[str, Any] = {f"memory_{k}": v for k, v in arrays.items()}
        parts |= {"words": np.array(json.dumps(words)), "cells": self.grid.cells}
        with whole_file(Path(path)) as part, part.open("wb") as file:
            np.savez_compressed(file, **parts)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Decision:
        """Read a decision.

        Raises
        ------
        ValueError
            If the file is not one, is damaged or of another version.
        """
        try:
            with Path(path).open("rb") as file:
                if not zipfile.is_zipfile(file):
                    raise ValueError("it is no NumPy archive, or only a part of one")
            with np.load(path, allow_pickle=False) as parts:
                words = json.loads(str(parts["words"]))
                cells = parts["cells"]
                arrays = {k[7:]: parts[k] for k in parts.files if k.startswith("memory_")}
            if words["format"] != FORMAT:
                raise ValueError(words["format"])
            if words["version"] != VERSION:
                raise ValueError(f"version {words['version']} instead of {VERSION}")
            return cls(
                OccupancyGrid(cells, words["resolution"], tuple(words["origin"])),
                tuple(words["pose"]),
                _array(words["others"]),
                _array(words["avoid"]),
                RangeSensor(**words["sensor"]),
                words["options"],
                {**words["memory"], **arrays},
            )
        except (KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(
                f"{path} is no decision that Explorer.dump_state wrote: {error}"
            ) from None

    def __repr__(self) -> str:
        return f"Decision({self.options['strategy']} at {self.pose}, {self.grid!r})"


def _array(values: list[Any] | None) -> npt.NDArray[np.float64] | None:
    return None if values is None else np.asarray(values, dtype=np.float64)
