"""Evaluator: scores and predictions of a model, whose outputs a loss reads."""

from typing import Any

from rnnbp.data import SequenceDataset
from rnnbp.losses import Loss
from rnnbp.models import BATCH_SIZE, Data, Sequential, batch_outputs, predictions, probabilities
from rnnbp.models.prediction import Outputs
from rnnbp.runtime import flag, refuses_by_name
from rnnbp.training.data_checks import check_dataset, check_targets_of
from rnnbp.training.evaluation import evaluate
from rnnbp.training.parallel.ranks import ONE_PROCESS
from rnnbp.training.streams import evaluation_batch_size


class Evaluator:
    """Scores and predictions of a model, whose outputs a loss reads: base of `rnnbp.Trainer`.

    Parameters
    ----------
    model : Sequential
    loss : Loss
    stateful : bool, default False
        Carry the hidden state from batch to batch of a stream (`SequenceDataset.from_stream`).

    Raises
    ------
    ValueError
        If an argument has the wrong type.

    Examples
    --------
    >>> import numpy as np, rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Last(), rnnbp.Dense(1, 2))
    >>> model.params["1.w"], model.params["1.b"] = [[-1.0], [1.0]], 0.0
    >>> data = rnnbp.SequenceDataset([np.ones((3, 1)), -np.ones((4, 1))], targets=[1, 0])
    >>> evaluator = Evaluator(model, rnnbp.CrossEntropy())
    >>> evaluator.evaluate(data)["accuracy"], evaluator.predict(data)
    (1.0, array([1, 0]))
    """

    ranks = ONE_PROCESS  # that evaluate together

    def __init__(self, model: Sequential, loss: Loss, *, stateful: bool = False) -> None:
        for name, value, kind in (("model", model, Sequential), ("loss", loss, Loss)):
            if not isinstance(value, kind):
                raise ValueError(f"{name} must be a rnnbp {kind.__name__}, got {value!r}")
        self.model, self.loss, self.stateful = model, loss, flag("stateful", stateful)

    def evaluate(self, dataset: SequenceDataset, batch_size: int | None = None) -> dict[str, float]:
        """Compute the loss and its scores on a dataset, with dropout off.

        Parameters
        ----------
        dataset : SequenceDataset
            Its classes are mapped by name to those that the model was trained on. With ``stateful=True``, a stream,
            whose hidden state is carried from batch to batch, or sequences that each start from a zero state. Its
            weights count in the loss and the score.
        batch_size : int, default 256
            For a stream with ``stateful=True``, its number of rows.

        Returns
        -------
        dict of str to float
            'loss', and the score that the loss names: 'accuracy' for classes, 'r2' or 'd2' for values,
            'token_error_rate' for label sequences.

        Raises
        ------
        ValueError
            If the dataset does not fit the model and the loss, or the batch size a stream, or it has classes that the
            model was not trained on.
        """
        dataset, size = self.ranks.agreed("evaluate", lambda: self._scorable(dataset, batch_size))
        return evaluate(self.model, self.loss, dataset, stateful=self.stateful, batch_size=size, ranks=self.ranks)

    def _scorable(self, dataset: SequenceDataset, batch_size: int | None) -> tuple[SequenceDataset, int]:
        """Return a dataset with labels as the model's, and the batch size; raise if it does not fit the model."""
        check_dataset("dataset", dataset)
        dataset = self.model.as_trained("dataset", dataset)
        check_targets_of("dataset", dataset, self.model, self.loss)
        return dataset, evaluation_batch_size("dataset", dataset, self.model, self.stateful, batch_size)

    @refuses_by_name
    def predict(self, dataset: Data, batch_size: int | None = None) -> Any:
        """Predict classes, values or label sequences, as the loss decodes them; see `rnnbp.Sequential.predict`.

        Parameters
        ----------
        dataset : SequenceDataset, SequenceBatch, or list of array_like (T_i, F)
        batch_size : int, optional
            As in `evaluate`.

        Returns
        -------
        ndarray (N,) or (N, K), or list
            In the dataset's order: class names, where the classes have names, or values.
        """
        return predictions(self._outputs(dataset, batch_size), self.loss, self.model.classes, self.model)

    @refuses_by_name
    def predict_proba(self, dataset: Data, batch_size: int | None = None) -> Any:
        """Predict the probability of each class, as the loss defines it; see `rnnbp.Sequential.predict_proba`.

        Parameters
        ----------
        dataset, batch_size
            As in `predict`.

        Returns
        -------
        ndarray (N, K), or list of ndarray (T_i, K)
            In the dataset's order.

        Raises
        ------
        ValueError
            If the loss is for values, which have no probabilities.
        """
        return probabilities(self._outputs(dataset, batch_size), self.loss, self.model)

    def _outputs(self, dataset: Data, batch_size: int | None) -> Outputs:
        """Return the batches of a dataset with the model's outputs."""
        size = BATCH_SIZE if batch_size is None else batch_size
        if isinstance(dataset, SequenceDataset):
            size = evaluation_batch_size("dataset", dataset, self.model, self.stateful, batch_size)
        return batch_outputs(self.model, dataset, size, self.stateful)
