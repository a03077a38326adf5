"""Base class of the estimators: from parameters and data to a trained model."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike

from rnnbp import gradients
from rnnbp.data import SequenceDataset
from rnnbp.estimators.architecture import POOLING, VIEWS, Architecture
from rnnbp.estimators.containers import Container, check_feature_size
from rnnbp.estimators.nested import Names
from rnnbp.estimators.parameters import norm_limit
from rnnbp.estimators.scikit import check_is_fitted, check_random_state, check_sample_weight, validate_data
from rnnbp.estimators.targets import TARGETS, check_each, check_table, in_order_of_ids, own_targets, with_targets
from rnnbp.losses import LOSSES
from rnnbp.models import batch_outputs, in_order
from rnnbp.optimizers import Adam
from rnnbp.optimizers.by_name import OPTIMIZERS
from rnnbp.runtime import flag, naming, number
from rnnbp.training import EarlyStopping, Trainer

Array = np.ndarray
NO_TARGETS = "no_validation"  # as scikit-learn calls it

GRADIENTS: dict[str | None, Callable[[], Any]] = {
    None: gradients.BPTT,
    "backprop": gradients.Backprop,
    "bptt": gradients.BPTT,
    "truncated": partial(gradients.TruncatedBPTT, 10, 10),
    "rtrl": gradients.RTRL,
    "snap": gradients.SnAp,
    "uoro": gradients.UORO,
    "eprop": gradients.EProp,
    "rflo": gradients.RFLO,
    "kf_rtrl": gradients.KFRTRL,
}

FITTED = """
    model_ : rnnbp.Sequential
        What was trained; ``model_.save(path)`` saves it.
    trainer_ : rnnbp.Trainer
    history_ : DataFrame
        A row per epoch.
    n_iter_ : int
        Number of epochs trained.
    n_features_in_ : int
        F.
    feature_names_in_ : ndarray of str
        Where X has names of features.
""".strip()

TRAINING = """
    loss : Loss or str, optional
        {loss}
    gradient : GradientAlgorithm or str, default BPTT()
        Or a name: 'bptt', 'truncated', 'rtrl', 'snap', 'uoro', 'eprop', 'rflo', 'kf_rtrl', 'backprop'.
    optimizer : Optimizer or str, default Adam(0.01)
        Or the name of one with its default arguments: 'adam', 'sgd', 'lbfgs', ... Its own are parameters too, as in
        ``set_params(optimizer__learning_rate=0.003)``. Its state is not shared: `fit` trains with a copy.
    epochs : int, default 30
        Epochs of `fit`; `partial_fit` trains for one.
    batch_size : int, default 32
    clip : float, ClipNorm or ClipValue, optional
        Limit of the norm of each gradient.
    schedule : Schedule, optional
        Multiplies the learning rate; see `rnnbp.optimizers.schedules`.
    dtype : {{'float32', 'float64'}}, optional
        Of parameters and computation. Default: float32; where X has two axes, that of X, as in scikit-learn.
    early_stopping : bool, default False
        Whether to train on all but a fraction of the sequences, stop when the loss on those has not improved for
        `patience` epochs, and restore the best epoch's parameters.
    validation_fraction : float, default 0.1
    patience : int, default 10
    warm_start : bool, default False
        Whether `fit` continues from the last call: parameters, the optimizer's state, random generator and history.
    random_state : int, RandomState or None, default None
        Of initialization, shuffling, dropout and the validation split. The same integer gives bit-identical results.
    verbose : bool or int, default False
        Whether to show a progress bar.
    axes : {{'ntf', 'nft'}}, optional
        Order of the axes of an X of three axes: n sequences, time, features; needed there. Of arrays in a list: 'nft'
        says that they are (F, T_i).
    sequence, time : str, optional
        Columns of a long frame: the sequence of a row, and what orders its steps. Cross-validation cuts frames by rows:
        give it ``groups=frame[sequence]`` and a y for each row, or the sequences of `read_sequences`.
