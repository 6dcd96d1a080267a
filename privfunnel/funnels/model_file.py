"""Model files: tensors as safetensors with everything else as JSON in their header; no pickle."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from privfunnel.files import write_bytes

FORMAT = "privfunnel-funnel"
VERSION = 3

Tensors = dict[str, npt.NDArray[Any]]


def save_model(path: str | os.PathLike[str], kind: str, tensors: Tensors, meta: Any) -> None:
    """Write tensors and plain metadata to one file, whole or not at all."""
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(array) for name, array in sorted(tensors.items())}
    text = json.dumps(meta, sort_keys=True, allow_nan=False)
    header = {
        "format": FORMAT,
        "version": str(VERSION),
        "kind": kind,
        "meta": text,
        "sha256": _digest(kind, arrays, text),
    }
    write_bytes(path, save(arrays, metadata=header))


def load_model(path: str | os.PathLike[str]) -> tuple[str, Tensors, Any]:
    """Kind, tensors and metadata of a model file.

    Raises
    ------
    ValueError
        If it is no such file, was changed after it was written, or has another version.
    """
    from safetensors import SafetensorError, safe_open

    target = Path(path)
    if not target.is_file():
        raise ValueError(f"{target}: no such file")
    try:
        with safe_open(target, framework="numpy") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
    except SafetensorError as error:
        raise ValueError(f"{target}: not a model file ({error})") from None
    if header.get("format") != FORMAT:
        raise ValueError(f"{target}: not a model file of privfunnel")
    if header.get("version") != str(VERSION):
        raise ValueError(
            f"{target}: written as version {header.get('version')} of the format, this is "
            f"version {VERSION}: train and save it again"
        )
    if header.get("sha256") != _digest(header.get("kind", ""), tensors, header.get("meta", "")):
        raise ValueError(f"{target}: the file was changed after it was written; not loaded")
    return header["kind"], tensors, json.loads(header["meta"])


def _digest(kind: str, tensors: Tensors, text: str) -> str:
    state = hashlib.sha256(f"{kind}\n{text}\n".encode())
    for name in sorted(tensors):
        array = tensors[name]
        state.update(repr((name, str(array.dtype), array.shape)).encode())
        state.update(np.ascontiguousarray(array).tobytes())
    return state.hexdigest()
