"""Base class of cells that are declared by their equation."""

import copy
import hashlib
import inspect
from collections.abc import Callable, Hashable
from dataclasses import KW_ONLY, Field, FrozenInstanceError, dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Self, dataclass_transform

import numpy as np

from rnnbp.cells.base import Array, Residuals, Weights
from rnnbp.cells.declared.compiled_module import module_source
from rnnbp.cells.declared.compiled_plan import plan_of
from rnnbp.cells.declared.derivation import Derivation, constants_of, derivation_of, options_of
from rnnbp.cells.declared.expressions import EquationError
from rnnbp.cells.declared.latex import latex
from rnnbp.cells.declared.layout import Layout
from rnnbp.cells.declared.numpy_module import numpy_source
from rnnbp.cells.declared.numpy_plan import numpy_plan_of
from rnnbp.cells.declared.recording import INHERITED
from rnnbp.cells.outer import Outer
from rnnbp.core import Initializer, Parameters, Uniform, check_initializer
from rnnbp.runtime import choice, number, positive_int


class _Frozen:
    """Base class whose attributes cannot be assigned, whatever `dataclass` adds to subclasses."""

    def __setattr__(self, name: str, value: Any) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")


def overrides_nothing(cls: type, base: type) -> bool:
    """Return whether a class has the methods of a base class that are derived from the equation."""
    methods = ("step", "step_vjp", "param_vjp", "shapes", "state_size", "output_size")
    return all(getattr(cls, name) is getattr(base, name) for name in methods)


def _check_own_fields(cls: Any) -> None:
    """Take `state` and `parameters` as no fields if they have a type; raise if a field hides what is derived."""
    own = inspect.get_annotations(cls)
    if declared := {"state", "parameters", "update"} & own.keys():
        cls.__annotations__ = {**own, **dict.fromkeys(declared, ClassVar[Any])}
    for name in own.keys() - {*INHERITED, *declared, "_"}:
        if hasattr(DeclaredCell, name):
            raise EquationError(f"{cls.__name__}.{name} cannot be a field: it would hide what every cell calls {name}")


