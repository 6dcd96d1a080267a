"""`select_features` as a scikit-learn transformer."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from privfunnel.selection import Selection, select_features

try:
    from sklearn.base import BaseEstimator
    from sklearn.feature_selection import SelectorMixin
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        'FeatureSelector needs scikit-learn: pip install "privfunnel-fsmi[audit]"'
    ) from error


class FeatureSelector(SelectorMixin, BaseEstimator):  # type: ignore[misc]
    """Keep the columns that together tell the most about the target, for pipelines.

    Parameters
    ----------
    k : how many columns to keep; all if there are fewer.
    criterion, method, n_neighbors, discrete_y : see `privfunnel.select_features`.
    random_state : seed for ties in repeated values.

    Attributes
    ----------
    selection_ : the Selection, columns in the order in which they were chosen.
    scores_ : (n_features,) relevance of every column [bit].
    n_features_in_, feature_names_in_ : as everywhere in scikit-learn.
    """

    def __init__(
        self,
        k: int = 10,
        *,
        criterion: str = "mrmr",
        method: str = "auto",
        n_neighbors: int = 3,
        discrete_y: bool | None = None,
        random_state: int | None = 0,
    ) -> None:
        self.k = k
        self.criterion = criterion
        self.method = method
        self.n_neighbors = n_neighbors
        self.discrete_y = discrete_y
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Choose the columns of X (n_samples, n_features) for the target y (n_samples,)."""
        X, y = validate_data(self, X, y, dtype="numeric", y_numeric=False)
        self.selection_: Selection = select_features(
            X,
            y,
            self.k,
            criterion=self.criterion,
            method=self.method,
            n_neighbors=self.n_neighbors,
            discrete_y=self.discrete_y,
            rng=self.random_state,
        )
        self.scores_: npt.NDArray[np.float64] = np.array(self.selection_.relevance)
        return self

    def _get_support_mask(self) -> npt.NDArray[np.bool_]:
        check_is_fitted(self)
        mask = np.zeros(self.n_features_in_, dtype=bool)
        mask[list(self.selection_)] = True
        return mask

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
