"""NETtalk: networks that learn to read aloud, from letters to phonemes."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
