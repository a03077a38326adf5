"""Initializers of the parameters of a cell.

An initializer is called as ``init(cell, params, rng)`` and fills `params` in place. Parameters are recognized by the
names that all cells use: ``w_hh...`` are recurrent weights, other ``w...`` feedforward weights, ``b...`` biases. The
rows of a gated cell's weights are one block per gate.
"""

import math
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from rnnbp.core.parameters import Parameters
from rnnbp.core.spectral_radius import scaled_to_radius
from rnnbp.runtime import number

Array = np.ndarray


class Gated(Protocol):
    """Protocol of the cells that an initializer takes."""

    @property
    def hidden_size(self) -> int:
        """H, the number of hidden units."""

    @property
    def gates(self) -> tuple[str, ...]:
        """The names of the row blocks of `w_ih`, in order; empty for a cell without gates."""


class Initializer(Protocol):
    """Function that fills `params` in place."""

    def __call__(self, cell: Gated, params: Parameters, rng: np.random.Generator) -> None: ...


def check_initializer(name: str, init: Any) -> None:
    """Raise unless `init` can be called as an initializer.

    Parameters
    ----------
    name : str
        The name of the argument, for the message.
    init : object
        What the caller gave.

    Raises
    ------
    ValueError
        If it is not an initializer: its name or its class, for example.

    Examples
    --------
    >>> check_initializer("init", "orthogonal")
    Traceback (most recent call last):
    ValueError: init must be an initializer, as rnnbp.initializers.Uniform(), got 'orthogonal': Orthogonal(...)
    """
    if callable(init) and not isinstance(init, type):
        return
    meant = INITIALIZERS.get(init) if isinstance(init, str) else init if isinstance(init, type) else None
    hint = "" if meant is None else f": {meant.__name__}(...)"
    raise ValueError(f"{name} must be an initializer, as rnnbp.initializers.Uniform(), got {init!r}{hint}")


def glorot(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Return a matrix uniform in +-sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010, equation 16).

    Parameters
    ----------
    shape : (int, int)
        Its rows and columns, fan_out and fan_in.
    rng : numpy.random.Generator

    Examples
    --------
    >>> w = glorot((4, 8), np.random.default_rng(0))
    >>> w.shape, bool(abs(w).max() <= (6 / 12) ** 0.5)
    ((4, 8), True)
    """
    bound = math.sqrt(6 / sum(shape))
    return rng.uniform(-bound, bound, shape)


def orthogonal(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Return a matrix with orthonormal rows or columns, uniform among all such (Saxe et al. 2014).

    Examples
    --------
    >>> q = orthogonal((3, 3), np.random.default_rng(0))
    >>> bool(np.allclose(q @ q.T, np.eye(3)))
    True
    """
    rows, columns = shape
    q, r = np.linalg.qr(rng.standard_normal((max(shape), min(shape))))
    q = q * np.sign(np.diag(r))  # makes the distribution uniform (Mezzadri 2007)
    return q if rows >= columns else q.T


def _blocks(weight: Array, cell: Gated) -> list[Array]:
    """Return the row blocks (H, ...) of a weight, one per gate, as views; the weight itself where it has none."""
    blocks, rest = divmod(len(weight), cell.hidden_size)
    return np.split(weight, blocks) if cell.gates and not rest else [weight]


@dataclass(frozen=True)
class Uniform:
    """All parameters uniform in +-1 / sqrt(H), as in PyTorch's recurrent layers.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> cell, params = ElmanCell(3, 4), Parameters(ElmanCell(3, 4).shapes())
    >>> Uniform()(cell, params, np.random.default_rng(0))
    >>> bool(abs(params.vector).max() <= 0.5)
    True
    """

    def __call__(self, cell: Gated, params: Parameters, rng: np.random.Generator) -> None:
        bound = 1 / math.sqrt(cell.hidden_size)
        params.vector[:] = rng.uniform(-bound, bound, params.size)


@dataclass(frozen=True)
class Glorot:
    """Weights uniform by Glorot & Bengio (2010), separately for each gate; biases zero.

    Examples
    --------
    >>> from rnnbp.cells import LSTMCell
    >>> cell, params = LSTMCell(3, 4), Parameters(LSTMCell(3, 4).shapes())
    >>> Glorot()(cell, params, np.random.default_rng(0))
    >>> bool(abs(params["w_ih"]).max() <= (6 / 7) ** 0.5), bool(params["b_ih"].any())
    (True, False)
    """

    def __call__(self, cell: Gated, params: Parameters, rng: np.random.Generator) -> None:
        for name, value in params.items():
            value[...] = 0
            if name.startswith("w"):
                for block in _blocks(value, cell):
                    block[...] = glorot(block.shape, rng)