@dataclass_transform(frozen_default=True)
@dataclass(frozen=True)
class DeclaredCell(_Frozen):
    """Base class of a cell that is declared by its equation; everything else is derived from it.

    A subclass names its state and writes its equation in `update`, with the functions of `rnnbp.cells.declared`. It is
    a frozen dataclass without further ado: its fields are arguments of the cell.

    Parameters
    ----------
    input_size : int
        F, the number of features.
    hidden_size : int
        H, the number of units.
    init : Initializer, default Uniform()
        The initialization of the parameters; by keyword.

    Attributes
    ----------
    state : str
        The names of the parts of the state, each with H entries; the first is the output. Default ``"h"``.
    parameters : str
        The names of element-wise parameters, each (H,). Default: none.
    update : callable
        The equation. It is called once, with a symbol for each argument: `x`, the parts of the state, the element-wise
        parameters and the fields of the cell, matched by name. A field of type float is a symbol too, so that nothing
        is derived again when it changes; any other field, as the name of an activation, is passed as it is and chooses
        among equations. It returns the next state, a tuple if it has several parts.

    Raises
    ------
    ValueError
        If a size is not a positive integer, or the equation cannot be derived from.

    See Also
    --------
    rnnbp.cells.declared.affine : sources times weights, plus biases.

    Examples
    --------
    The minimal gated unit (G.-B. Zhou et al. 2016, arXiv:1603.09420):

    >>> from rnnbp.cells.declared import affine, sigmoid, tanh
    >>> class MinimalGatedUnit(DeclaredCell):
    ...     @staticmethod
    ...     def update(x, h):
    ...         f = sigmoid(affine("forget", x, h))
    ...         g = tanh(affine("new", x, f * h))
    ...         return h + f * (g - h)
    >>> cell = MinimalGatedUnit(3, 4)
    >>> cell.gates, cell.shapes()["w_hh"]
    (('forget', 'new'), (8, 4))
    >>> print(cell.source().split("\\n\\n\\n")[1])
    def step(params, state, x, constants):
        ...
    """

    input_size: int
    hidden_size: int
    _: KW_ONLY
    init: Initializer = field(default_factory=Uniform)

    state: ClassVar[str] = "h"
    parameters: ClassVar[str] = ""
    update: ClassVar[Callable[..., Any]]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _check_own_fields(cls)
        with_options = {name: value for name, value in vars(cls).items() if isinstance(value, Field)}
        dataclass(frozen=True)(cls)
        for name, value in with_options.items():  # so that a decorator @dataclass finds the class as it was
            setattr(cls, name, value)
        del cls.__setattr__, cls.__delattr__
        if "update" in vars(cls) and not isinstance(vars(cls)["update"], staticmethod):
            cls.update = staticmethod(vars(cls)["update"])

    def __post_init__(self) -> None:
        positive_int("input_size", self.input_size)
        positive_int("hidden_size", self.hidden_size)
        check_initializer("init", self.init)
        for name, value in constants_of(self).items():
            number(name, value)
        for name, value in self._options:
            if not isinstance(value, Hashable):
                raise EquationError(
                    f"{type(self).__name__}: {name} chooses among equations, so it must be hashable, as a name or an "
                    f"integer, got {value!r}; numbers that are trained are named in `parameters`"
                )
        self.constants  # noqa: B018 - a mistake in the equation, or a number it has no value for, is an error here

    # ---- what is derived ------------------------------------------------------------------------------------

    @cached_property
    def derivation(self) -> Derivation:
        """What is derived from the equation; one object for all cells with the same equation."""
        return derivation_of(type(self), self._options)

    @property
    def digest(self) -> str:
        """A digest of the equation, by which `rnnbp.load` notices that it has changed since a model was saved."""
        return hashlib.sha256(self.derivation.program.equation.structure.encode()).hexdigest()[:16]

    @cached_property
    def made(self) -> dict[Any, Any]:
        """The kernels of this cell, which `rnnbp.kernels` makes once."""
        return {}

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        found = memo[id(self)] = object.__new__(type(self))
        vars(found).update(copy.deepcopy(self.__getstate__(), memo), derivation=self.derivation)  # the same equation
        return found

    def __getstate__(self) -> dict[str, Any]:
        derived = ("derivation", "constants", "made", "is_derived", "_options")
        return {name: value for name, value in vars(self).items() if name not in derived}

    @cached_property
    def is_derived(self) -> bool:
        """Whether the equation says it all: not in a subclass that overrides a method that is derived from it."""
        return overrides_nothing(type(self), DeclaredCell)

    @property
    def layout(self) -> Layout:
        """The rows of the weights and the columns of delta."""
        return self.derivation.program.layout

    @cached_property
    def _options(self) -> tuple[tuple[str, Any], ...]:
        return options_of(self)

    @cached_property
    def constants(self) -> tuple[float, ...]:
        """The numbers that generated code takes from the fields, as exp(-1 / tau)."""
        return self.derivation.program.constant_values(constants_of(self))

    def source(self, backend: str = "step") -> str:
        """Return the code that was generated for a backend.

        Parameters
        ----------
        backend : {'step', 'numpy', 'compiled'}
            'step': one step, its vector-Jacobian products and the parameters' gradient. 'numpy' and 'compiled': the
            forward and the backward pass over time, in NumPy, and as Numba compiles it.
        """
        if choice("backend", backend, ("step", "numpy", "compiled")) == "step":
            return self.derivation.source
        program = self.derivation.program
        return numpy_source(numpy_plan_of(program)) if backend == "numpy" else module_source(plan_of(program))

    def latex(self) -> str:
        """Return the equation in LaTeX, with an environment ``aligned``; a notebook displays a cell by it.

        Values are called as in `update`, at step t, and the state before the step at t - 1. ``W_i`` and ``R_i`` are the
        rows of ``w_ih`` and ``w_hh`` of the gate whose value is i, ``b_i`` is the sum of its biases (``b_{W,i}`` and
        ``b_{R,i}`` where they enter separately), and a circled dot is the element-wise product.

        Examples
        --------
        >>> from rnnbp.cells.declared import affine, tanh
        >>> class Simple(DeclaredCell):
        ...     @staticmethod
        ...     def update(x, h):
        ...         return tanh(affine("h", x, h))
        >>> print(Simple(3, 4).latex())
        \\begin{aligned}
        h_t &= \\tanh(W x_t + R h_{t-1} + b)
        \\end{aligned}
        """
        return latex(self.derivation.program.equation)

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex()}\n$$"

    # ---- the protocol of cells ------------------------------------------------------------------------------

    @property
    def gates(self) -> tuple[str, ...]:
        """The names of the row blocks of the input's weights; none for a cell without gates."""
        return self.layout.gates

    def bias_rows(self, gate: str) -> dict[str, slice]:
        """Return where the biases of a gate are: rows of ``b_ih`` and ``b_hh``; initializers ask for it.

        Examples
        --------
        >>> from rnnbp.cells import LSTMCell
        >>> LSTMCell(2, 3).bias_rows("forget")
        {'b_ih': slice(3, 6, None), 'b_hh': slice(3, 6, None)}
        """
        rows = self.layout.bias_rows(gate)
        return {name: slice(k * self.hidden_size, (k + 1) * self.hidden_size) for name, k in rows.items()}

    @property
    def output_size(self) -> int:
        """H: the output is the first part of the state."""
        return self.hidden_size

    @property
    def state_size(self) -> int:
        """H for each part of the state."""
        return len(self.state.split()) * self.hidden_size

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the parameters: weights, biases, element-wise parameters."""
        return self.layout.shapes(self.input_size, self.hidden_size)

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        """Initialize `params` in place by `init`."""
        self.init(self, params, rng)

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        """Compute one step; the residuals are the values of the gates, in order, and what else is needed."""
        return self.derivation.step(params, state, x, self.constants)

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        """Compute the vector-Jacobian product of one step."""
        return self.derivation.step_vjp(params, state, x, residuals, d_next, self.constants)

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Array, grad: Parameters) -> None:
        """Add the gradient with respect to the parameters to `grad`."""
        self.derivation.param_vjp(state, x, residuals, delta, grad, self.constants)

    def outer_products(self, state: Array, x: Array, residuals: Residuals) -> tuple[Outer, ...]:
        """Return the outer products of which the gradient with respect to the parameters is the sum."""
        values = self.derivation.sources(state, x, residuals, self.constants)
        sources = [source for stage in self.derivation.program.stages for source in stage]
        return self.layout.outer_products(self.hidden_size, dict(zip(sources, values, strict=True)))
