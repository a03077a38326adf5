"""Datasets: loaders and generators, one dataset or family of tasks a file."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
