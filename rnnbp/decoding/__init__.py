"""Decoding of CTC outputs: from outputs (T, K) of one sequence to labels, and to the times of known labels.

`greedy` decodes the most probable path, `beam_search` the most probable labels, optionally with an n-gram language
model; `align` computes the forced alignment of known labels.
"""

from rnnbp.decoding.alignment import Alignment, align
from rnnbp.decoding.beam import Hypothesis, beam_search
from rnnbp.decoding.best_path import greedy
from rnnbp.decoding.ngram import NGram

__all__ = ["Alignment", "Hypothesis", "NGram", "align", "beam_search", "greedy"]
