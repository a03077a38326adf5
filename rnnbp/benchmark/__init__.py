"""Benchmarks of this package against other libraries on the same machine, as run by `rnnbp bench`."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
