"""Layers: what a model is made of."""

from rnnbp.layers.base import Layer, Run
from rnnbp.layers.ends import Ends
from rnnbp.layers.fixed_point import FixedPoint, Settled
from rnnbp.layers.pooling import Last, MeanOverTime, TimeStatistics
from rnnbp.layers.recurrent import Bidirectional, MultiLayer, Recurrent
from rnnbp.layers.short import GRU, LSTM, Elman, Jordan, LeakyElman, OriginalGRU
from rnnbp.layers.short_spiking import ALIF, LIF
from rnnbp.layers.simple import Dense, Dropout, Embedding, Noise, Normalize
from rnnbp.layers.window import Flatten, Resample, Window

__all__ = [
    "ALIF",
    "GRU",
    "LIF",
    "LSTM",
    "Bidirectional",
    "Dense",
    "Dropout",
    "Elman",
    "Embedding",
    "Ends",
    "FixedPoint",
    "Flatten",
    "Jordan",
    "Last",
    "Layer",
    "LeakyElman",
    "MeanOverTime",
    "MultiLayer",
    "Noise",
    "Normalize",
    "OriginalGRU",
    "Recurrent",
    "Resample",
    "Run",
    "Settled",
    "TimeStatistics",
    "Window",
]
