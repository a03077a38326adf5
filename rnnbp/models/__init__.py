"""Models: a stack of layers over one parameter vector, and predictions."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
