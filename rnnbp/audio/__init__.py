"""Recordings and features in files: WAV and NIST SPHERE, FLAC and OGG with the extra `audio`; HTK's and Kaldi's."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
