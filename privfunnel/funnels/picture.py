"""The picture of a frontier, with matplotlib."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privfunnel.files import write_bytes

if TYPE_CHECKING:
    from privfunnel.funnels.frontier import Frontier

FUNNEL, OTHER, GREY = "#2f6fb2", "#b3372f", "#8a94a0"
_STATUS = {"within": "o", "undecided": "o", "over": "X"}


def draw(found: Frontier, ax: Any = None) -> Any:
    """Leakage (up) against utility (right): lower and further right is better."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError(
            "pictures need matplotlib: pip install 'privfunnel-fsmi[audit]'"
        ) from None
    if ax is None:
        _, ax = plt.subplots(figsize=(10.0, 5.0), layout="constrained")
    _edges(found, ax)
    _rows(found, ax)
    _references(found, ax)
    ax.set_xlabel(f"utility: {found.utility_name} [bit]")
    ax.set_ylabel("leakage: I(S;Z) [bit]")
    ax.set_title("What each bit of utility costs in leakage", loc="left")
    ax.set_ylim(bottom=0)
    ax.set_xlim(left=0)
    ax.grid(color=GREY, alpha=0.2)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def check_picture(path: str | os.PathLike[str]) -> str:
    """The ending of a picture file; ValueError if it is none that can be written."""
    suffix = Path(path).suffix.lower()
    if suffix not in (".png", ".svg", ".pdf"):
        raise ValueError(f"cannot write {path}: the ending must be .png, .svg or .pdf")
    return suffix


def save_picture(found: Frontier, path: str | os.PathLike[str]) -> None:
    """Write the picture to a .png, .svg or .pdf file, whole or not at all."""
    suffix = check_picture(path)
    ax = draw(found)
    buffer = io.BytesIO()
    try:
        ax.figure.savefig(buffer, format=suffix[1:], dpi=140)
    finally:
        import matplotlib.pyplot as plt

        plt.close(ax.figure)
    write_bytes(path, buffer.getvalue())


_LINES = {
    "randomised response": "randomised response (local DP)",
    "linear": "linear release of Gaussian numbers",
}


def _edges(found: Frontier, ax: Any) -> None:
    for name, label in _LINES.items():
        if name in found.edges:
            x, y = zip(*found.edges[name], strict=True)
            ax.plot(x, y, color=GREY, lw=1.2, ls="-.", label=label)
    if "funnel" not in found.edges:
        return
    (x_low, low), (x_up, up) = (zip(*found.edges[k], strict=True) for k in ("funnel", "bottleneck"))
    ax.plot(x_up, up, color=OTHER, lw=1.2, ls="--", label="bottleneck: the worst for its utility")
    ax.plot(x_low, low, color=FUNNEL, lw=1.5, label="funnel: the best for its utility")
    ax.fill(
        (*x_low, *reversed(x_up)),
        (*low, *reversed(up)),
        color=GREY,
        alpha=0.12,
        lw=0,
        label="every release lies here",
    )


def _rows(found: Frontier, ax: Any) -> None:
    x = [r.utility.value for r in found.rows]
    y = [r.leakage.value for r in found.rows]
    if "funnel" not in found.edges:
        ax.plot(x, y, color=FUNNEL, lw=1.5)
    exact = all(r.leakage.lower == r.leakage.upper for r in found.rows)
    if not exact:
        ends = [
            [v - r.leakage.lower for v, r in zip(y, found.rows, strict=True)],
            [r.leakage.upper - v for v, r in zip(y, found.rows, strict=True)],
        ]
        ax.errorbar(x, y, yerr=ends, fmt="none", ecolor=FUNNEL, alpha=0.45, capsize=3)
    for status, marker in _STATUS.items():
        chosen = [i for i, r in enumerate(found.rows) if r.status == status]
        ax.scatter(
            [x[i] for i in chosen],
            [y[i] for i in chosen],
            marker=marker,
            color=OTHER if status == "over" else FUNNEL,
            zorder=3,
        )
    if found.knee is not None and len(x) > 2:
        ax.scatter(
            [found.knee.utility.value],
            [found.knee.leakage.value],
            s=140,
            facecolors="none",
            edgecolors=FUNNEL,
            zorder=4,
            label=f"knee: a budget of {found.knee.budget:.3g} bits",
        )
    label = "funnel, worst fresh attacker" if not exact else "budgets"
    ax.plot([], [], "o-", color=FUNNEL, label=label)
    if any(r.status == "over" for r in found.rows):
        ax.plot([], [], "X", color=OTHER, label="over its budget")


def _references(found: Frontier, ax: Any) -> None:
    if not found.references:
        return
    x = [r.utility for r in found.references]
    y = [r.leakage for r in found.references]
    many = len(x) > 1
    ax.plot(
        x,
        y,
        "s-" if many else "s",
        color=GREY,
        ms=5,
        lw=1,
        label="dropping the most telling columns" if many else found.references[0].name,
    )
    everything = found.references[0]
    ax.plot(
        [0, everything.utility],
        [0, everything.leakage],
        color=GREY,
        lw=1,
        ls=":",
        label="erasing rows at random",
    )
