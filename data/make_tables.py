"""Write data/anes96.csv from the copy that statsmodels ships: python data/make_tables.py.

statsmodels is needed only here (it is a development dependency); the CSV is kept in the repository.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from statsmodels.datasets import anes96

HERE = Path(__file__).resolve().parent

VOTE = {0: "Clinton", 1: "Dole"}
PARTY = {
    0: "strong Democrat",
    1: "weak Democrat",
    2: "independent Democrat",
    3: "independent",
    4: "independent Republican",
    5: "weak Republican",
    6: "strong Republican",
}
EDUCATION = {
    1: "grades 1-8",
    2: "some high school",
    3: "high school",
    4: "some college",
    5: "college",
    6: "master",
    7: "PhD",
}


def anes() -> pd.DataFrame:
    """944 voters of 1996: expected vote, party, opinions and background, with readable levels."""
    raw = anes96.load_pandas().data.astype(int)  # every column but the derived logpopul is whole
    return pd.DataFrame(
        {
            "vote": raw["vote"].map(VOTE),
            "party": raw["PID"].map(PARTY),
            "self_left_right": raw["selfLR"],
            "clinton_left_right": raw["ClinLR"],
            "dole_left_right": raw["DoleLR"],
            "age": raw["age"],
            "education": raw["educ"].map(EDUCATION),
            "income": raw["income"],
            "tv_news": raw["TVnews"],
            "population": raw["popul"],
        }
    )


if __name__ == "__main__":
    anes().to_csv(HERE / "anes96.csv", index=False, lineterminator="\n")
