"""Spoken digits: transcription, tests on held-out speakers, and robustness to noise."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
