"""Sequence datasets and batches: validation, sorting by length, splits and standardization."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
