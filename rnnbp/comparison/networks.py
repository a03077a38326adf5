"""Networks of comparisons: static ones on views of a sequence, recurrent ones, and reservoirs.

A function such as `window_mlp` builds the layers from the number of features, a width and the number of outputs.
"""

from collections.abc import Callable

from rnnbp.core import EchoState, Orthogonal
from rnnbp.layers import (
    GRU,
    LSTM,
    Activation,
    Chain,
    Conv1D,
    Dense,
    Dropout,
    Elman,
    Last,
    Layer,
    LayerNorm,
    LeakyElman,
    MeanOverTime,
    Parallel,
    Resample,
    TimeStatistics,
    Window,
)

Build = Callable[[int, int, int], list[Layer]]
"""(features, width, outputs) -> layers."""


def window_mlp(features: int, width: int, outputs: int) -> list[Layer]:
    """Return an MLP on windows of eleven frames, five on either side, its hidden layer averaged over time."""
    return [
        Window(5, 5),
        Dropout(0.2),
        Dense(11 * features, width, "relu"),
        Dropout(0.5),
        MeanOverTime(),
        Dense(width, outputs),
    ]


def statistics_mlp(features: int, width: int, outputs: int) -> list[Layer]:
    """Return an MLP with one hidden layer on the mean and standard deviation over time."""
    return [TimeStatistics(), Dense(2 * features, width, "relu"), Dropout(0.5), Dense(width, outputs)]


def resampled_mlp(features: int, width: int, outputs: int) -> list[Layer]:
    """Return an MLP with one hidden layer on the sequence resampled to ten frames."""
    return [Resample(10), Dropout(0.2), Dense(10 * features, width, "relu"), Dropout(0.5), Dense(width, outputs)]


def averaged_recurrent(layer: Callable[[int, int], Layer], features: int, width: int, outputs: int) -> list[Layer]:
    """Return a recurrent network, its output averaged over time."""
    return [Dropout(0.2), layer(features, width), Dropout(0.5), MeanOverTime(), Dense(width, outputs)]


def bidirectional(layer: Callable[..., Layer], features: int, width: int, outputs: int) -> list[Layer]:
    """Return a bidirectional network on windows of three frames, its output read at four evenly spaced steps.

    The first and the last step are those that `Ends` reads: the final states of both directions are included."""
    both = layer(3 * features, width, bidirectional=True, init=Orthogonal())
    return [Dropout(0.2), Window(1, 1), both, Dropout(0.5), Resample(4), Dense(8 * width, outputs)]


def conv_gru(features: int, width: int, outputs: int) -> list[Layer]:
    """Return a bidirectional GRU behind a convolution, its output read at four evenly spaced steps.

    The convolution has filters of five steps and an output at every other step, so that the GRU runs over half as many.
    It is normalized at each step (`LayerNorm`). As many filters as the GRU has units in both directions.

    References
    ----------
    T. N. Sainath, O. Vinyals, A. Senior & H. Sak (2015), "Convolutional, long short-term memory, fully connected deep
    neural networks", ICASSP, 4580-4584, doi:10.1109/ICASSP.2015.7178838: convolution in front, for varied speakers.
    """
    filters = 2 * width
    convolution = [Conv1D(features, filters, 5, stride=2, padding=2), LayerNorm(filters), Activation("relu")]
    both = GRU(filters, width, bidirectional=True, init=Orthogonal())
    return [Dropout(0.2), *convolution, Dropout(0.2), both, Dropout(0.5), Resample(4), Dense(8 * width, outputs)]


def lstm_fcn(features: int, width: int, outputs: int) -> list[Layer]:
    """Return the LSTM-FCN of Karim et al. (2018), an LSTM and a convolutional network side by side.

    The convolutions have 2 H, 4 H and 2 H filters of 8, 5 and 3 steps. Where the authors normalize each batch, the
    features of each step are normalized here (`LayerNorm`), so that a prediction depends on its own sequence alone. The
    authors' LSTM is given a whole series of fixed length as one step; here it runs over the steps, of which sequences
    have different numbers.

    References
    ----------
    F. Karim, S. Majumdar, H. Darabi & S. Chen (2018), "LSTM fully convolutional networks for time series
    classification", IEEE Access 6, 1662-1669, doi:10.1109/ACCESS.2017.2779939
    """
    sizes, steps = (features, 2 * width, 4 * width, 2 * width), (8, 5, 3)
    convolutions: list[Layer] = []
    for below, above, kernel_size in zip(sizes[:-1], sizes[1:], steps, strict=True):
        convolutions += [
            Conv1D(below, above, kernel_size, padding="same"),
            LayerNorm(above),
            Activation("relu"),
        ]
    recurrent = Chain(LSTM(features, width), Last(), Dropout(0.8))
    return [Parallel(recurrent, Chain(*convolutions, MeanOverTime())), Dense(3 * width, outputs)]


def flat_mlp(steps: int, features: int, width: int, outputs: int) -> list[Layer]:
    """Return an MLP with one hidden layer on all steps side by side, of sequences of `steps` steps."""
    return [Resample(steps), Dense(steps * features, width, "relu"), Dense(width, outputs)]


