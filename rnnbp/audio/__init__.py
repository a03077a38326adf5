"""Files of recordings and features: WAV and NIST SPHERE, FLAC and OGG with the extra `audio`; HTK and Kaldi."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