@dataclass(frozen=True)
class Orthogonal:
    """Recurrent weights `gain` times an orthogonal matrix for each gate (Saxe et al. 2014); others `Glorot`.

    Parameters
    ----------
    gain : float, default 1
        All singular values of a recurrent block.

    Raises
    ------
    ValueError
        If `gain` is not above 0.

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> cell, params = ElmanCell(3, 4), Parameters(ElmanCell(3, 4).shapes())
    >>> Orthogonal(gain=1.5)(cell, params, np.random.default_rng(0))
    >>> np.linalg.svd(params["w_hh"], compute_uv=False).round(4)
    array([1.5, 1.5, 1.5, 1.5], dtype=float32)
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        number("gain", self.gain, 0, open_low=True)

    def __call__(self, cell: Gated, params: Parameters, rng: np.random.Generator) -> None:
        Glorot()(cell, params, rng)
        for name, value in params.items():
            if name.startswith("w_hh"):
                for block in _blocks(value, cell):
                    block[...] = self.gain * orthogonal(block.shape, rng)


@dataclass(frozen=True)
class Identity:
    """Recurrent weights `scale` times the identity, for an Elman cell with relu: the IRNN of Le et al. (2015).

    Input weights are normal with a standard deviation of 0.001, biases zero. So the IRNN is no cell of its own, but
    ``ElmanCell(F, H, "relu", init=Identity())``: at first each unit adds up what comes in.

    Parameters
    ----------
    scale : float, default 1

    Raises
    ------
    ValueError
        If `scale` is not finite.

    References
    ----------
    Q. V. Le, N. Jaitly & G. E. Hinton (2015), "A simple way to initialize recurrent networks of rectified linear
    units", arXiv:1504.00941

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> irnn = ElmanCell(3, 2, "relu", init=Identity())
    >>> params = Parameters(irnn.shapes())
    >>> irnn.initialize(params, np.random.default_rng(0))
    >>> params["w_hh"]
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        number("scale", self.scale)

    def __call__(self, cell: Gated, params: Parameters, rng: np.random.Generator) -> None:
        for name, value in params.items():
            value[...] = 0
            if name.startswith("w_hh"):
                for block in _blocks(value, cell):
                    np.fill_diagonal(block, self.scale)
            elif name.startswith("w"):
                value[...] = rng.normal(0, 0.001, value.shape)


def _set_gate_bias(cell: Gated, params: Parameters, gate: str, value: Array | float) -> None:
    """Set the bias (H,) of one gate; a second one, of another source, which is added to it, is set to zero.

    A cell whose biases are not those of all gates in their order says by `bias_rows` where they are.
    """
    H, k = cell.hidden_size, cell.gates.index(gate)
    own = getattr(cell, "bias_rows", None)
    if own is not None:
        places = own(gate)
    else:
        places = {name: slice(k * H, (k + 1) * H) for name in ("b_ih", "b_hh") if name in params}
    if not places:
        raise ValueError(f"the gate {gate!r} of {type(cell).__name__} has no bias to be set")
    for name, rows in places.items():
        params[name][rows] = value
        value = 0.0


# The gates that say how much of the previous state remains, and the sign of their pre-activation for more of it.
_RETENTION = {"forget": 1, "update": 1, "write": -1}


def _retention_gate(cell: Gated, initializer: str) -> str:
    """Return the gate that says how much of the previous state remains."""
    for gate in _RETENTION:
        if gate in cell.gates:
            return gate
    raise ValueError(f"{initializer} takes a cell with a forget or an update gate, got {type(cell).__name__}")


@dataclass(frozen=True)
class ForgetBias:
    """Initializer `base` with the bias of the forget gate of an LSTM, or the update gate of a GRU, set to `value`.

    Introduced by Gers et al. (2000); Jozefowicz et al. (2015) recommend 1. A gate named ``"write"`` is one minus such a
    gate, and gets minus the value.

    Parameters
    ----------
    value : float, default 1
    base : Initializer, default Uniform()

    Raises
    ------
    ValueError
        When called for a cell that has no such gate.

    Examples
    --------
    >>> from rnnbp.cells import LSTMCell
    >>> cell = LSTMCell(3, 2, init=ForgetBias(1.0))
    >>> params = Parameters(cell.shapes())
    >>> cell.initialize(params, np.random.default_rng(0))
    >>> params["b_ih"][2:4] + params["b_hh"][2:4]
    array([1., 1.], dtype=float32)
    """

    value: float = 1.0
    base: Initializer = field(default_factory=Uniform)

    def __post_init__(self) -> None:
        number("value", self.value)
        check_initializer("base", self.base)

    def __call__(self, cell: Gated, params: Parameters, rng: np.random.Generator) -> None:
        gate = _retention_gate(cell, "ForgetBias")
        self.base(cell, params, rng)
        _set_gate_bias(cell, params, gate, _RETENTION[gate] * self.value)


