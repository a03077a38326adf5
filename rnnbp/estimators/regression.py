"""Regressors of whole sequences: recurrent, and their static twin."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from rnnbp.estimators.architecture import MODEL, POOLED, RECURRENT, STATIC, Pooled, Static
from rnnbp.estimators.base import FITTED, TRAINING, SequenceEstimator
from rnnbp.estimators.nested import Names
from rnnbp.estimators.parameters import fits
from rnnbp.estimators.scikit import RegressorMixin, check_array
from rnnbp.losses import LOSSES, MeanSquaredError
from rnnbp.runtime import naming

Array = np.ndarray


@dataclass(eq=False, repr=False, kw_only=True)
class Regression(RegressorMixin, SequenceEstimator):
    """Base class of the regressors of whole sequences."""

    names: ClassVar[Names] = {**SequenceEstimator.names, "loss": {None: MeanSquaredError, **LOSSES}}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train on sequences with values each.

        Parameters
        ----------
        X
            Sequences, in any container that `rnnbp.estimators.containers` lists.
        y : array_like (N,) or (N, K), optional
            Their values. None: those that X has itself. A text: the column of a frame with a row a step; or
            one for each of its rows. A Series is matched by the ids of the sequences where these are its index.
        sample_weight : array_like (N,), optional
            Weights of the sequences in the loss.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, self._fresh(), self.epochs)

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train for one more epoch, on other sequences too.

        Parameters
        ----------
        X, y, sample_weight
            As `fit` takes them.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, not hasattr(self, "model_"), self._one_epoch())

    @fits
    def _fit(self, X: Any, y: Any, sample_weight: Any, reset: bool, epochs: int) -> Self:
        data, y = self._read(X, y, reset=reset, multi_output=True, y_numeric=True)
        with naming("y"):
            values = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y", estimator=self)
        single = values.ndim == 1
        values = values.reshape(len(values), -1)
        if reset:
            self.single_output_, self.n_outputs_ = single, values.shape[1]
        elif values.shape[1] != self.n_outputs_:
            raise ValueError(f"y must have {self.n_outputs_} values a sequence, got {values.shape[1]}")
        train = self._targeted(data, values, self._weights(sample_weight, data), per_step=False)
        return self._train(train, self.component("loss").outputs(values.shape[1]), reset=reset, epochs=epochs)

    def predict(self, X: Any) -> Array:
        """Return the value of each sequence (N,), or its values (N, K); where they are quantiles, on one more axis.

        Parameters
        ----------
        X
            Sequences, as `fit` takes them.
        """
        outputs = self._outputs(X)
        values: Array = self.trainer_.loss.predict(outputs)
        return values[:, 0] if self.single_output_ and values.shape[1] == 1 else values

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the coefficient of determination R2, the mean over K values.

        Parameters
        ----------
        X, y, sample_weight
            As `fit` takes them.
        """
        return super().score(X, *self._scored(X, y, sample_weight, multi_output=True, y_numeric=True))


SQUARED_ERROR = "Default: MeanSquaredError(). Any for values: Huber(), Quantile((0.1, 0.5, 0.9)), MixtureDensity(), ..."


@dataclass(eq=False, repr=False, kw_only=True)
class SequenceRegressor(Regression, Pooled):
    __doc__ = f"""Recurrent network that predicts a value, or several, of sequences of different lengths.

    Parameters
    ----------
    {RECURRENT}
    {POOLED}
    {MODEL}
    {TRAINING.format(loss=SQUARED_ERROR)}

    Attributes
    ----------
    n_outputs_ : int
        K.
    {FITTED}

    Notes
    -----
    An X of two axes is scikit-learn's (n, features): each row is a sequence of one step. Values are not scaled;
    `sklearn.compose.TransformedTargetRegressor` does so.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(n, 1)) for n in rng.integers(3, 9, 60)]
    >>> y = [x.mean() for x in X]
    >>> regressor = SequenceRegressor(cell="elman", pooling="mean", random_state=0).fit(X, y)
    >>> regressor.score(X, y) > 0.9
    True
    """


@dataclass(eq=False, repr=False, kw_only=True)
class MLPRegressor(Regression, Static):
    __doc__ = f"""Feedforward network that predicts values of sequences by a fixed view of each: the static twin.

    Parameters
    ----------
    {STATIC}
    {MODEL}
    {TRAINING.format(loss=SQUARED_ERROR)}

    Attributes
    ----------
    n_outputs_ : int
        K.
    {FITTED}

    Notes
    -----
    An X of two axes is scikit-learn's (n, features): a row is what the network sees.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(n, 1)) for n in rng.integers(3, 9, 60)]
    >>> y = [x.std() for x in X]
    >>> MLPRegressor(random_state=0).fit(X, y).score(X, y) > 0.9
    True
    """
