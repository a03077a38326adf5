"""Error flow: the gradient of the loss with respect to earlier states, by lag."""

from typing import Any

import numpy as np
import pandas as pd

from rnnbp.data import SequenceBatch, check_batch
from rnnbp.gradients.base import check_targets, require_causal, whole_loss
from rnnbp.gradients.lag_decomposition import final_steps
from rnnbp.layers import Run
from rnnbp.losses import CrossEntropy, Loss, MeanSquaredError
from rnnbp.models import Sequential
from rnnbp.runtime import refuses_by_name


@refuses_by_name
def error_flow(
    model: Sequential, batch: SequenceBatch, loss: Loss | None = None, lags: int | None = None
) -> pd.DataFrame:
    """Compute the norm of dL/dh[T - k] by lag k, L being the loss at the last step of each sequence.

    The gradient vanishes if the norm decays with k, and explodes if it grows.

    Parameters
    ----------
    model : Sequential
        A causal model.
    batch : SequenceBatch
        With targets; the sequences are aligned at their ends.
    loss : Loss, optional
        Default: CrossEntropy() for classes, MeanSquaredError() for values.
    lags : int, optional
        Largest lag. Default and maximum: the length of the shortest sequence.

    Returns
    -------
    DataFrame
        `layer`, its number as in `rnnbp.diagnostics.trajectory`; `lag` k = 1, 2, ...; `norm`, that of the gradient
        with respect to the whole state (h and c of an LSTM) k steps before, times the batch size, averaged over
        sequences; `relative`, the norm divided by that at lag 1.

    Raises
    ------
    ValueError
        If a layer is non-causal, or no layer has a state.

    References
    ----------
    S. Hochreiter (1991), "Untersuchungen zu dynamischen neuronalen Netzen", diploma thesis, TU München. Y. Bengio, P.
    Simard & P. Frasconi (1994), "Learning long-term dependencies with gradient descent is difficult", IEEE Trans.
    Neural Networks 5(2), 157-166, doi:10.1109/72.279181

    Examples
    --------
    >>> import rnnbp
    >>> model = rnnbp.Sequential(rnnbp.Elman(1, 1, activation="linear"), rnnbp.Last(), rnnbp.Dense(1, 1))
    >>> model.params["0.w_hh"] = 0.5
    >>> batch = rnnbp.SequenceDataset([np.ones((5, 1))], targets=[1.0]).batch()
    >>> error_flow(model, batch)["relative"].tolist()
    [1.0, 0.5, 0.25, 0.125, 0.0625]
    """
    require_causal(model, "error_flow")
    check_batch(batch)
    model, batch = model.astype(np.float64), batch.astype(np.float64)
    targets = check_targets(batch)
    if loss is None:
        loss = CrossEntropy() if np.issubdtype(targets.dtype, np.integer) else MeanSquaredError()
    end = final_steps(model, batch, loss, batch.steps if lags is None else lags)
    one_step, params, B = Run(np.ones(batch.size, int)), model.params, batch.size
    runs = [model.unroll(params, end.batch.x[t : t + 1], one_step, state) for t, state in enumerate(end.states)]
    outputs, due = runs[-1][0], check_targets(end.batch)
    last = SequenceBatch(
        end.batch.x[-1:],
        one_step.lengths,
        due[-1:] if model.per_step else due,
        weights=end.batch.weights_of(end.steps - 1, end.steps),
    )
    _, dy = whole_loss(model, loss, outputs, last)
    rows, d_states, ignored = [], None, params.zeros()
    for lag, (_, residuals, _) in enumerate(reversed(runs), start=1):
        _, d_states = model.backward(params, residuals, dy, ignored, d_states)
        dy = np.zeros_like(dy)
        for i, layer in enumerate(model.layers):
            if layer.recurrent:
                rows += [(name, lag, norm * B) for name, norm in _norms(d_states[i], str(i))]
    if not rows:
        raise ValueError(f"model must have a layer with a state that goes from step to step, got {model}")
    table = pd.DataFrame(rows, columns=["layer", "lag", "norm"])
    first = table.groupby("layer")["norm"].transform("first")
    return table.assign(relative=table["norm"] / first.where(first > 0))


def _norms(d_state: Any, name: str) -> list[tuple[str, float]]:
    """Return the mean norm of each array in the cotangent of a layer's state."""
    if d_state is None:
        return []
    if isinstance(d_state, list | tuple):
        return [found for k, inner in enumerate(d_state) for found in _norms(inner, f"{name}.{k}")]
    return [(name, float(np.linalg.norm(d_state, axis=1).mean()))]
