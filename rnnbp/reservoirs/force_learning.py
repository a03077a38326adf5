"""FORCE learning: recursive least squares on a network that feeds its own output back."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.layers import Dense, Run
from rnnbp.models import Sequential
from rnnbp.models.prepared import PreparedLayers
from rnnbp.reservoirs.recursive_least_squares import RecursiveLeastSquares
from rnnbp.runtime import positive_int, refuses_by_name, seed_int

Array = np.ndarray
ONE = Run(np.array([1]))


@dataclass(frozen=True)
class ForceRun:
    """Course of FORCE learning, and where it ended.

    Attributes
    ----------
    outputs : ndarray (T, K)
        The network's output at each step, before the readout was changed.
    change : ndarray (T,)
        Norm of the change of the readout at each step: it falls as the network takes over.
    model : Sequential
    state : list
        Of the model, after the last step.
    """

    outputs: Array
    change: Array
    model: Sequential
    state: list[Any]

    def generate(self, steps: int) -> Array:
        """Return what the network produces by itself after the last step, (steps, K): its output is its next input."""
        y, state, written = self.outputs[-1:], self.state, []
        for _ in range(positive_int("steps", steps)):
            y, state = self.model.step(y, state)
            written.append(y[0])
        return np.array(written)


@refuses_by_name
def force(
    model: Sequential, target: ArrayLike, forgetting: float = 1.0, initial: float = 1.0, seed: int = 0
) -> ForceRun:
    """Train the readout of a network online to generate a pattern, while its own output is its input (FORCE).

    The output of each step is the input of the next one, from the start on. Recursive least squares changes the readout
    so fast that the output is nearly right from the first steps, and its fluctuations teach the network to be stable.
    Afterwards the model generates the pattern alone. It should be chaotic before: a spectral radius of about 1.5.

    Parameters
    ----------
    model : Sequential
        With K features and K outputs at every step; the last layer, `Dense`, is trained, the others are not changed.
    target : array_like (T,) or (T, K)
        The pattern, for as many periods as are needed to learn it.
    forgetting, initial : float, default 1
        As in `rnnbp.RecursiveLeastSquares`; `initial` between 1 and 100.
    seed : int, default 0
        Of the network's first input, normal with a standard deviation of 1.

    Returns
    -------
    ForceRun

    Raises
    ------
    ValueError
        If the model does not end with a linear `Dense` layer over at least one other, its inputs and outputs are not
        as many as the target's values, or these are not finite.

    References
    ----------
    D. Sussillo & L. F. Abbott (2009), "Generating coherent patterns of activity from chaotic neural networks", Neuron
    63(4), 544-557, doi:10.1016/j.neuron.2009.07.018. There the leak is inside the nonlinearity; `rnnbp.LeakyElman` has
    it outside.

    Examples
    --------
    >>> import rnnbp
    >>> wave = np.sin(2 * np.pi * np.arange(2300) / 60)
    >>> model = rnnbp.echo_state_network(1, 200, 1, spectral_radius=1.5, leak=0.3, dtype=np.float64)
    >>> run = force(model, wave[:2000])
    >>> bool(abs(run.generate(300)[:, 0] - wave[2000:]).max() < 0.1)
    True
    """
    wanted = np.asarray(target, np.float64)
    wanted = wanted[:, None] if wanted.ndim == 1 else wanted
    last, K = model.layers[-1], wanted.shape[-1]
    linear = type(last) is Dense and last.activation == "linear" and len(model.layers) > 1
    if not linear or not model.per_step or last.output_size != K or wanted.ndim != 2:  # type: ignore[attr-defined]
        raise ValueError(
            f"model must end with a linear Dense layer of K outputs at every step, and target be (T,) or (T, K), got "
            f"{last!r} and {np.shape(target)}"
        )
    try:
        model.cast(np.zeros((1, 1, K)))
    except ValueError as error:
        raise ValueError(f"model must take its own {K} outputs as its input: {error}") from None
    if not np.isfinite(wanted).all():
        raise ValueError("target must be finite, got NaN or infinite values")
    below = PreparedLayers(model.layers[:-1], model.params)
    rls = RecursiveLeastSquares(last.input_size, K, forgetting, initial)  # type: ignore[attr-defined]
    index = len(model.layers) - 1
    y: Array = np.random.default_rng(seed_int("seed", seed)).standard_normal((K,))
    states: list[Any] | None = model.start()[:-1]
    outputs, change = np.empty_like(wanted), np.empty(len(wanted))
    for t, target_now in enumerate(wanted):
        features, states = below(y[None, None].astype(model.dtype), ONE, states)
        before = rls.w.copy()
        y = rls.predict(features[0, 0])
        outputs[t] = y
        rls.update(features[0, 0], target_now)
        change[t] = np.linalg.norm(rls.w - before)
    model.params[f"{index}.w"], model.params[f"{index}.b"] = rls.w, rls.b
    assert states is not None
    return ForceRun(outputs, change, model, [*states, None])
