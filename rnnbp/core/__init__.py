"""Parameters in one flat vector, gradient buffers, activations and initializers."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
