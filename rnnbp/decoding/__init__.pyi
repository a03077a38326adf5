from rnnbp.decoding.alignment import Alignment as Alignment
from rnnbp.decoding.alignment import align as align
from rnnbp.decoding.beam import Hypothesis as Hypothesis
from rnnbp.decoding.beam import beam_search as beam_search
from rnnbp.decoding.best_path import greedy as greedy
from rnnbp.decoding.ngram import NGram as NGram
from rnnbp.decoding.sampling import sample_tokens as sample_tokens
