"""Reservoir computing: echo-state networks, online readouts, FORCE learning and memory capacity."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
