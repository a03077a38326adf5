"""Datasets: one loader, or one family of generators, a file."""

from rnnbp.datasets.arabic_digits import load_spoken_arabic_digits
from rnnbp.datasets.catalog import catalog, feature_of, load
from rnnbp.datasets.cmudict import load_cmudict
from rnnbp.datasets.digit_strings import load_digit_strings
from rnnbp.datasets.digits import load_digit_rows, load_digits
from rnnbp.datasets.faces import load_faces
from rnnbp.datasets.labels import ByFolder, ByName, ByTable
from rnnbp.datasets.nettalk import load_nettalk
from rnnbp.datasets.orl_faces import load_orl_faces
from rnnbp.datasets.pgm import read_pgm
from rnnbp.datasets.reber import embedded_reber, reber
from rnnbp.datasets.recordings import load_recordings
from rnnbp.datasets.registry import data_folder, fetch
from rnnbp.datasets.signals import (
    mackey_glass,
    mackey_glass_series,
    sine_mixtures,
    synthetic_vowel_strings,
    synthetic_vowels,
)
from rnnbp.datasets.speech_commands import load_speech_commands
from rnnbp.datasets.spoken_digits import load_spoken_digits
from rnnbp.datasets.sunspots import load_sunspots, sunspot_numbers
from rnnbp.datasets.synthetic_words import synthetic_word, write_synthetic_digits
from rnnbp.datasets.tasks import adding_problem, copy_memory, delayed_recall, parity, temporal_xor
from rnnbp.datasets.timit import load_timit, read_segments
from rnnbp.datasets.ts import interpolate, read_ts
from rnnbp.datasets.ts_writer import write_ts
from rnnbp.datasets.vowels import load_japanese_vowels

__all__ = [
    "ByFolder",
    "ByName",
    "ByTable",
    "adding_problem",
    "catalog",
    "copy_memory",
    "data_folder",
    "delayed_recall",
    "embedded_reber",
    "feature_of",
    "fetch",
    "interpolate",
    "load",
    "load_cmudict",
    "load_digit_rows",
    "load_digit_strings",
    "load_digits",
    "load_faces",
    "load_japanese_vowels",
    "load_nettalk",
    "load_orl_faces",
    "load_recordings",
    "load_speech_commands",
    "load_spoken_arabic_digits",
    "load_spoken_digits",
    "load_sunspots",
    "load_timit",
    "mackey_glass",
    "mackey_glass_series",
    "parity",
    "read_pgm",
    "read_segments",
    "read_ts",
    "reber",
    "sine_mixtures",
    "sunspot_numbers",
    "synthetic_vowel_strings",
    "synthetic_vowels",
    "synthetic_word",
    "temporal_xor",
    "write_synthetic_digits",
    "write_ts",
]
