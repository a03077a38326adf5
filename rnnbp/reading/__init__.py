"""NETtalk again: nets that learn to read aloud, letters to phonemes."""

from rnnbp.reading.alignment import align
from rnnbp.reading.features import best_guess, encode, phoneme_features
from rnnbp.reading.lexicon import Lexicon, spoken, unstressed
from rnnbp.reading.nets import recurrent_net, window_net
from rnnbp.reading.readers import CTCReader, FeatureReader, Reader
from rnnbp.reading.scores import letters_right, pronunciation_errors, scores
from rnnbp.reading.spelling import LETTERS, one_hot, split_words, tokens

__all__ = [
    "LETTERS",
    "CTCReader",
    "FeatureReader",
    "Lexicon",
    "Reader",
    "align",
    "best_guess",
    "encode",
    "letters_right",
    "one_hot",
    "phoneme_features",
    "pronunciation_errors",
    "recurrent_net",
    "scores",
    "split_words",
    "spoken",
    "tokens",
    "unstressed",
    "window_net",
]
