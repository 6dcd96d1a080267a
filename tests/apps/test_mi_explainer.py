"""The page *Mutual information explained*: every chapter and control, in process."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

from privfunnel.entropy import mutual_information, normalise
from tests.apps.pages import ENTRY, check, open_address, open_page, values

PAGE = "mi_explainer.py"
# How Streamlit puts the siblings of the entry file within reach of each other.
sys.path.insert(0, str(ENTRY.parent))

from mi_joint import parse, six_forms, write  # noqa: E402
from mi_quiz import QUESTIONS  # noqa: E402


def test_opens_on_the_joint_table() -> None:
    page = open_page(PAGE)
    assert page.title[0].value == "Mutual information explained"
    assert values(page)["I(X;Y) [bit]"] == pytest.approx(0.2781, abs=1e-4)


@pytest.mark.parametrize(
    ("preset", "bits"),
    [("Perfect copy", 1.0), ("Independent", 0.0), ("Erasure channel", 0.7), ("Typewriter", 1.0817)],
)
def test_presets(preset: str, bits: float) -> None:
    page = open_page(PAGE)
    page.get("pills")[0].set_value(preset).run()
    assert values(check(page))["I(X;Y) [bit]"] == pytest.approx(bits, abs=1e-3)


def test_size_and_text_of_the_table() -> None:
    page = open_page(PAGE)
    page.number_input(key="joint_rows").set_value(3).run()
    assert page.text_input(key="joint_table").value == "0.4 0.1; 0.1 0.4; 1 1"
    page.text_input(key="joint_table").set_value("1 0; 0 1; 0 1").run()
    expected = mutual_information(normalise([[1, 0], [0, 1], [0, 1]]))
    assert values(check(page))["I(X;Y) [bit]"] == pytest.approx(expected, abs=1e-3)
    for words in ("1 2; 3", "a b; c d", "0 0; 0 0", "-1 2; 3 4", ""):
        page.text_input(key="joint_table").set_value(words).run()
        assert "not a table" in check(page).warning[0].value


def test_pointwise_view() -> None:
    page = open_page(PAGE, joint_view="Pointwise information", joint_table="1 0; 0 1")
    assert values(page)["I(X;Y) [bit]"] == 1.0


def test_six_forms_agree() -> None:
    rng = np.random.default_rng(0)
    for shape in ((1, 1), (2, 2), (3, 5), (12, 12)):
        joint = normalise(rng.random(shape) * (rng.random(shape) > 0.3) + 1e-12)
        forms = six_forms(joint)["Bits"]
        assert len(forms) == 6
        assert np.allclose(forms, mutual_information(joint), atol=1e-12)


def test_table_text_round_trip() -> None:
    weights = np.array([[0.25, 3.0], [1e-3, 0.0]])
    assert np.array_equal(parse(write(weights)), weights)
    with pytest.raises(ValueError, match="at most"):
        parse("; ".join(["1 2"] * 13))


def test_venn_sliders_keep_each_other_feasible() -> None:
    page = open_page(PAGE, chapter="Venn diagram")
    page.slider(key="venn_i").set_value(3.0).run()
    assert page.slider(key="venn_hx").value == 3.0
    assert page.slider(key="venn_hy").value == 3.0
    page.slider(key="venn_hy").set_value(0.5).run()
    assert page.slider(key="venn_i").value == 0.5
    page.slider(key="venn_i").set_value(0.0).run()
    assert "Independent" in check(page).info[0].value


def test_venn_address_is_repaired() -> None:
    page = open_address(chapter="Venn diagram", venn_hx="1.0", venn_hy="1.0", venn_i="3.0")
    assert "cannot exceed" in page.warning[0].value
    assert values(page)["H(X,Y)"] == 1.0


@pytest.mark.parametrize(
    "kind", ["Symmetric noise", "Erasure", "One-way error", "Merge neighbours", "Copy"]
)
def test_processing_never_adds(kind: str) -> None:
    page = open_page(PAGE, chapter="Data processing", chain_two=kind, chain_tilt=0.4)
    shown = values(page)
    assert shown["I(X;Z)"] <= shown["I(X;Y)"] + 1e-6
    assert not any("violated" in c.value for c in page.caption)
    page.slider(key="chain_one_p").set_value(1.0).run()
    page.slider(key="chain_tilt").set_value(1.0).run()
    check(page)


def test_conditioning_destroys_and_creates() -> None:
    chain = values(open_page(PAGE, chapter="Conditioning"))
    assert chain["I(X;Y|Z)"] == 0 < chain["I(X;Y)"]
    fork = values(open_page(PAGE, chapter="Conditioning", cond_graph="Fork"))
    assert fork["I(X;Y|Z)"] == 0 < fork["I(X;Y)"]
    page = open_page(PAGE, chapter="Conditioning", cond_graph="Collider", cond_ex=0.0, cond_ey=0.0)
    assert values(page)["I(X;Y|Z)"] == 1.0
    assert values(page)["I(X;Y)"] == 0.0
    page.slider(key="cond_bias").set_value(1.0).run()
    check(page)


@pytest.mark.parametrize("shape", ["Line", "Parabola", "Circle", "Sine", "Checkerboard"])
def test_information_where_correlation_sees_little(shape: str) -> None:
    page = open_page(PAGE, chapter="Correlation", corr_shape=shape, corr_methods=["ksg"])
    shown = values(page)
    assert shown["largest reading of I [bit]"] > 0.5
    if shape != "Line":
        assert abs(shown["Pearson correlation"]) < 0.5


def test_nothing_where_there_is_nothing() -> None:
    page = open_page(PAGE, chapter="Correlation", corr_shape="Independent", corr_methods=["ksg"])
    assert values(page)["largest reading of I [bit]"] < 0.1
    page.number_input(key="corr_seed").set_value(3).run()
    page.get("pills")[1].set_value([]).run()
    assert "largest reading of I [bit]" not in values(check(page))


def test_correlation_of_an_upload() -> None:
    page = open_page(PAGE, chapter="Correlation", corr_shape="Your own file")
    assert "Choose a file" in page.info[0].value
    x = np.linspace(0, 1, 200)
    data = pd.DataFrame({"<b>x</b>": x, "y": x**2, "name": "a"}).to_csv(index=False).encode()
    page.file_uploader(key="corr_file").upload("own.csv", data).run()
    assert values(check(page))["Spearman correlation"] == 1.0
    page.file_uploader(key="corr_file").set_value([]).run()
    page.file_uploader(key="corr_file").upload("bad.csv", b"\x00\x01\x02").run()
    assert "cannot be used" in check(page).error[0].value


def test_playground() -> None:
    page = open_page(
        PAGE, chapter="Estimators", play_n=300, play_repeats=2, play_methods_numbers=["ksg"]
    )
    table = page.dataframe[0].value
    assert (table["mean error"] < 0.6).all()
    page.selectbox(key="play_task").select("randomised response k=10").run()
    assert check(page).dataframe[0].value["estimator"].iloc[0] == "plugin"
    page.get("pills")[0].set_value([]).run()
    assert "Choose an estimator" in check(page).info[0].value


def test_relevance_buys_copies_and_mrmr_does_not() -> None:
    page = open_page(PAGE, chapter="Feature selection")
    takes = [m.value for m in page.markdown if " takes " in m.value]
    assert takes == [
        "**relevance** takes signal A → copy of A → another copy of A",
        "**mrmr** takes signal A → signal B → noise 1",
    ]
    page.selectbox(key="select_data").select("anes96").run()
    page.selectbox(key="select_target").select("party").run()
    page.slider(key="select_k").set_value(1).run()
    assert "**mrmr** takes vote" in [m.value for m in check(page).markdown]
    page.get("pills")[0].set_value([]).run()
    assert "Choose a criterion" in check(page).info[0].value


@pytest.mark.parametrize("start", ["Two points", "Gaussian"])
def test_heat_flow(start: str) -> None:
    page = open_page(PAGE, chapter="Heat flow", heat_start=start)
    assert len(page.get("vega_lite_chart")) == 1


def test_quiz_keeps_score() -> None:
    page = open_page(PAGE, chapter="Quiz")
    rights = [q.options[q.right()] for q in QUESTIONS]
    page.radio(key="quiz_0").set_value(rights[0]).run()
    wrong = next(o for o in QUESTIONS[1].options if o != rights[1])
    page.radio(key="quiz_1").set_value(wrong).run()
    assert page.progress[0].text == "1 right of 2 answered"
    assert rights[1] in check(page).error[0].value
    for k, answer in enumerate(rights):
        page.radio(key=f"quiz_{k}").set_value(answer)
    page.run()
    assert page.progress[0].text == f"{len(rights)} right of {len(rights)} answered"
    page.button(key="quiz_again").click().run()
    assert page.progress[0].text == "0 right of 0 answered"


def test_right_answers_of_the_quiz() -> None:
    # Worked out by hand; the page works them out with the library.
    assert [q.right() for q in QUESTIONS] == [1, 0, 2, 2, 1, 0, 1, 1, 1, 1]