""".strip()


@dataclass(eq=False, repr=False, kw_only=True)
class SequenceEstimator(Architecture):
    """Base class of the estimators: the parameters of training, and what all of them do with data.

    Attributes
    ----------
    model_ : Sequential
    trainer_ : Trainer
    history_ : DataFrame
        A row per epoch.
    n_iter_ : int
        Epochs trained.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X has names.
    """

    loss: Any = None
    gradient: Any = None
    optimizer: Any = None
    epochs: int = 30
    batch_size: int = 32
    clip: Any = None
    schedule: Any = None
    dtype: DTypeLike | None = None
    early_stopping: bool = False
    validation_fraction: float = 0.1
    patience: int = 10
    warm_start: bool = False
    random_state: Any = None
    verbose: bool | int = False
    axes: str | None = None
    sequence: str | None = None
    time: str | None = None

    per_step: ClassVar[bool] = False
    names: ClassVar[Names] = {
        "optimizer": {None: partial(Adam, 0.01), **OPTIMIZERS},
        "gradient": GRADIENTS,
        "loss": {**LOSSES},
        "pooling": {**POOLING},
        "view": {None: VIEWS["statistics"], **VIEWS},
    }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    # ---- data ---------------------------------------------------------------------------------------

    @property
    def _container(self) -> Container:
        return Container(self.axes, self.sequence, self.time)

    def _dtype(self, own: DTypeLike) -> np.dtype:
        """Return the dtype of the model, for data of the dtype `own`."""
        with naming("dtype"):
            found = np.dtype(own if self.dtype is None else self.dtype)
        if found not in (np.float32, np.float64):
            raise ValueError(f"dtype must be 'float32' or 'float64', got {self.dtype!r}")
        return found

    def _read(self, X: Any, y: Any = NO_TARGETS, *, reset: bool, **checks: Any) -> tuple[SequenceDataset, Any]:
        """Return the sequences of X, and y; set or check the number and names of features.

        Parameters
        ----------
        X
            See `rnnbp.estimators.containers`.
        y : optional
            None for the targets that X has itself; the name of a column of a frame with a row a step for those in it.
        reset : bool
            Whether to set the number and names of features, or to check them.
        **checks
            For `sklearn.utils.validation.validate_data` where X is a table.
        """
        with naming("X"):
            table = self._container.is_table(X)
        if reset:
            self.table_ = table
        elif table != self.table_:
            wanted = "a table (n, features)" if self.table_ else "sequences"
            advice = "" if self.table_ else ": one alone is [x]"
            raise ValueError(f"X must be {wanted}, as {type(self).__name__} was fitted on{advice}")
        if table:
            check_table(type(self).__name__, X, y if isinstance(y, str) and y != NO_TARGETS else None)
            with naming("X"):
                rows = validate_data(self, X, reset=reset, dtype=(np.float64, np.float32))
            if not isinstance(y, str):
                check_each(y, len(rows), self)
                with naming("y"):
                    y = validate_data(self, y=y, **checks)
            if reset:
                self.dtype_ = self._dtype(rows.dtype)
            return SequenceDataset(list(rows[:, None, :]), dtype=self.dtype_), y
        if reset:
            self.dtype_ = self._dtype(np.float32)
        by_row = with_targets(X, y) if self._container.has_steps_in_rows(X) else None
        X, y = (X, y) if by_row is None else (by_row, TARGETS)
        column = y if isinstance(y, str) and y != NO_TARGETS else None
        names = None if reset else getattr(self, "feature_names_in_", None)
        container = self._container
        with naming("X", "y"):
            data = container.read(X, self.dtype_, names, column, self.per_step)
        self._check_features(data, reset)
        y = own_targets(data) if y is None or column is not None else y
        if not isinstance(y, str):
            check_each(y, len(data), self)
        return data, in_order_of_ids(y, data)

    def _check_features(self, data: SequenceDataset, reset: bool) -> None:
        found = data.feature_names
        named = found not in (("token",), tuple(f"x{f}" for f in range(data.feature_size)))
        known = getattr(self, "feature_names_in_", None)
        if reset:
            self.n_features_in_ = data.feature_size
            self.__dict__.pop("feature_names_in_", None)
            if named:
                self.feature_names_in_ = np.array(found, object)
            return
        check_feature_size(self, data)
        if named and known is not None and list(known) != list(found):
            raise ValueError(f"X has the features {list(found)}, but {type(self).__name__} was fitted on {list(known)}")

    def _scored(self, X: Any, y: Any, sample_weight: Any, **checks: Any) -> tuple[Any, Any]:
        """Return targets and weights for X, as `fit` takes them, in the order of a fitted estimator's predictions."""
        check_is_fitted(self)
        data, y = self._read(X, y, reset=False, **checks)
        return y, None if sample_weight is None else self._weights(sample_weight, data)

    def _weights(self, sample_weight: Any, data: SequenceDataset) -> Array | None:
        """Return a weight (N,) for each sequence, by default the dataset's; None where it has none.

        Raises
        ------
        ValueError
            Unless they are numbers of 0 or more, and not all 0.
        """
        sample_weight = data.weights if sample_weight is None else sample_weight
        if sample_weight is None:
            return None
        sample_weight = in_order_of_ids(sample_weight, data)
        with naming("sample_weight"):
            weights: Array = check_sample_weight(sample_weight, np.empty((len(data), 1)), dtype=np.float64)
        if (weights < 0).any() or not weights.any():
            got = f"{weights.min():g}" if weights.any() else "zero for all"
            raise ValueError(f"sample_weight must be 0 or more, and above 0 for a sequence, got {got}")
        return weights

    def _targeted(self, data: SequenceDataset, targets: Any, weights: Any, **options: Any) -> SequenceDataset:
        """Return the dataset to train on: in the estimator's dtype, without sequences of weight 0."""
        if weights is not None:
            options["weights"] = weights
        with naming("sample_weight" if "weights" in options else "y"):
            made = SequenceDataset(
                data.sequences,
                targets,
                ids=data.ids,
                info=data.info,
                feature_names=data.feature_names,
                resets=data.resets,
                dtype=self.dtype_,
                **options,
            )
        if weights is None:
            return made
        counting = np.flatnonzero([np.any(w) for w in weights])
        if not counting.size:
            raise ValueError("sample_weight and class_weight together must be above 0 for a sequence, got zero for all")
        return made.subset(counting)

    # ---- training and prediction --------------------------------------------------------------------

    def _fresh(self) -> bool:
        """Return whether `fit` starts with a new model."""
        return not (flag("warm_start", self.warm_start) and hasattr(self, "model_"))

    def _one_epoch(self) -> int:
        """Return the epochs of `partial_fit`; raise where they cannot be stopped early."""
        if self.early_stopping:
            raise ValueError("early_stopping=True has no effect on partial_fit, which trains for one epoch: use fit")
        return 1

    def _train(self, data: SequenceDataset, outputs: int, *, reset: bool, epochs: int) -> Self:
        """Train a new model, or the one that there is."""
        if reset:
            seed = int(check_random_state(self.random_state).randint(2**31 - 1))
            tokens = data.sequences[0].ndim == 1
            size = 1 + max(int(s.max()) for s in data.sequences) if tokens else data.feature_size
            self.model_ = self.make_model(size, outputs, table=self.table_, tokens=tokens, seed=seed, dtype=self.dtype_)
            self.trainer_ = Trainer(
                self.model_,
                *(copy.deepcopy(self.component(name)) for name in ("loss", "gradient", "optimizer")),
                seed=seed,
                clip=norm_limit(self.clip),
                schedule=self.schedule,
            )
        validation, stopping = None, None
        if flag("early_stopping", self.early_stopping):
            data, validation = self._held_out(data, number("validation_fraction", self.validation_fraction, 0, 1))
            stopping = EarlyStopping(patience=self.patience)
        self.history_ = self.trainer_.fit(
            data, validation, epochs, self.batch_size, progress=bool(self.verbose), stopping=stopping
        )
        self.n_iter_ = len(self.history_)
        return self

    def _held_out(self, data: SequenceDataset, fraction: float) -> tuple[SequenceDataset, SequenceDataset]:
        """Return the sequences to train on, and those that say when to stop."""
        if not 1 <= round(fraction * len(data)) < len(data):
            raise ValueError(
                f"validation_fraction={fraction} of {len(data)} sequences leaves none for one of both parts"
            )
        train, validation = data.split(1 - fraction, seed=self.model_.seed)
        return train, validation

    def _outputs(self, X: Any) -> Any:
        """Return the outputs of the model in float64: (N, K), or a list of (T_i, K)."""
        check_is_fitted(self)
        data, _ = self._read(X, reset=False)
        batches = batch_outputs(self.model_, data)
        if self.model_.per_step:
            return in_order(batches, lambda outputs: outputs.astype(np.float64), self.model_)
        parts = [(batch.order, outputs) for batch, outputs in batches]
        order, found = (np.concatenate(one) for one in zip(*parts, strict=True))
        return found[np.argsort(order)].astype(np.float64)
