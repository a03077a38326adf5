"""Comparison of static and recurrent networks on the same data: models, runs, report and plots."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
