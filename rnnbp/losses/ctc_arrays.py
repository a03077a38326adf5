"""The forward-backward algorithm of CTC in NumPy, over all sequences and states of a step together."""

from functools import reduce

import numpy as np

from rnnbp.decoding.lattice import Lattice, log_softmax

Array = np.ndarray


def ctc_arrays(outputs: Array, lattice: Lattice, lengths: Array) -> tuple[Array, Array]:
    """Compute the negative log-probabilities of B label sequences, and their gradient.

    With the log forward variables ``alpha[t, s]`` and the log backward variables ``beta[t, s]`` of state s at step t,
    both including the emission of step t, the posterior probability of the state is::

        posterior[t, s] = exp(alpha[t, s] + beta[t, s] - log y[t, label of s] + loss)

    and the gradient is ``d[t, k] = y[t, k] - sum of posterior[t, s] over the states of label k`` (Graves et al. 2006,
    equation 16). The backward variables are the forward variables of the chain reversed in time; both are computed as
    one batch.

    Parameters
    ----------
    outputs : ndarray (T, B, K), float or complex
        Before the softmax.
    lattice : Lattice
    lengths : ndarray (B,) of int
        Number of steps of each sequence.

    Returns
    -------
    losses : ndarray (B,)
        inf if no alignment has a positive probability.
    d_outputs : ndarray (T, B, K)
        The gradient of the losses; zero past a sequence's end, undefined where the loss is infinite.
    """
    (T, B, _), S = outputs.shape, lattice.labels.shape[1]
    t, b, s = np.ogrid[:T, :B, :S]
    running = t < lengths[:, None]
    log_y = log_softmax(np.where(running, outputs, 0))
    emitted = np.take_along_axis(log_y, lattice.labels[None], axis=2)
    emitted[:, s[0] >= lattice.states[:, None]] = -np.inf
    reverse = np.where(running, lengths[:, None] - 1 - t, t), b, lattice.reversed_states[None]
    skips = np.concatenate([lattice.skips, lattice.reversed_skips])
    variables = _forward_variables(np.concatenate([emitted, emitted[reverse]], axis=1), skips)
    alpha, beta = variables[:, :B], variables[:, B:][reverse]
    losses = _losses(alpha, lattice.states, lengths)
    joint = alpha + beta
    posterior = np.exp(np.where(np.isneginf(joint.real), -np.inf, joint - emitted + losses[:, None]))
    d = np.exp(log_y)
    np.subtract.at(d.reshape(-1), ((t * B + b) * d.shape[2] + lattice.labels).reshape(-1), posterior.reshape(-1))
    return losses, np.where(running, d, 0)


def _forward_variables(emitted: Array, skips: Array) -> Array:
    """Return the log forward variables (T, N, S), from log emission probabilities and allowed skips."""
    closed = np.where(skips, 0, -np.inf)
    alpha = np.full_like(emitted, -np.inf)
    alpha[0, :, :2] = emitted[0, :, :2]
    for before, here, y in zip(alpha, alpha[1:], emitted[1:]):
        here[:, 0] = before[:, 0]
        here[:, 1:2] = log_sum(before[:, 1:2], before[:, :1])
        here[:, 2:] = log_sum(before[:, 2:], before[:, 1:-1], before[:, :-2] + closed[:, 2:])
        here += y
    return alpha


def _losses(alpha: Array, states: Array, lengths: Array) -> Array:
    """Return the negative log-probabilities of ending in one of the last two states."""
    b = np.arange(len(states))
    last = alpha[np.maximum(lengths, 1) - 1, b]
    final, before = last[b, states - 1], np.where(states > 1, last[b, states - 2], -np.inf)
    return np.where(lengths > 0, -log_sum(final, before), 0)


def log_sum(*terms: Array) -> Array:
    """Return log(exp(a) + exp(b) + ...) of real or complex numbers; -inf is the log of 0.

    Examples
    --------
    >>> float(np.exp(log_sum(np.log(2), np.log(3), -np.inf)).round(12))
    5.0
    """
    top = np.maximum(reduce(np.maximum, [np.real(term) for term in terms]), np.finfo(float).min)
    with np.errstate(divide="ignore"):
        return top + np.log(sum(np.exp(term - top) for term in terms))
