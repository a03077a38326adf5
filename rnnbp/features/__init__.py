"""Features of speech: frames, spectra, cepstra, linear prediction, and what is done to them before and after.

Everything takes one channel of samples y (n,) and gives features with time first, (T, F): what `rnnbp` trains on.
librosa has (F, T). Parameters are named as librosa names them.
"""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
