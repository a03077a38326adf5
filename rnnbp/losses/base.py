"""Base class of losses: weighted means over sequences or over real steps, with their gradients."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.data import item_weights
from rnnbp.losses.shapes import Array, Shape, as_outputs, axes, real_items
from rnnbp.runtime import as_array, as_numbers, refuses_by_name, to_config


def check_loss(loss: "Loss") -> None:
    """Raise unless `loss` is a loss; the class of one would take outputs and targets for its own arguments.

    Parameters
    ----------
    loss : object
        What the caller gave.

    Examples
    --------
    >>> check_loss(Loss)
    Traceback (most recent call last):
    ValueError: loss must be a loss, got the class Loss itself: make one of it, Loss()
    """
    if isinstance(loss, type):
        name = loss.__name__
        raise ValueError(f"loss must be a loss, got the class {name} itself: make one of it, {name}()")
    if not isinstance(loss, Loss):
        raise ValueError(f"loss must be a Loss, got {loss!r}")


class Loss:
    """Base class of losses: the weighted mean of a loss per item, and its gradient with respect to the outputs.

    Items are sequences for outputs (B, K), and steps that are not padding for outputs (T, B, K). The loss is the sum of
    the weighted values of all items divided by the sum of their weights. The weight of an item is that of its target
    (of its class, or 0 where there is none) times that of its sequence or step.

    A subclass defines `weights`, `terms`, `align` and `predict`, and may define `check`. All work for complex
    outputs, whose imaginary part is then that of the value: the complex step differentiates through a loss.

    Notes
    -----
    If all weights are 0 (all labels ignored, all targets missing), value and gradient are 0. An item of weight 0 is as
    if it were not there: neither its outputs nor its target are looked at. A loss that is not finite is returned
    unchanged.

    Examples
    --------
    A user's loss, the fourth power of the error, summed over K:

    >>> class FourthPower(Loss):
    ...     def align(self, outputs, targets):
    ...         return targets
    ...     def weights(self, targets):
    ...         return np.ones(len(targets))
    ...     def terms(self, outputs, targets, weights):
    ...         error = outputs - targets
    ...         return weights * (error**4).sum(axis=1), 4 * weights[:, None] * error**3
    >>> FourthPower()(np.array([[2.0], [0.0]]), np.array([[0.0], [0.0]]))
    (8.0, array([[16.],
           [ 0.]]))
    """

    name: ClassVar[str]
    metric: ClassVar[str]

    @refuses_by_name
    def __call__(
        self, outputs: Array, targets: Array, lengths: Array | None = None, weights: ArrayLike | None = None
    ) -> tuple[Any, Array]:
        """Compute the loss of a batch and its gradient.

        Parameters
        ----------
        outputs : array_like (B, K) or (T, B, K), float or complex
        targets : array_like
            One item for every sequence or step; the subclass specifies the shape.
        lengths : array_like (B,), optional
            Number of steps of each sequence, for outputs (T, B, K). Default: T for all. Ignored for outputs (B, K).
        weights : array_like (B,), or (T, B) for outputs (T, B, K), optional
            Weight of each sequence, which counts for each of its steps, or of each step: 0 or more. Default: 1.

        Returns
        -------
        value : float
            Complex if the outputs are.
        d_outputs : ndarray, of the shape and dtype of the outputs
            Exactly zero past a sequence's end.

        Raises
        ------
        ValueError
            If shapes do not fit or a target is not one the loss takes.
        """
        outputs, targets = as_outputs(outputs), as_array("targets", targets)
        targets = self.align(outputs, targets)
        if lengths is not None:
            as_numbers("lengths", lengths)
        if outputs.ndim == 2:
            lengths = None
        mask = real_items(outputs.shape[:-1], lengths)
        if weights is None:
            return self._sum(outputs, targets, mask, self.total(targets, lengths))
        if outputs.ndim == 3 and lengths is None:
            lengths = np.full(outputs.shape[1], len(outputs))
        return self._sum(outputs, targets, mask, self.total(targets, lengths, weights), weights)

    @refuses_by_name
    def total(self, targets: Array, lengths: Array | None = None, weights: ArrayLike | None = None) -> float:
        """Return the sum of the weights of a batch, by which the sum of the values is divided.

        Parameters
        ----------
        targets : array_like
            One item for every sequence, or every step.
        lengths : array_like (B,), optional
            Number of steps of each sequence, for targets with a time axis. Default: all steps.
        weights : array_like (B,), or (T, B) for targets with a time axis, optional
            Weight of each sequence or step; (B,) for targets with a time axis need `lengths`. Default: 1.

        Returns
        -------
        float
        """
        targets = as_numbers("targets", targets)
        if weights is not None:
            as_array("weights", weights)
        if lengths is not None and as_numbers("lengths", lengths).ndim != 1:
            raise ValueError(f"lengths must be integers (B,), got shape {np.shape(lengths)}")
        if lengths is None and weights is None:
            return float(self.weights(targets).sum())
        if lengths is None:
            return self._weighted_total(targets, np.ones(targets.shape[: np.asarray(weights).ndim], bool), weights)
        if targets.ndim < 2 or targets.shape[1] != np.size(lengths):
            raise ValueError(
                f"outputs are for every step: targets must have shape (T, B, ...), B = {np.size(lengths)}, "
                f"got {targets.shape}: add rnnbp.Last() to the model, or give a target, and lengths, for every step"
            )
        real = real_items(targets.shape[:2], lengths)
        if weights is None:
            return float(self.weights(targets[real]).sum())
        return self._weighted_total(targets, real, weights)

    def _weighted_total(self, targets: Array, mask: Array, weights: Any) -> float:
        """Return the sum of the weights of the targets where the mask of items, (B,) or (T, B), is True."""
        given = item_weights(weights, mask.shape)
        mask = mask & (given > 0)
        counted = self.weights(targets[mask])
        return float(given[mask] @ counted.sum(axis=tuple(range(1, counted.ndim))))

    def masked(
        self, outputs: Array, targets: Array, mask: Array, total: float, weights: ArrayLike | None = None
    ) -> tuple[Any, Array]:
        """Compute the contribution of some items to the loss of a batch, and its gradient.

        The contributions of disjoint sets of items add up to the loss of the batch. Truncated and online algorithms
        compute the loss of a batch in this way, span by span.

        Parameters
        ----------
        outputs : array_like (B, K) or (T, B, K), float or complex
        targets : array_like
            One item for every sequence or step.
        mask : ndarray of bool (B,) or (T, B)
            The items that contribute.
        total : float
            The sum of the weights of the batch, from `total`.
        weights : array_like (B,), or (T, B) for outputs (T, B, K), optional
            Weight of each sequence or step, as in the call. Default: 1.

        Returns
        -------
        value : float
            Complex if the outputs are.
        d_outputs : ndarray, of the shape and dtype of the outputs
            Exactly zero where the mask is False.

        Raises
        ------
        ValueError
            If shapes do not fit or a target is not one the loss takes.
        """
        outputs, mask = as_outputs(outputs), np.asarray(mask)
        targets = self.align(outputs, as_array("targets", targets))
        if mask.shape != outputs.shape[:-1] or mask.dtype != bool:
            wanted = axes(outputs.shape[:-1], "TB")
            raise ValueError(f"mask must be bool of shape {wanted}, got {mask.dtype} of {mask.shape}")
        return self._sum(outputs, targets, mask, total, weights)

    def _sum(
        self, outputs: Array, targets: Array, mask: Array, total: float, weights: ArrayLike | None = None
    ) -> tuple[Any, Array]:
        """Compute what `masked` does, of arguments that fit each other."""
        K, factors = outputs.shape[-1], None
        if weights is not None:
            factors = item_weights(weights, mask.shape)
            mask = mask & (factors > 0)
        self.check(targets, mask, K)
        items, y = outputs.reshape(mask.size, K), targets.reshape(mask.size, *targets.shape[mask.ndim :])
        rows = _rows(mask)
        counted = self.weights(y[rows])
        if not counted.all():
            counts = counted.any(axis=tuple(range(1, counted.ndim)))
            rows, counted = np.arange(mask.size)[rows][counts], counted[counts]
        given = counted.astype(outputs.real.dtype, copy=False)
        factors = None if factors is None else factors.reshape(-1)[rows]
        value, d_items = self._scaled(items[rows], y[rows], given, total, factors)
        if len(d_items) < len(items):
            d_rows, d_items = d_items, np.zeros_like(items)
            d_items[rows] = d_rows
        return value, d_items.reshape(outputs.shape)

    def _scaled(
        self, items: Array, targets: Array, weights: Array, total: float, factors: Array | None = None
    ) -> tuple[Any, Array]:
        """Return the sum of the values of items (N, K), times `factors` (N,), divided by `total`; and its gradient."""
        scale = 1 / total if total else 0.0
        with np.errstate(over="ignore", invalid="ignore"):  # a value that is not finite is returned
            values, d_values = self.terms(items, targets, weights)
            if factors is not None:  # in float64: they may be smaller than a float32 can be
                factors = factors * scale
                d_items = d_values * factors[:, None].astype(items.real.dtype)
                return (values * factors).sum().item(), d_items.astype(items.dtype, copy=False)
            value = values.sum(dtype=np.complex128 if values.dtype.kind == "c" else np.float64) * scale
            return value.item(), np.multiply(d_values, scale, dtype=items.dtype)

    def weights(self, targets: Array) -> Array:
        """Return the weight of each entry of `targets`: float64 or bool, of the same shape."""
        raise NotImplementedError(f"{type(self).__name__} does not define weights")

    def terms(self, outputs: Array, targets: Array, weights: Array) -> tuple[Array, Array]:
        """Return the weighted values of items, and their gradients.

        Parameters
        ----------
        outputs : ndarray (N, K)
        targets, weights : ndarray (N, ...)
            As `align` and `weights` return them. No argument may be modified.

        Returns
        -------
        values : ndarray (N,)
        d_outputs : ndarray (N, K)
        """
        raise NotImplementedError(f"{type(self).__name__} does not define terms")

    def align(self, outputs: Array, targets: Array) -> Array:
        """Return `targets` in the shape and dtype that `terms` takes.

        Raises
        ------
        ValueError
            If they do not fit the outputs.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define align")

    def check(self, targets: Array, mask: Array, K: int) -> None:
        """Raise if an aligned target that contributes is not valid for the loss and K outputs."""

    def check_classes(self, classes: Sequence[str], K: int) -> None:
        """Raise if labels with these names of classes are not targets of the loss for K outputs."""

    def check_dataset(self, targets: Any, lengths: Callable[[], Array], K: int) -> None:
        """Raise if a target of a dataset is not valid for the loss and K outputs.

        Parameters
        ----------
        targets : ndarray (N, ...), list of ndarray (T_i, ...), or LabelSequences
            One item for every sequence, or for every step, as the model's outputs are.
        lengths : callable
            Returns the number of steps of each sequence (N,); of lazy sequences that may take long.
        K : int

        Raises
        ------
        ValueError
            If one is not valid; the message names the sequence.
        """
        steps = isinstance(targets, list)
        items = np.concatenate(targets) if steps else np.asarray(targets)
        try:
            self._check_items(items, (len(items),), K)
        except ValueError:
            for i in range(len(targets)):
                one, shape = (targets[i][:, None], (len(targets[i]), 1)) if steps else (items[i : i + 1], (1,))
                try:
                    self._check_items(one, shape, K)
                except ValueError as error:
                    raise ValueError(f"sequence {i}, as a batch of its own: {error}") from None
            raise

    def _check_items(self, targets: Array, shape: Shape, K: int) -> None:
        """Raise if a target of items of this shape, (B,) or (T, B), is not valid for K outputs."""
        outputs = np.broadcast_to(np.float32(0), (*shape, K))
        self.check(self.align(outputs, targets), np.ones(shape, bool), K)

    def outputs(self, values: int) -> int:
        """Return K, the number of outputs that the loss takes for targets of a number of values.

        Examples
        --------
        >>> from rnnbp.losses import MixtureDensity
        >>> Loss().outputs(2), MixtureDensity(components=3).outputs(2)
        (2, 15)
        """
        return values

    @refuses_by_name
    def sample(self, outputs: ArrayLike, rng: np.random.Generator) -> Array:
        """Return a random class or value of the distribution that the outputs of each item define.

        Parameters
        ----------
        outputs : array_like (..., K)
        rng : numpy.random.Generator

        Returns
        -------
        ndarray (...) of int64 classes, or (..., D) values

        Raises
        ------
        ValueError
            If the loss defines no distribution.
        """
        raise ValueError(
            f"{type(self).__name__} defines no distribution of the targets to sample from: train with CrossEntropy() "
            "for classes, or MixtureDensity() for values"
        )

    @refuses_by_name
    def predict(self, outputs: ArrayLike) -> Array:
        """Return the predictions: class labels, or values."""
        raise NotImplementedError(f"{type(self).__name__} does not define predict")

    def named(self, predicted: Array, classes: Sequence[str]) -> Any:
        """Return the names of predicted classes.

        Raises
        ------
        ValueError
            If a predicted class has no name.
        """
        if predicted.size and predicted.max() >= len(classes):
            raise ValueError(
                f"output {predicted.max()} is the greatest of a sequence, but the model has {len(classes)} classes: "
                "its last layer needs one output a class"
            )
        return np.array(classes)[predicted]

    @refuses_by_name
    def probabilities(self, outputs: ArrayLike) -> Array:
        """Return the probabilities of the classes."""
        raise ValueError(f"{type(self).__name__} is for values, which have no probabilities: use predict")

    @refuses_by_name
    def score(
        self,
        outputs: ArrayLike,
        targets: ArrayLike,
        lengths: ArrayLike | None = None,
        weights: ArrayLike | None = None,
    ) -> float:
        """Return the score that `metric` names: greater is better, unless it is an error rate.

        Parameters
        ----------
        outputs, targets, lengths, weights
            The arguments of the loss.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define score")

    def evidence(self, outputs: Array, targets: Any, due: Array, weights: Array | None = None) -> Any:
        """Return what `pooled_score` needs of a batch: outputs and targets where the mask of items `due` is True.

        With `weights` (B,) or (T, B), those of these items are the third; items of weight 0 are left out.
        """
        if weights is None:
            return outputs[due], targets[due]
        given = item_weights(weights, due.shape)
        due = due & (given > 0)
        return outputs[due], targets[due], given[due]

    def pooled_score(self, batches: Sequence[Any]) -> float:
        """Return the score over several batches, from what `evidence` returned for each."""
        outputs, targets, *weights = map(np.concatenate, zip(*batches, strict=True))
        return self.score(outputs, targets, weights=weights[0]) if weights else self.score(outputs, targets)

    def to_config(self) -> dict[str, Any]:
        """Return the loss as a dict that can be written as JSON, for `rnnbp.losses.from_config`."""
        return to_config(self)

    def __repr__(self) -> str:
        arguments = (f"{key}={value!r}" for key, value in self.to_config().items() if key != "type")
        return f"{type(self).__name__}({', '.join(arguments)})"


class Accuracy(Loss):
    """Loss of classes: its score over several batches needs of each only how many items are right, and how many count.

    So the score of an epoch takes no memory for the outputs at each of its steps. A subclass with another `score` has
    that of all outputs together, as other losses.

    Examples
    --------
    >>> from rnnbp.losses import CrossEntropy
    >>> loss = CrossEntropy()
    >>> batches = [loss.evidence(np.eye(2), np.array([0, k]), np.ones(2, bool)) for k in (1, 0)]
    >>> batches, loss.pooled_score(batches)
    ([(array([2.]), array([2.])), (array([1.]), array([2.]))], 0.75)
    """

    def evidence(self, outputs: Array, targets: Any, due: Array, weights: Array | None = None) -> Any:
        found = super().evidence(outputs, targets, due, weights)
        if not self._adds_up:
            return found
        outputs, targets, *given = found
        right, counts = self._right(outputs, targets)
        weight = counts.astype(np.float64)
        if given:
            weight *= given[0].reshape(-1, *(1,) * (counts.ndim - 1))
        return np.array([weight[right].sum()]), np.array([weight.sum()])

    def pooled_score(self, batches: Sequence[Any]) -> float:
        if not self._adds_up:
            return super().pooled_score(batches)
        right, count = (float(np.sum(part)) for part in zip(*batches, strict=True))
        return right / count if count else float("nan")

    @property
    def _adds_up(self) -> bool:
        """Whether the score is the accuracy: that of the class which says what is right."""
        return next("_right" in vars(one) for one in type(self).__mro__ if "score" in vars(one))

    def _right(self, outputs: Array, targets: Array) -> tuple[Array, Array]:
        """Return the masks of the items (B,) or (B, K) that are predicted correctly, and that count."""
        raise NotImplementedError(f"{type(self).__name__} says not which predictions are right")


def _rows(mask: Array) -> Array | slice:
    """Return the indices where the flattened mask is True, as a slice if it is True everywhere."""
    return slice(None) if mask.all() else np.flatnonzero(mask)
