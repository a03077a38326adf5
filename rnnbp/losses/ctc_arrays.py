"""The sum over all alignments of CTC, on NumPy: all sequences and states of a step at once."""

from functools import reduce

import numpy as np

from rnnbp.decoding.lattice import Lattice, log_softmax

Array = np.ndarray


def ctc_arrays(outputs: Array, lattice: Lattice, lengths: Array) -> tuple[Array, Array]:
    """The negative log-probabilities of B label sequences, and their derivative.

    With ``alpha[t, s]`` the log-probability of all ways to state s at step t, what is emitted there included, and
    ``beta[t, s]`` that of all ways from there to the end, included as well, a state's share of step t is

        share[t, s] = exp(alpha[t, s] + beta[t, s] - log y[t, label of s] + loss)

    and the derivative is ``d[t, k] = y[t, k] - sum of share[t, s] over the states of label k`` (Graves et al. 2006,
    equation 16). The ways back are the ways there of the chain and of time turned round: both run as one batch.

    Parameters
    ----------
    outputs : ndarray (T, B, K), float or complex
        Before the softmax.
    lattice : Lattice
    lengths : ndarray (B,) of int
        Each sequence's steps.

    Returns
    -------
    losses : ndarray (B,)
        inf where no alignment has a probability above 0.
    d_outputs : ndarray (T, B, K)
        Of the losses; zero past a sequence's end, without meaning where the loss is infinite.
    """
    (T, B, _), S = outputs.shape, lattice.labels.shape[1]
    t, b, s = np.ogrid[:T, :B, :S]
    running = t < lengths[:, None]
    log_y = log_softmax(np.where(running, outputs, 0))
    emitted = np.take_along_axis(log_y, lattice.labels[None], axis=2)
    emitted[:, s[0] >= lattice.states[:, None]] = -np.inf
    turned = np.where(running, lengths[:, None] - 1 - t, t), b, lattice.reversed_states[None]
    skips = np.concatenate([lattice.skips, lattice.reversed_skips])
    ways = _ways(np.concatenate([emitted, emitted[turned]], axis=1), skips)
    alpha, beta = ways[:, :B], ways[:, B:][turned]
    losses = _losses(alpha, lattice.states, lengths)
    through = alpha + beta
    share = np.exp(np.where(np.isneginf(through.real), -np.inf, through - emitted + losses[:, None]))
    d = np.exp(log_y)
    np.subtract.at(d.reshape(-1), ((t * B + b) * d.shape[2] + lattice.labels).reshape(-1), share.reshape(-1))
    return losses, np.where(running, d, 0)


def _ways(emitted: Array, skips: Array) -> Array:
    """alpha (T, N, S), from the log-probabilities of what the states emit and where they may be skipped to."""
    closed = np.where(skips, 0, -np.inf)
    ways = np.full_like(emitted, -np.inf)
    ways[0, :, :2] = emitted[0, :, :2]
    for before, here, y in zip(ways, ways[1:], emitted[1:]):
        here[:, 0] = before[:, 0]
        here[:, 1:2] = log_sum(before[:, 1:2], before[:, :1])
        here[:, 2:] = log_sum(before[:, 2:], before[:, 1:-1], before[:, :-2] + closed[:, 2:])
        here += y
    return ways


def _losses(alpha: Array, states: Array, lengths: Array) -> Array:
    """Minus the log of what ends in one of the last two states."""
    b = np.arange(len(states))
    last = alpha[np.maximum(lengths, 1) - 1, b]
    final, before = last[b, states - 1], np.where(states > 1, last[b, states - 2], -np.inf)
    return np.where(lengths > 0, -log_sum(final, before), 0)


def log_sum(*terms: Array) -> Array:
    """log(exp(a) + exp(b) + ...) of real or complex numbers; -inf is the log of 0.

    Examples
    --------
    >>> float(np.exp(log_sum(np.log(2), np.log(3), -np.inf)).round(12))
    5.0
    """
    top = np.maximum(reduce(np.maximum, [np.real(term) for term in terms]), np.finfo(float).min)
    with np.errstate(divide="ignore"):
        return top + np.log(sum(np.exp(term - top) for term in terms))
