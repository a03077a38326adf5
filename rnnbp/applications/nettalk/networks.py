"""Networks that read: static ones with a window of seven letters, and a recurrent one."""

import itertools
from collections.abc import Sequence

from rnnbp.applications.nettalk.spelling import LETTERS
from rnnbp.core import Orthogonal
from rnnbp.layers import LSTM, Dense, Dropout, Layer, Window
from rnnbp.models import Sequential
from rnnbp.runtime import got, positive_int, refuses_by_name

WINDOW = 3  # letters on either side


@refuses_by_name
def window_network(hidden: Sequence[int], outputs: int, seed: int = 0, activation: str = "linear") -> Sequential:
    """Build the network of 1987: a window of seven letters, any number of sigmoid hidden layers, and output units.

    Parameters
    ----------
    hidden : sequence of int
        The hidden layers' sizes; ``()`` for none.
    outputs : int
        Number of output units, K.
    seed : int, default 0
    activation : {'linear', 'sigmoid'}, default 'linear'
        Activation of the output units: 'sigmoid' for a squared error, 'linear' where the loss takes logits, as cross
        entropies do.

    References
    ----------
    T. J. Sejnowski & C. R. Rosenberg (1987), "Parallel networks that learn to pronounce English text", Complex Systems
    1, 145-168.

    Examples
    --------
    >>> window_network((120,), 26)
    Sequential(Window, Dense, Dense; 27626 parameters, float32)
    """
    if isinstance(hidden, str | bytes) or not hasattr(hidden, "__len__"):
        raise ValueError(f"hidden must be the sizes of the hidden layers, such as [80], {got(hidden)}")
    sizes = [(2 * WINDOW + 1) * len(LETTERS), *(positive_int("hidden", size) for size in hidden)]
    positive_int("outputs", outputs)
    layers: list[Layer] = [Dense(a, b, "sigmoid") for a, b in itertools.pairwise(sizes)]
    return Sequential(Window(WINDOW, WINDOW), *layers, Dense(sizes[-1], outputs, activation), seed=seed)


def wide_window_network(outputs: int, seed: int = 0) -> Sequential:
    """Build a static network with a window of seven letters and methods of today: 400 rectified units, dropout of 0.5.

    Parameters
    ----------
    outputs : int
        Number of output units, K.
    seed : int, default 0

    Examples
    --------
    >>> wide_window_network(162)
    Sequential(Window, Dense, Dropout, Dense; 146562 parameters, float32)
    """
    seen = (2 * WINDOW + 1) * len(LETTERS)
    return Sequential(Window(WINDOW, WINDOW), Dense(seen, 400, "relu"), Dropout(0.5), Dense(400, outputs), seed=seed)


def recurrent_network(hidden: int, outputs: int, seed: int = 0, dropout: float = 0.3) -> Sequential:
    """Build a network of two bidirectional LSTM layers over the letters: every output depends on the whole word.

    Parameters
    ----------
    hidden : int
        Hidden units H of each direction of each layer.
    outputs : int
        Number of output units, K.
    seed : int, default 0
    dropout : float, default 0.3
        Dropout rate after each layer.

    References
    ----------
    A. Graves & J. Schmidhuber (2005), "Framewise phoneme classification with bidirectional LSTM and other neural
    network architectures", Neural Networks 18, 602-610, doi:10.1016/j.neunet.2005.06.042; K. Rao, F. Peng, H. Sak &
    F. Beaufays (2015), "Grapheme-to-phoneme conversion using long short-term memory recurrent neural networks", ICASSP,
    4225-4229, doi:10.1109/ICASSP.2015.7178767.

    Examples
    --------
    >>> recurrent_network(128, 162)
    Sequential(LSTM, Dropout, Dense; 599714 parameters, float32)
    """
    positive_int("outputs", outputs)
    lstm = LSTM(len(LETTERS), hidden, 2, bidirectional=True, dropout=dropout, init=Orthogonal())
    return Sequential(lstm, Dropout(dropout), Dense(2 * hidden, outputs), seed=seed)
