"""Receptive fields and importance of the hidden units of a static network."""

import numpy as np
import pandas as pd

from rnnbp.data import SequenceDataset
from rnnbp.gradients.base import check_targets, whole_loss
from rnnbp.layers import Dense, Run
from rnnbp.layers.base import Array
from rnnbp.losses import Loss, natural_loss
from rnnbp.models import Sequential
from rnnbp.runtime import refuses_by_name


@refuses_by_name
def receptive_fields(model: Sequential, shape: tuple[int, int]) -> Array:
    """Return the receptive field of each unit of the first hidden layer: its weights, reshaped to an image.

    Parameters
    ----------
    model : Sequential
        Its first layer with parameters must be a Dense layer over the pixels of an image.
    shape : (int, int)
        Height and width of the image.

    Returns
    -------
    ndarray (H, height, width)
        A copy of the weights: where they are positive, bright pixels excite the unit. If the model normalizes its
        input, they are weights of the normalized pixels.

    Raises
    ------
    ValueError
        If the first layer with parameters is not a Dense layer, or has another number of inputs.

    References
    ----------
    D. E. Rumelhart, G. E. Hinton & R. J. Williams (1986), "Learning representations by back-propagating errors", Nature
    323, 533-536, doi:10.1038/323533a0, figure 4

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Flatten(1), rnnbp.Dense(64, 20, "tanh"), rnnbp.Dense(20, 10))
    >>> receptive_fields(model, (8, 8)).shape
    (20, 8, 8)
    """
    i = _first(model)
    w = model.params[f"{i}.w"]
    if len(shape) != 2 or shape[0] * shape[1] != w.shape[1]:
        raise ValueError(f"shape must be (height, width) of {w.shape[1]} pixels, which layer {i} takes, got {shape}")
    return w.reshape(-1, *shape).copy()


@refuses_by_name
def unit_importance(model: Sequential, data: SequenceDataset, loss: Loss | None = None) -> pd.DataFrame:
    """Compute how much the loss rises if a unit of the first hidden layer is replaced by its mean (ablation).

    Parameters
    ----------
    model : Sequential
        Its first layer with parameters must be a Dense layer that runs once for each sequence.
    data : SequenceDataset
        The data over which the means and the loss are computed.
    loss : Loss, optional
        Default: cross entropy for classes, mean squared error for values.

    Returns
    -------
    DataFrame
        A row for each unit, the most important first: `unit`; `rise`, of the loss, in its units (nats for cross
        entropy), negative if the network is better without the unit; `mean` and `std` of the unit's output.

    Raises
    ------
    ValueError
        If the first layer with parameters is not such a Dense layer, or the data have no targets.

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Flatten(1), rnnbp.Dense(64, 20, "tanh"), rnnbp.Dense(20, 10), seed=0)
    >>> found = unit_importance(model, rnnbp.datasets.load_digits()[1])
    >>> found.columns.tolist(), len(found)
    (['unit', 'rise', 'mean', 'std'], 20)
    """
    cut, batch = _first(model) + 1, model.as_trained("data", data).batch()
    targets = check_targets(batch)
    loss = natural_loss(targets) if loss is None else loss
    run = Run.of(batch)
    hidden, _, _ = model.unroll(model.params, model.cast(batch.x), run, part=slice(cut))
    if hidden.ndim != 2:
        raise ValueError(f"layer {cut - 1} must run once a sequence, on (B, F): Flatten comes before it")

    def loss_of(units: Array) -> float:
        outputs, _, _ = model.unroll(model.params, units, run, part=slice(cut, None))
        return whole_loss(model, loss, outputs, batch)[0]

    whole, mean = loss_of(hidden), hidden.mean(axis=0)
    rise = []
    for unit, constant in enumerate(mean):
        ablated = hidden.copy()
        ablated[:, unit] = constant
        rise.append(loss_of(ablated) - whole)
    found = pd.DataFrame({"unit": np.arange(len(mean)), "rise": rise, "mean": mean, "std": hidden.std(axis=0)})
    return found.sort_values("rise", ascending=False, kind="stable", ignore_index=True)


def _first(model: Sequential) -> int:
    """Return the index of the first layer with parameters, which must be a Dense layer."""
    for i, layer in enumerate(model.layers):
        if isinstance(layer, Dense):
            return i
        if layer.shapes():
            raise ValueError(f"the model's first layer with parameters must be a Dense, got {layer!r} as layer {i}")
    raise ValueError("the model must have a Dense layer")
