"""Gradient algorithms: BPTT in full, truncated and checkpointed, online algorithms, fixed points, numerical checks."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
