"""Layers: what a model is made of."""

from rnnbp.layers.base import Layer, Run
from rnnbp.layers.bidirectional import Bidirectional
from rnnbp.layers.cell_layer import CellLayer, StackedLayer
from rnnbp.layers.elman import Elman
from rnnbp.layers.ends import Ends
from rnnbp.layers.fixed_point import FixedPoint, FixedPointSolution
from rnnbp.layers.gru import GRU, OriginalGRU
from rnnbp.layers.jordan import Jordan
from rnnbp.layers.leaky import LeakyElman
from rnnbp.layers.lstm import LSTM
from rnnbp.layers.multi_layer import MultiLayer
from rnnbp.layers.pooling import Last, MeanOverTime, TimeStatistics
from rnnbp.layers.recurrent import Recurrent
from rnnbp.layers.simple import Dense, Dropout, Embedding, Noise, Normalize
from rnnbp.layers.spiking import ALIF, LIF
from rnnbp.layers.window import Flatten, Resample, Window

__all__ = [
    "ALIF",
    "GRU",
    "LIF",
    "LSTM",
    "Bidirectional",
    "CellLayer",
    "Dense",
    "Dropout",
    "Elman",
    "Embedding",
    "Ends",
    "FixedPoint",
    "FixedPointSolution",
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
    "StackedLayer",
    "TimeStatistics",
    "Window",
]