def two_layer_mlp(steps: int, features: int, width: int, outputs: int) -> list[Layer]:
    """Return an MLP with two hidden layers on all steps side by side, of sequences of `steps` steps."""
    first = Dense(steps * features, width, "relu")
    return [Resample(steps), first, Dense(width, width, "relu"), Dense(width, outputs)]


def convolutional(features: int, width: int, outputs: int) -> list[Layer]:
    """Return a network of three convolutions that halve the number of steps, read at five evenly spaced places.

    Kernels of 5, 3 and 3 steps, as in the convolutional network of S. Greydanus & D. Kobak (2024), "Scaling down deep
    learning with MNIST-1D", ICML, arXiv:2011.14439."""
    layers: list[Layer] = []
    for below, kernel_size in ((features, 5), (width, 3), (width, 3)):
        layers.append(Conv1D(below, width, kernel_size, stride=2, padding=kernel_size // 2, activation="relu"))
    return [*layers, Resample(5), Dense(5 * width, outputs)]


def causal_convolutional(features: int, width: int, outputs: int) -> list[Layer]:
    """Return a network of causal convolutions, dilated 1, 2 and 4 steps, with an output at every step (15 steps)."""
    layers: list[Layer] = [
        Conv1D(features if dilation == 1 else width, width, 3, dilation=dilation, activation="relu")
        for dilation in (1, 2, 4)
    ]
    return [*layers, Dense(width, outputs)]


def windowed_recurrent(layer: Callable[[int, int], Layer], features: int, width: int, outputs: int) -> list[Layer]:
    """Return a recurrent network on 24 features of windows of five frames, its output read at the last step."""
    return [Window(2, 2), Dense(5 * features, 24, "relu"), layer(24, width), Last(), Dense(width, outputs)]


def windowed_mean_recurrent(layer: Callable[[int, int], Layer], features: int, width: int, outputs: int) -> list[Layer]:
    """Return a recurrent network on 24 features of windows of five frames, its output averaged over time."""
    return [Window(2, 2), Dense(5 * features, 24, "relu"), layer(24, width), MeanOverTime(), Dense(width, outputs)]


def last_recurrent(layer: Callable[[int, int], Layer], features: int, width: int, outputs: int) -> list[Layer]:
    """Return a recurrent network, its output read at the last step."""
    return [layer(features, width), Last(), Dense(width, outputs)]


def last_window_mlp(features: int, width: int, outputs: int) -> list[Layer]:
    """Return an MLP on the last eleven frames."""
    return [Window(10, 0), Last(), Dense(11 * features, width, "relu"), Dense(width, outputs)]


def causal_window_mlp(features: int, width: int, outputs: int) -> list[Layer]:
    """Return a causal MLP on each frame and the ten before it, with an output at every step."""
    return [Window(10, 0), Dense(11 * features, width, "tanh"), Dense(width, outputs)]


def recurrent_per_step(layer: Callable[[int, int], Layer], features: int, width: int, outputs: int) -> list[Layer]:
    """Return a recurrent network with an output at every step."""
    return [layer(features, width), Dense(width, outputs)]


def two_reservoirs(features: int, width: int, radius: float, slow: float, scaling: float) -> Parallel:
    """Return a fast and a slow reservoir side by side, of half the width each."""
    half = max(width // 2, 1)
    init = EchoState(radius, 10 / max(half, 10), scaling, bias_scaling=0.3)
    return Parallel(Elman(features, half, init=init), LeakyElman(features, half, tau=slow, init=init))


def pooled_reservoir(features: int, width: int, outputs: int) -> list[Layer]:
    """Return two reservoirs, read by their mean over time and their last state."""
    reservoirs = two_reservoirs(features, width, radius=0.5, slow=5.0, scaling=0.5)
    pooling = Parallel(MeanOverTime(), Last())
    return [reservoirs, Dropout(0.5), pooling, Dense(4 * max(width // 2, 1), outputs)]


def reservoir_per_step(features: int, width: int, outputs: int) -> list[Layer]:
    """Return two reservoirs with an output at every step, of their states and the input of the step."""
    reservoirs = two_reservoirs(features, width, radius=0.9, slow=3.0, scaling=1.0)
    return [Parallel(reservoirs, Activation("linear")), Dense(2 * max(width // 2, 1) + features, outputs)]


def framewise_mlp(features: int, width: int, outputs: int) -> list[Layer]:
    """Return an MLP on windows of 17 frames with an output at every step, for label sequences."""
    layers: list[Layer] = [Window(8, 8), Dropout(0.2), Dense(17 * features, width, "relu")]
    return [*layers, Dropout(0.3), Dense(width, outputs)]


def framewise_convolutional(features: int, width: int, outputs: int) -> list[Layer]:
    """Return a network of two convolutions over seven steps with an output at every step, for label sequences."""
    first = Conv1D(features, width, 7, padding="same", activation="relu")
    return [first, Conv1D(width, width, 7, padding="same", activation="relu"), Dense(width, outputs)]


def framewise_bidirectional(layer: Callable[..., Layer], features: int, width: int, outputs: int) -> list[Layer]:
    """Return a bidirectional network on windows of three frames with an output at every step, for label sequences."""
    both = layer(3 * features, width, bidirectional=True)
    return [Dropout(0.1), Window(1, 1), both, Dropout(0.2), Dense(2 * width, outputs)]