@dataclass(frozen=True)
class Chrono:
    """Initializer `base` with gate biases for time constants of up to `longest` steps (Tallec & Ollivier 2018).

    Section 3 there: b_forget = log(u), u uniform in [1, longest - 1], and b_input = -b_forget; the update gate of a
    GRU is treated as the forget gate, and one named ``"write"`` as one minus it.

    Parameters
    ----------
    longest : int
        Length of the longest dependency in steps; at least 3.
    base : Initializer, default Uniform()

    Raises
    ------
    ValueError
        If `longest` is below 3; when called for a cell without a forget or update gate.

    Examples
    --------
    >>> from rnnbp.cells import LSTMCell
    >>> cell, params = LSTMCell(3, 4), Parameters(LSTMCell(3, 4).shapes())
    >>> Chrono(longest=100)(cell, params, np.random.default_rng(0))
    >>> forget = (params["b_ih"] + params["b_hh"])[4:8]
    >>> bool(forget.min() >= 0 and forget.max() <= np.log(99))
    True
    """

    longest: int
    base: Initializer = field(default_factory=Uniform)

    def __post_init__(self) -> None:
        number("longest", self.longest, 3)
        check_initializer("base", self.base)

    def __call__(self, cell: Gated, params: Parameters, rng: np.random.Generator) -> None:
        gate = _retention_gate(cell, "Chrono")
        self.base(cell, params, rng)
        bias = np.log(rng.uniform(1, self.longest - 1, cell.hidden_size))
        _set_gate_bias(cell, params, gate, _RETENTION[gate] * bias)
        if "input" in cell.gates:
            _set_gate_bias(cell, params, "input", -bias)


@dataclass(frozen=True)
class Sparse:
    """Initializer `base` with a random fraction of the recurrent weights fixed at zero by a mask.

    `rnnbp.SnAp` is cheap for such sparse networks.

    Parameters
    ----------
    density : float
        Fraction of the recurrent weights of each gate that are not fixed at zero, above 0 and at most 1; rounded to a
        whole number of weights.
    base : Initializer, default Uniform()

    Raises
    ------
    ValueError
        If `density` is not above 0 and at most 1.

    See Also
    --------
    rnnbp.Parameters.set_mask : any other mask.

    References
    ----------
    J. Menick, E. Elsen, U. Evci, S. Osindero, K. Simonyan & A. Graves (2021), "A practical sparse approximation for
    real time recurrent learning", ICLR, arXiv:2006.07232, section 5

    Examples
    --------
    >>> from rnnbp.cells import GRUCell
    >>> cell = GRUCell(3, 8, init=Sparse(0.25))
    >>> params = Parameters(cell.shapes())
    >>> cell.initialize(params, np.random.default_rng(0))
    >>> int(np.count_nonzero(params["w_hh"])), params["w_hh"].size
    (48, 192)
    """

    density: float
    base: Initializer = field(default_factory=Uniform)

    def __post_init__(self) -> None:
        number("density", self.density, 0, 1, open_low=True)
        check_initializer("base", self.base)

    def __call__(self, cell: Gated, params: Parameters, rng: np.random.Generator) -> None:
        self.base(cell, params, rng)
        for name, value in params.items():
            if name.startswith("w_hh"):
                mask = np.zeros(value.shape, bool)
                for block in _blocks(mask, cell):
                    block.flat[rng.permutation(block.size)[: round(self.density * block.size)]] = True
                params.set_mask(name, mask)


