"""Optimizers, one per file, gradient clipping and learning-rate schedules."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
