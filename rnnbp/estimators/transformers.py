"""Transformers of sequences for pipelines: standardization, and features of recordings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from rnnbp.data import SequenceDataset
from rnnbp.data.standardizer import Standardizer
from rnnbp.estimators.containers import Container, check_feature_size
from rnnbp.estimators.nested import NestedParameters
from rnnbp.estimators.scikit import TransformerMixin, check_is_fitted, validate_data
from rnnbp.estimators.targets import check_table
from rnnbp.runtime import naming

Array = np.ndarray


@dataclass(eq=False, repr=False, kw_only=True)
class SequenceStandardizer(TransformerMixin, NestedParameters):
    """Standardization of each feature to mean 0 and standard deviation 1 over all steps of the training sequences.

    Parameters
    ----------
    axes : {'ntf', 'nft'}, optional
        Order of the axes of arrays; see `rnnbp.estimators.containers`.
    sequence, time : str, optional
        Columns of a long frame.

    Attributes
    ----------
    standardizer_ : rnnbp.data.standardizer.Standardizer
    n_features_in_ : int

    Examples
    --------
    >>> standardizer = SequenceStandardizer().fit([np.array([[0.0], [4.0]])])
    >>> standardizer.transform([np.array([[6.0]])]), standardizer.inverse_transform([np.array([[2.0]])])
    ([array([[2.]])], [array([[6.]])])
    """

    axes: str | None = None
    sequence: str | None = None
    time: str | None = None

    def fit(self, X: Any, y: Any = None) -> Self:
        """Compute mean and standard deviation.

        Parameters
        ----------
        X
            Sequences, in any container that `rnnbp.estimators.containers` lists.
        y : optional
            Not used.

        Returns
        -------
        self
        """
        data = self._read(X, reset=True)
        self.standardizer_ = Standardizer.fit(data)
        return self

    def transform(self, X: Any) -> Any:
        """Return the standardized sequences.

        Parameters
        ----------
        X
            As `fit` takes it.

        Returns
        -------
        list of ndarray (T_i, F); SequenceDataset for such; ndarray (n, F) for an X of two axes
        """
        return self._map(X, "__call__")

    def inverse_transform(self, X: Any) -> Any:
        """Return the sequences in the units of the features.

        Parameters
        ----------
        X
            As `fit` takes it.

        Returns
        -------
        list of ndarray (T_i, F); SequenceDataset for such; ndarray (n, F) for an X of two axes
        """
        return self._map(X, "inverse")

    def _map(self, X: Any, method: str) -> Any:
        check_is_fitted(self)
        function = getattr(self.standardizer_, method)
        if self._container.is_table(X):
            with naming("X"):
                return function(validate_data(self, X, reset=False, dtype=(np.float64, np.float32)))
        data = self._read(X, reset=False)
        named = data is X or self._container.has_steps_in_rows(X)  # by ids, which say whose a target is
        return data.map(function) if named else [function(s) for s in data.sequences]

    @property
    def _container(self) -> Container:
        return Container(self.axes, self.sequence, self.time)

    def _read(self, X: Any, *, reset: bool) -> SequenceDataset:
        if self._container.is_table(X):
            check_table(type(self).__name__, X)
            with naming("X"):
                rows = validate_data(self, X, reset=reset, dtype=(np.float64, np.float32))
            return SequenceDataset([rows], dtype=np.float64)
        data = self._container.read(X, features=None if reset else getattr(self, "feature_names_in_", None))
        if reset:
            self.n_features_in_ = data.feature_size
            self.__dict__.pop("feature_names_in_", None)
            if self._container.has_steps_in_rows(X):
                self.feature_names_in_ = np.array(data.feature_names, object)
        check_feature_size(self, data)
        return data


@dataclass(eq=False, repr=False)
class SequenceFeatures(TransformerMixin, NestedParameters):
    """Features of recordings: each signal (n,) becomes a sequence (T_i, F).

    Parameters
    ----------
    features : callable
        An extractor of `rnnbp.features`, such as `MFCC`, `LogMel` or `LPCC`, whose arguments are parameters, as in
        ``features__n_mels``; or any function of a signal.

    Examples
    --------
    >>> from rnnbp.features import LogMel
    >>> recordings = [np.sin(np.arange(n)) for n in (4000, 8000)]
    >>> transformer = SequenceFeatures(LogMel(sr=8000)).set_params(features__n_mels=20)
    >>> [sequence.shape for sequence in transformer.fit_transform(recordings)]
    [(51, 20), (101, 20)]
    """

    features: Callable[[Array], Array]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the features: there is nothing to learn.

        Parameters
        ----------
        X, y
            Not used.

        Returns
        -------
        self
        """
        if not callable(self.features):
            raise ValueError(f"features must be a function of a signal, got {self.features!r}")
        return self

    def transform(self, X: Any) -> Any:
        """Return the features of each recording.

        Parameters
        ----------
        X : list of array_like (n,) or (n, 1), or SequenceDataset

        Returns
        -------
        list of ndarray (T_i, F), or SequenceDataset for such
        """
        if isinstance(X, SequenceDataset):
            return X.map(self.features)
        with naming("X"):
            return [self.features(np.asarray(x)) for x in X]
