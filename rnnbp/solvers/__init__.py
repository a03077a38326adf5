"""Solvers of fixed-point equations z = f(z), one file each.

The nonlinear solvers find fixed points and their adjoints; the linear ones (`Direct`, `GMRES`, `Neumann`) find adjoints
only, whose equation is linear.
"""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
