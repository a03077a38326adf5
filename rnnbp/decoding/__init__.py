"""Decoding of CTC outputs: from outputs (T, K) of one sequence to labels, and to the times of known labels.

`greedy` decodes the most probable path, `beam_search` the most probable labels, optionally with an n-gram language
model; `align` computes the forced alignment of known labels.
"""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
