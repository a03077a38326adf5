"""Optimizers: one file each; `base` holds the step in blocks and the state."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
