"""From outputs at every step to labels: what a net that was trained by `rnnbp.CTC` says, and when.

`greedy` takes the best path, `beam_search` the best labels, with n-grams if there are some; `align` finds when labels
that are known were said. All take the outputs (T, K) of one sequence.
"""

from rnnbp.decoding.alignment import Alignment, align
from rnnbp.decoding.beam import Hypothesis, beam_search
from rnnbp.decoding.greedy import greedy
from rnnbp.decoding.ngram import NGram

__all__ = ["Alignment", "Hypothesis", "NGram", "align", "beam_search", "greedy"]
