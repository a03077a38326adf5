"""Reproduction: published and recorded figures, tables made from them, and the runs that give them again."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
