"""API reference: HTML pages of every public name, built by ``python -m rnnbp.reference`` with the extra `docs`."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
