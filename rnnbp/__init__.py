"""Backpropagation through time on NumPy: one cell, every way to run it and every way to differentiate it."""

from rnnbp import cells, datasets, initializers, layers, losses, metrics, optimizers, schedules
from rnnbp.cells import ElmanCell, GRUCell, JordanCell, LSTMCell, OriginalGRUCell, Stack
from rnnbp.clipping import ClipNorm, ClipValue
from rnnbp.compare import compare
from rnnbp.data import SequenceBatch, SequenceDataset
from rnnbp.epochs import TrainingDivergedError
from rnnbp.gradients import (
    BPTT,
    Backprop,
    ComplexStep,
    FiniteDifference,
    GradientReport,
    TruncatedBPTT,
    check_gradient,
)
from rnnbp.initializers import Chrono, ForgetBias, Glorot, Identity, Orthogonal, Uniform
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
    Layer,
    MeanOverTime,
    Normalize,
    OriginalGRU,
    Recurrent,
    Resample,
    TimeStatistics,
    Window,
)
from rnnbp.losses import BinaryCrossEntropy, CrossEntropy, Loss, MeanSquaredError
from rnnbp.models import Sequential, load
from rnnbp.optimizers import LBFGS, SGD, Adam, AdamW, Momentum, Nesterov, RMSprop, Rprop
from rnnbp.params import Parameters
from rnnbp.report import Report
from rnnbp.schedules import Constant, Cosine, OnPlateau, StepDecay, WarmUp
from rnnbp.stopping import EarlyStopping
from rnnbp.training import Trainer

__version__ = "0.1.0"

__all__ = [
    "BPTT",
    "GRU",
    "LBFGS",
    "LSTM",
    "SGD",
    "Adam",
    "AdamW",
    "Backprop",
    "Bidirectional",
    "BinaryCrossEntropy",
    "Chrono",
    "ClipNorm",
    "ClipValue",
    "ComplexStep",
    "Constant",
    "Cosine",
    "CrossEntropy",
    "Dense",
    "Dropout",
    "EarlyStopping",
    "Elman",
    "ElmanCell",
    "Embedding",
    "FiniteDifference",
    "Flatten",
    "ForgetBias",
    "GRUCell",
    "Glorot",
    "GradientReport",
    "Identity",
    "Jordan",
    "JordanCell",
    "LSTMCell",
    "Last",
    "Layer",
    "Loss",
    "MeanOverTime",
    "MeanSquaredError",
    "Momentum",
    "Nesterov",
    "Normalize",
    "OnPlateau",
    "OriginalGRU",
    "OriginalGRUCell",
    "Orthogonal",
    "Parameters",
    "RMSprop",
    "Recurrent",
    "Report",
    "Resample",
    "Rprop",
    "SequenceBatch",
    "SequenceDataset",
    "Sequential",
    "Stack",
    "StepDecay",
    "TimeStatistics",
    "Trainer",
    "TrainingDivergedError",
    "TruncatedBPTT",
    "Uniform",
    "WarmUp",
    "Window",
    "cells",
    "check_gradient",
    "compare",
    "datasets",
    "initializers",
    "layers",
    "load",
    "losses",
    "metrics",
    "optimizers",
    "schedules",
]
