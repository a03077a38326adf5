"""Checkpointed BPTT: some states are stored, and the segments between them are run again."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
