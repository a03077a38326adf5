"""Models: layers in a row over one parameter vector, and what a trained model predicts."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
