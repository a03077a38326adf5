"""Applications built with the rest of the package: NETtalk and spoken digits."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
