"""Losses, with their gradients with respect to the outputs."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
