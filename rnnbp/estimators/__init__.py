"""scikit-learn estimators over sequences of different lengths, and their static twins."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
