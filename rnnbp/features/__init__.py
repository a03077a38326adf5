"""Features of speech: framing, spectra, cepstra, linear prediction, augmentation and normalisation.

Every function takes one channel of samples y (n,) and returns features with time first, (T, F), the layout that `rnnbp`
trains on; librosa has (F, T). Parameters have librosa's names.
"""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
