"""Chapter: what correlation misses and mutual information sees."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import streamlit as st
from charts import intervals, scatter
from funnel_data import MEGABYTES, uploaded
from mi_methods import about, continuous, estimate
from scipy.stats import pearsonr, spearmanr
from ui import SHARED, chapter, metrics, plain, sources

from privfunnel.columns import Table
from privfunnel.datasets import bivariate_normal

Sample = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
OWN = "Your own file"
# name -> what to notice
SHAPES = {
    "Line": "The case that correlation was made for: jointly Gaussian, and the two agree.",
    "Parabola": "$Y=X^2$ plus noise. Up and down cancel: no correlation, much information.",
    "Circle": "Knowing $X$ leaves two possible $Y$; neither rises with the other.",
    "Sine": "A function of $X$, so $X$ tells nearly everything; a rank correlation misses it too.",
    "Checkerboard": "The XOR of two coordinates: $X$ says which half of the squares can hold $Y$, "
    "exactly 1 bit.",
    "Independent": "Nothing to find. An honest method says so, with an interval that reaches 0.",
    OWN: "Two numeric columns of a CSV or Parquet file.",
}


@st.cache_data(max_entries=32, show_spinner=False)
def sample(shape: str, n: int, noise: float, seed: int) -> Sample:
    """n points of a shape, (n,) and (n,)."""
    rng = np.random.default_rng(seed)
    if shape == "Line":
        x, y = bivariate_normal(line_correlation(noise)).sample(n, rng)
        return x[:, 0], y[:, 0]
    if shape == "Circle":
        angle = rng.uniform(0, 2 * np.pi, n)
        jitter = rng.normal(0, noise, (2, n))
        return np.cos(angle) + jitter[0], np.sin(angle) + jitter[1]
    if shape == "Checkerboard":
        x = rng.uniform(0, 4, n)
        row = 2 * rng.integers(0, 2, n) + np.floor(x) % 2
        return x, row + rng.uniform(0, 1, n)
    x = rng.uniform(-1, 1, n)
    curve = {"Parabola": x**2, "Sine": np.sin(6 * x), "Independent": 0 * x}[shape]
    scale = 1.0 if shape == "Independent" else noise
    return x, curve + rng.normal(0, scale, n)


def line_correlation(noise: float) -> float:
    """Correlation of the Gaussian example when `noise` is added to a standard normal."""
    return 1 / np.sqrt(1 + noise**2)


def truth(shape: str, noise: float) -> float | None:
    """The information that is known [bit]."""
    if shape == "Line":
        return bivariate_normal(line_correlation(noise)).bits
    return {"Checkerboard": 1.0, "Independent": 0.0}.get(shape)


def own_sample() -> Sample | None:
    """Two columns of an upload."""
    file = st.file_uploader(
        "CSV or Parquet", type=["csv", "tsv", "txt", "parquet"], key="corr_file",
        max_upload_size=MEGABYTES,
    )  # fmt: skip
    if file is None:
        st.info("Choose a file to go on.", icon=":material/upload_file:")
        return None
    suffix = "parquet" if file.name.lower().endswith(".parquet") else "csv"
    try:
        table: Table = uploaded(file.getvalue(), suffix, "drop")
    except (ValueError, TypeError) as error:
        st.error(f"This file cannot be used: {plain(error, 300)}", icon=":material/error:")
        return None
    numeric = [c.name for c in table if c.levels is None]
    if len(numeric) < 2:
        st.warning("The file needs two columns of numbers.")
        return None
    first = st.selectbox("X", numeric, key="corr_x")
    second = st.selectbox("Y", numeric, index=1, key="corr_y")
    return table[first].values[:5000], table[second].values[:5000]


@st.fragment
def show() -> None:
    """The chapter."""
    chapter(
        "What correlation misses",
        "Correlation asks whether $Y$ rises with $X$. Mutual information asks whether $X$ tells "
        "**anything** about $Y$, whatever the shape; it is zero only for independent variables.",
        r"I(X;Y)=0\iff p(x,y)=p(x)\,p(y)",
    )
    left, right = st.columns([2, 3], gap="large")
    with left:
        shape = st.pills(
            "Shape", list(SHAPES), default="Parabola", required=True, key="corr_shape", wrap=True,
            **SHARED,
        )  # fmt: skip
        st.markdown(SHAPES[shape])
        noise, points = 0.1, own_sample() if shape == OWN else None
        if shape != OWN:
            noisy = shape not in ("Checkerboard", "Independent")
            noise = st.slider(
                "Noise", 0.02, 1.5, 0.15, 0.01, key="corr_noise", disabled=not noisy, **SHARED
            )
            n = st.select_slider("Points", [100, 300, 1000, 3000], 1000, key="corr_n", **SHARED)
            seed = st.number_input("Seed", 0, 9999, 0, key="corr_seed", **SHARED)
            points = sample(shape, n, noise, int(seed))
        names = continuous()
        methods = st.pills(
            "Estimators", names, selection_mode="multi", default=names[:3], key="corr_methods",
            wrap=True, **SHARED,
        )  # fmt: skip
        for name in methods:
            st.caption(f"**{name}**: {about(name)}")
    if points is None:
        return
    with right:
        results(*points, methods, truth(shape, noise))
    sources("Kraskov, Stögbauer & Grassberger (2004) for KSG; Ma & Sun (2008) for the copula "
            "entropy; Rényi (1959) on what a measure of dependence should do.")  # fmt: skip


def results(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], methods: list[str], known: float | None
) -> None:
    """Points, correlations, and one interval per estimator."""
    st.altair_chart(scatter(x, y), key="corr_points", alt=f"{len(x)} points")
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        st.warning("One of the two is constant, so it tells nothing.")
        return
    estimates = [estimate(x, y, m) for m in methods]
    best = {"largest reading of I [bit]": max(e.value for e in estimates)} if estimates else {}
    metrics(
        {"Pearson correlation": float(pearsonr(x, y).statistic),
         "Spearman correlation": float(spearmanr(x, y).statistic), **best}
    )  # fmt: skip
    if estimates:
        rows = [
            {"name": m, "value": e.value, "lower": e.lower, "upper": e.upper}
            for m, e in zip(methods, estimates, strict=True)
        ]
        st.altair_chart(
            intervals(rows, title="estimated I(X;Y) [bit]", truth=known), key="corr_estimates",
            alt="Estimates: " + ", ".join(f"{r['name']} {r['value']:.2f} bit" for r in rows),
        )  # fmt: skip
    if known is not None:
        st.caption(f"Dashed: the true value, {known:.3f} bit.")
