"""Echo-state networks: a recurrent layer with frozen random weights below a linear readout."""

import numpy as np
from numpy.typing import DTypeLike

from rnnbp.core import EchoState
from rnnbp.layers import Activation, Dense, Elman, Layer, LeakyElman, Parallel
from rnnbp.models import Sequential
from rnnbp.runtime import flag, number, positive_int, refuses_by_name


@refuses_by_name
def echo_state_network(
    input_size: int,
    hidden_size: int,
    outputs: int,
    *,
    spectral_radius: float = 0.9,
    leak: float = 1.0,
    density: float = 0.1,
    input_scaling: float = 1.0,
    bias_scaling: float = 0.0,
    activation: str = "tanh",
    direct: bool = False,
    pooling: Layer | None = None,
    seed: int = 0,
    dtype: DTypeLike = np.float32,
) -> Sequential:
    """Return an echo-state network: a frozen random reservoir below a linear readout, which is to be trained.

    The reservoir is the leaky integrator of Lukoševičius (2012), with the leak outside the nonlinearity::

        h[t] = (1 - leak) h[t-1] + leak act(W_ih x[t] + b_ih + W_hh h[t-1])

    That is `LeakyElman` with ``tau = 1 / leak``, and `Elman` without leak. `rnnbp.Ridge` solves for the readout; once
    ``model.unfreeze()`` is called, the same network is trained by backpropagation through time.

    Parameters
    ----------
    input_size, hidden_size, outputs : int
        F, H and K: the number of features, of units of the reservoir, and of outputs.
    spectral_radius : float, default 0.9
        Greatest absolute eigenvalue of W_hh. Below 1, in practice, the state forgets its initial value (the echo-state
        property); near 1 it remembers longest.
    leak : float, above 0 to 1, default 1
        Small for slow dynamics.
    density : float, above 0 to 1, default 0.1
        Fraction of the recurrent weights that are not fixed at zero.
    input_scaling, bias_scaling : float, default 1 and 0
        Input weights and biases are uniform in +- these. Great ones drive the units into saturation.
    activation : {'tanh', 'relu', 'sigmoid', 'linear'}, default 'tanh'
    direct : bool, default False
        Whether the readout is also of the inputs of the same step.
    pooling : Layer, optional
        Reduces time, for one output a sequence: `Last()`, `MeanOverTime()`, or both,
        ``Parallel(MeanOverTime(), Last())``. Default: an output at every step.
    seed : int, default 0
    dtype : {float32, float64}, default float32
        float64 where errors are to become very small.

    Returns
    -------
    Sequential
        Its `kind` is 'reservoir'.

    Raises
    ------
    ValueError
        If an argument is out of its range, or `pooling` is no layer.

    See Also
    --------
    rnnbp.initializers.EchoState : the weights of any cell: ``GRU(F, H, init=EchoState(0.9))`` below a `Dense`, and
        ``model.freeze("0.*")``, is a reservoir too.

    References
    ----------
    H. Jaeger (2001), "The 'echo state' approach to analysing and training recurrent neural networks", GMD report 148.
    H. Jaeger, M. Lukoševičius, D. Popovici & U. Siewert (2007), "Optimization and applications of echo state networks
    with leaky-integrator neurons", Neural Networks 20(3), 335-352, doi:10.1016/j.neunet.2007.04.016. M. Lukoševičius
    (2012), "A practical guide to applying echo state networks", doi:10.1007/978-3-642-35289-8_36

    Examples
    --------
    >>> import rnnbp
    >>> x = rnnbp.datasets.mackey_glass_series(1500)
    >>> data = rnnbp.SequenceDataset([x[:1000, None]], [x[1:1001, None]], dtype=np.float64)
    >>> model = echo_state_network(1, 200, 1, dtype=np.float64)
    >>> trainer = rnnbp.Trainer(model, rnnbp.MeanSquaredError(), optimizer=rnnbp.Ridge(washout=100))
    >>> history = trainer.fit(data, progress=False)
    >>> y = model.forward(x[:-1, None, None])[:, 0, 0]
    >>> bool(abs(y[1000:] - x[1001:]).max() < 1e-3)
    True
    """
    for name, size in {"input_size": input_size, "hidden_size": hidden_size, "outputs": outputs}.items():
        positive_int(name, size)
    if pooling is not None and not isinstance(pooling, Layer):
        raise ValueError(f"pooling must be a layer that reduces time, as rnnbp.Last(), or None, got {pooling!r}")
    init = EchoState(spectral_radius, density, input_scaling, bias_scaling)
    layers = reservoir_layers(input_size, hidden_size, outputs, init, leak, activation, direct, pooling)
    model = Sequential(*layers, seed=seed, dtype=dtype)
    model.freeze("0.*")
    return model


@refuses_by_name
def reservoir_layers(
    input_size: int,
    hidden_size: int,
    outputs: int,
    init: EchoState,
    leak: float,
    activation: str = "tanh",
    direct: bool = False,
    pooling: Layer | None = None,
) -> list[Layer]:
    """Return the layers of an echo-state network, of which the first has all parameters but those of the readout.

    Parameters
    ----------
    input_size, hidden_size, outputs : int
        F, H and K: the number of features, of units, and of outputs.
    init : EchoState
        The initialization of the reservoir.
    leak, activation, direct, pooling
        As `echo_state_network` takes them.

    Examples
    --------
    >>> reservoir_layers(2, 50, 1, EchoState(), leak=0.5)[0].tau
    2.0
    """
    number("leak", leak, 0, 1, open_low=True)
    flag("direct", direct)
    if leak == 1:
        reservoir: Layer = Elman(input_size, hidden_size, activation=activation, init=init)
    else:
        reservoir = LeakyElman(input_size, hidden_size, tau=1 / leak, activation=activation, init=init)
    below = [Parallel(reservoir, Activation("linear")) if direct else reservoir]
    below += [] if pooling is None else [pooling]
    seen = hidden_size + input_size * direct
    features = seen if pooling is None else pooling.out_shape(("T", "B", seen))[-1]
    return [*below, Dense(int(features or 0), outputs)]
