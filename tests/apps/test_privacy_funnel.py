"""The page *Privacy funnel*: every control, in process."""

from __future__ import annotations

import io
import sys

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from privfunnel.tables import read_table
from tests.apps.pages import ENTRY, check, open_page, values

# How Streamlit puts the siblings of the entry file within reach of each other.
sys.path.insert(0, str(ENTRY.parent))

from funnel_charts import frontier
from funnel_data import Task, parse
from funnel_frontier import exact
from funnel_release import EFFORTS

PAGE = "privacy_funnel.py"
OWN = "my own file"


def people(n: int = 300) -> pd.DataFrame:
    """A secret, a column that tells half of it, and one that tells nothing."""
    rng = np.random.default_rng(0)
    secret = rng.integers(0, 2, n)
    tells = np.where(rng.random(n) < 0.85, secret, 1 - secret)
    return pd.DataFrame(
        {
            "secret": np.array(["no", "yes"])[secret],
            "<b>tells</b>": np.array(["a", "=1+1"])[tells],
            "noise": rng.normal(size=n).round(3),
        }
    )


def upload(data: bytes, name: str = "people.csv", **state: object) -> AppTest:
    """The page with an upload."""
    page = open_page(PAGE, table=OWN, **state)
    assert "Choose a file" in page.info[0].value
    return page.file_uploader(key="table_file").upload(name, data).run()


def csv(**options: object) -> bytes:
    return people().to_csv(index=False, **options).encode()


def test_audit_of_the_bundled_table() -> None:
    page = open_page(PAGE)
    assert "Over the budget" in page.error[0].value
    shown = values(page)
    assert 0.4 < shown["leakage read [bit]"] < shown["H(S) [bit]"] < 1.0
    assert len(page.get("download_button")) == 3
    page.number_input(key="audit_budget").set_value(0.0).run()
    assert not check(page).error
    page.multiselect(key="audit_release").set_value(["tv_news"]).run()
    assert values(check(page))["leakage read [bit]"] < 0.05
    page.multiselect(key="ignored").set_value(["party", "age"]).run()
    page.selectbox(key="sensitive").select("education").run()
    check(page)


def test_budget_beyond_the_entropy_is_explained() -> None:
    page = open_page(PAGE, audit_budget=9.0)
    assert "need between 0 and" in page.error[0].value


def test_budget_of_one_column_is_met_exactly() -> None:
    page = upload(csv(), step="One column, exactly", exact_column="<b>tells</b>")
    shown = values(check(page))
    assert shown["leaks released"] == pytest.approx(0.3 * shown["leaks as it is [bit]"], rel=1e-3)
    page.slider(key="exact_share").set_value(100).run()
    shown = values(check(page))
    assert shown["utility released"] == pytest.approx(shown["utility as it is"], rel=1e-3)
    page.slider(key="exact_share").set_value(0).run()
    assert values(check(page))["leaks released"] == pytest.approx(0.0, abs=1e-6)


def test_release_is_trained_read_and_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    table = people()
    table.loc[:4, "noise"] = np.nan  # rows that are dropped on the way in
    page = upload(table.to_csv(index=False).encode(), step="Release", release_budget=0.1)
    assert "Press" in page.info[-1].value
    page.button(key="release_train").click().run(timeout=200)
    shown = values(check(page))
    assert not page.error, page.error
    assert shown["leaks released"] <= 0.1 < shown["leaked before [bit]"]
    assert len(page.get("download_button")) == 4
    right = page.dataframe[0].value
    assert (right["before"] > 0.7).any()
    assert (right["on the release"] < right["before"].max()).all()
    before, after = page.dataframe[1].value, page.dataframe[2].value
    assert list(before.columns) == list(after.columns) == ["<b>tells</b>", "noise"]
    assert not before.equals(after)
    page.selectbox(key="release_column").select("noise").run()
    page.session_state["left"] = page.session_state["purpose"] = True
    shown = values(check(page.run()))
    assert shown["on the release"] < shown["90 % sure before [people]"]
    assert shown["right from the release"] >= shown["by guessing"] - 5
    # The same order again is remembered, not trained.
    page.button(key="release_train").click().run(timeout=20)
    assert values(check(page)) == shown
    # Only what is useful is released.
    monkeypatch.setitem(EFFORTS, "quick", 20)
    page.multiselect(key="useful").set_value(["noise"]).run()
    page.button(key="release_train").click().run(timeout=200)
    assert list(check(page).dataframe[2].value.columns) == ["noise"]


def test_frontier_resumes_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EFFORTS, "quick", 30)  # how it is resumed, not how well it is trained
    few = people(160).to_csv(index=False).encode()
    page = upload(few, step="Frontier", frontier_budgets=[0.1], frontier_dropping=False,
                  useful=["<b>tells</b>"])  # fmt: skip
    page.button(key="frontier_train").click().run(timeout=200)
    assert "0 to go" in check(page).button(key="frontier_train").label
    page.session_state["frontier_budgets"] = [0.1, 0.3]
    page.run()
    assert page.button(key="frontier_train").label == "Resume (1 to go)"
    page.button(key="frontier_train").click().run(timeout=200)
    assert len(check(page).dataframe[-1].value) == 2
    page.toggle(key="frontier_dropping").set_value(True).run()
    check(page)


