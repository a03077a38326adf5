"""Data-parallel training: several processes train one model, each on its part of every batch."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
