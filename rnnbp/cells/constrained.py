"""Base class of declared cells whose recurrent weights are a linear function of free ones."""

from typing import ClassVar

import numpy as np

from rnnbp.cells.base import Array, Residuals, Weights
from rnnbp.cells.declared.cell import DeclaredCell, overrides_nothing
from rnnbp.core import Parameters


class ConstrainedCell(DeclaredCell):
    """Base class of declared cells in whose equation the recurrent weights are a linear function of ``w_hh``.

    A declaration has weights, but no functions of them. This class replaces ``w_hh`` in the derived step by
    `constrained` of it, and its gradient likewise; so do its kernels in NumPy. It has no compiled kernel.

    Attributes
    ----------
    constraint : str
        The recurrent weights R as a function of the free ones V, in LaTeX.
    """

    constraint: ClassVar[str]

    def constrained(self, weight: Array) -> Array:
        """Return the recurrent weights (H, H) for the free ones (H, H).

        A linear and self-adjoint map, which is its own vector-Jacobian product.
        """
        raise NotImplementedError

    def latex(self) -> str:
        """Return the equation and the constraint in LaTeX, with an environment ``aligned``."""
        last = r"\end{aligned}"
        return super().latex().replace(f"\n{last}", f" \\\\\n{self.constraint}\n{last}")

    def step(self, params: Weights, state: Array, x: Array) -> tuple[Array, Residuals]:
        return super().step(self.with_constrained(params), state, x)

    def step_vjp(
        self, params: Weights, state: Array, x: Array, residuals: Residuals, d_next: Array
    ) -> tuple[Array, Array, Array]:
        return super().step_vjp(self.with_constrained(params), state, x, residuals, d_next)

    def param_vjp(self, state: Array, x: Array, residuals: Residuals, delta: Array, grad: Parameters) -> None:
        own = grad.zeros()
        super().param_vjp(state, x, residuals, delta, own)
        self.add_gradient(own, grad)

    @property
    def is_constrained(self) -> bool:
        """Whether equation and constraint say it all: not in a subclass that overrides a method derived from them."""
        return overrides_nothing(type(self), ConstrainedCell)

    def with_constrained(self, params: Weights) -> dict[str, np.ndarray]:
        """Return the parameters with R in place of ``w_hh``."""
        return {**dict(params.items()), "w_hh": self.constrained(params["w_hh"])}

    def add_gradient(self, own: Parameters, grad: Parameters) -> None:
        """Add a gradient with respect to R, in place of ``w_hh``, to `grad`; `own` is overwritten."""
        own["w_hh"] = self.constrained(own["w_hh"])
        grad.vector += own.vector
