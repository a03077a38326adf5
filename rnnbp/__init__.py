"""Backpropagation through time on NumPy: one cell, every way to run it and every way to differentiate it."""

from rnnbp import cells, datasets, initializers, layers
from rnnbp.cells import ElmanCell, GRUCell, JordanCell, LSTMCell, OriginalGRUCell, Stack
from rnnbp.data import SequenceBatch, SequenceDataset
from rnnbp.gradients import BPTT, Backprop, ComplexStep, FiniteDifference, TruncatedBPTT, check_gradient
from rnnbp.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    Dropout,
    Elman,
    Embedding,
    Flatten,
    Jordan,
    Last,
    MeanOverTime,
    OriginalGRU,
    Recurrent,
    Resample,
    TimeStatistics,
    Window,
)
from rnnbp.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError
from rnnbp.models import Sequential
from rnnbp.optimizers import LBFGS, SGD, Adam, AdamW, Momentum, Nesterov, RMSprop, Rprop
from rnnbp.params import Parameters