@dataclass(frozen=True)
class SpectralRadius:
    """Initializer `base` with the recurrent weights of each gate scaled to a spectral radius.

    Parameters
    ----------
    radius : float, default 0.9
        Greatest absolute eigenvalue of a recurrent block, 0 or more.
    base : Initializer, default Uniform()

    Raises
    ------
    ValueError
        If `radius` is below 0; when called, if all eigenvalues are 0, as of a few units with sparse weights.

    References
    ----------
    H. Jaeger (2001), "The 'echo state' approach to analysing and training recurrent neural networks", GMD report 148

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> cell = ElmanCell(3, 50, init=SpectralRadius(0.9, base=Sparse(0.2)))
    >>> params = Parameters(cell.shapes(), dtype=np.float64)
    >>> cell.initialize(params, np.random.default_rng(0))
    >>> round(float(abs(np.linalg.eigvals(params["w_hh"])).max()), 9), int(np.count_nonzero(params["w_hh"]))
    (0.9, 500)
    """

    radius: float = 0.9
    base: Initializer = field(default_factory=Uniform)

    def __post_init__(self) -> None:
        number("radius", self.radius, 0)
        check_initializer("base", self.base)

    def __call__(self, cell: Gated, params: Parameters, rng: np.random.Generator) -> None:
        self.base(cell, params, rng)
        for name, value in params.items():
            if name.startswith("w_hh"):
                for block in _blocks(value, cell):
                    block[...] = scaled_to_radius(block, self.radius)


@dataclass(frozen=True)
class EchoState:
    """Random weights of an echo-state network: sparse recurrent weights of a spectral radius, scaled inputs and biases.

    Recurrent weights are normal, input weights and biases uniform. A second bias, which is added to the first, is 0.

    Parameters
    ----------
    spectral_radius : float, default 0.9
        Greatest absolute eigenvalue of the recurrent weights (of each gate), 0 or more.
    density : float, above 0 to 1, default 0.1
        Fraction of the recurrent weights that are not fixed at zero, by a mask (`Sparse`).
    input_scaling : float, default 1
        Input weights are uniform in +- this.
    bias_scaling : float, default 0
        Biases are uniform in +- this.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    See Also
    --------
    rnnbp.echo_state_network : the network.

    References
    ----------
    H. Jaeger (2001), "The 'echo state' approach to analysing and training recurrent neural networks", GMD report 148.
    M. Lukoševičius (2012), "A practical guide to applying echo state networks", in Neural networks: tricks of the
    trade, 659-686, doi:10.1007/978-3-642-35289-8_36

    Examples
    --------
    >>> from rnnbp.cells import ElmanCell
    >>> cell = ElmanCell(3, 200, init=EchoState(0.95, input_scaling=0.5))
    >>> params = Parameters(cell.shapes())
    >>> cell.initialize(params, np.random.default_rng(0))
    >>> float(params.mask("w_hh").mean()), bool(abs(params["w_ih"]).max() <= 0.5), bool(params["b_ih"].any())
    (0.1, True, False)
    """

    spectral_radius: float = 0.9
    density: float = 0.1
    input_scaling: float = 1.0
    bias_scaling: float = 0.0

    def __post_init__(self) -> None:
        number("spectral_radius", self.spectral_radius, 0)
        number("density", self.density, 0, 1, open_low=True)
        number("input_scaling", self.input_scaling, 0)
        number("bias_scaling", self.bias_scaling, 0)

    def __call__(self, cell: Gated, params: Parameters, rng: np.random.Generator) -> None:
        SpectralRadius(self.spectral_radius, Sparse(self.density, self._unscaled))(cell, params, rng)

    def _unscaled(self, cell: Gated, params: Parameters, rng: np.random.Generator) -> None:
        """Fill in input weights and biases, and recurrent weights to be made sparse and scaled."""
        biased = False
        for name, value in params.items():
            if name.startswith("w_hh"):
                value[...] = rng.standard_normal(value.shape)
            elif name.startswith("w"):
                value[...] = rng.uniform(-self.input_scaling, self.input_scaling, value.shape)
            else:
                value[...] = 0 if biased else rng.uniform(-self.bias_scaling, self.bias_scaling, value.shape)
                biased = True


INITIALIZERS = {
    "uniform": Uniform,
    "glorot": Glorot,
    "orthogonal": Orthogonal,
    "identity": Identity,
    "forget-bias": ForgetBias,
    "chrono": Chrono,
    "sparse": Sparse,
    "spectral-radius": SpectralRadius,
    "echo-state": EchoState,
}

__all__ = [
    "INITIALIZERS",
    "Chrono",
    "EchoState",
    "ForgetBias",
    "Glorot",
    "Identity",
    "Initializer",
    "Orthogonal",
    "Sparse",
    "SpectralRadius",
    "Uniform",
]


def __dir__() -> list[str]:
    """Return the public names, for tab completion."""
    return __all__