def test_a_single_column_has_a_closed_form_beside_its_releases() -> None:
    points = {"x": 0.4, "left": 0.3, "right": 0.5, "y": 0.1, "low": 0.0, "high": 0.2,
              "budget": 0.1, "status": "within"}  # fmt: skip
    best = pd.DataFrame({"x": [0.0, 1.0], "low": [0.0, 0.4]})
    none = pd.DataFrame(columns=["x", "y", "name"])
    chart = frontier(pd.DataFrame([points]), (1.0, 0.4), none, best=best).to_dict()
    assert any("exact funnel" in str(rows) for rows in chart["datasets"].values())
    task = Task(read_table(people()), "secret", ("<b>tells</b>",), "people")
    line = exact(task, ("<b>tells</b>",))
    assert line is not None
    assert line["low"].is_monotonic_increasing
    assert exact(task, ("noise",)) is None  # numbers: not exact
    assert exact(task, ("<b>tells</b>", "noise")) is None


@pytest.mark.parametrize(
    "data",
    [
        csv(sep=";"),
        csv(sep="\t"),
        people().to_csv(index=False).encode("utf-16"),
        people().rename(columns={"noise": "größe"}).to_csv(index=False).encode("cp1252"),
        b"\xef\xbb\xbf" + csv(),
    ],
)
def test_encodings_and_separators(data: bytes) -> None:
    frame = parse(data, "csv")
    assert frame.shape == (300, 3)
    assert set(frame["secret"]) == {"no", "yes"}
    assert str(frame.columns[2]) in ("noise", "größe")


def test_a_spreadsheet_export_is_audited() -> None:
    page = check(upload(people().to_csv(index=False, sep=";").encode("utf-16")))
    assert values(page)["leakage read [bit]"] > 0.2


def test_parquet() -> None:
    buffer = io.BytesIO()
    people().to_parquet(buffer)
    page = check(upload(buffer.getvalue(), "people.parquet"))
    assert values(page)["leakage read [bit]"] > 0.2


def test_missing_values_are_dropped_or_a_level() -> None:
    table = people()
    table.loc[:50, "noise"] = np.nan
    page = check(upload(table.to_csv(index=False).encode()))
    assert any("rows dropped" in c.value for c in page.caption)
    page.session_state["table_missing"] = "level"
    check(page.run())
    assert not any("rows dropped" in c.value for c in page.caption)


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (b"", "a.csv", "empty"),
        (b"\n\n", "a.csv", "no lines"),
        (b"a,b\n1,2\n", "a.csv", "row"),
        (b"\x00\x01\x02\x03", "a.csv", "not text"),
        (b"PAR1 nonsense", "a.parquet", "not a Parquet file"),
        (b"a,b\n1,2\n3,4,5,6\n", "a.csv", "not a table"),
        (",".join(f"c{i}" for i in range(300)).encode() + b"\n" + b"1," * 299 + b"1\n" + b"2," * 299
         + b"2\n", "a.csv", "columns"),
        (b"a,b\n1,\n2,\n", "a.csv", "missing"),
    ],
)  # fmt: skip
def test_bad_uploads(data: bytes, name: str, words: str) -> None:
    page = check(upload(data, name))
    assert len(page.error) == 1
    assert words in page.error[0].value.replace("\\", "")


def test_sets_groups_and_people_are_shown() -> None:
    page = check(open_page(PAGE))
    titles = [part.label for part in page.expander]
    for words in ("side by side", "person by person", "values"):
        assert any(words in title.lower() for title in titles), titles


def test_groups_are_read_one_by_one() -> None:
    page = check(open_page(PAGE, audit_subgroup="education"))
    assert any("Group by group of education" in m.value for m in page.markdown)
    page.selectbox(key="audit_subgroup").set_value(None).run()
    assert not any("Group by group" in m.value for m in check(page).markdown)


def test_people_are_rows_and_reasons_until_more_is_asked_for() -> None:
    page = check(upload(csv(), people=True))
    rows = page.dataframe[-1].value
    assert next(iter(rows.columns)) == "row"
    # Whoever is given away, is given away by the one column that tells.
    assert all("tells" in why for why in rows["because of (bits, one by one)"])
    shown = set(rows.astype(str).to_numpy().ravel())
    assert not shown & {"yes", "no", "a", "=1+1"}
    page.multiselect(key="people_columns").set_value(["secret"]).run()
    rows = check(page).dataframe[-1].value
    truth = people()["secret"].iloc[rows["row"] - 1]
    assert list(rows["“secret”"]) == list(truth)


def test_roles_of_columns() -> None:
    page = upload(csv(), step="Release")
    page.multiselect(key="useful").set_value(["noise"]).run()
    assert page.multiselect(key="release_keep").options == ["<b>tells</b>", "noise"]
    page.multiselect(key="ignored").set_value(["<b>tells</b>"]).run()
    assert check(page).multiselect(key="useful").options == ["noise"]
    page.selectbox(key="sensitive").select("<b>tells</b>").run()
    assert check(page).multiselect(key="ignored").options == ["secret", "noise"]


def test_formulas_are_pointed_out() -> None:
    page = check(upload(csv(), step="One column, exactly"))
    assert any("begin like formulas" in c.value for c in page.caption)


def test_a_constant_column_is_named() -> None:
    page = check(upload(people().assign(same="x").to_csv(index=False).encode()))
    assert any("same is the same for everyone" in note.value for note in page.caption)
    assert values(page)["leakage read [bit]"] > 0.2


def test_nothing_left_to_release() -> None:
    page = open_page(PAGE)
    page.multiselect(key="ignored").set_value(page.multiselect(key="ignored").options).run()
    assert "at least one column" in check(page).warning[0].value
