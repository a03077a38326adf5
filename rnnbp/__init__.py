"""Backpropagation through time on NumPy: one cell, every way to run it and every way to differentiate it."""

from rnnbp.runtime.lazy_imports import attach

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = attach(__name__, __file__)
