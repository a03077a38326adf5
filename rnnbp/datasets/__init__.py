"""Datasets: one loader, or one family of generators, a file."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
