"""Cells: one file each, with the step and its two vector-Jacobian products."""

from rnnbp.cells.base import Cell, state_jacobian
from rnnbp.cells.elman import ElmanCell
from rnnbp.cells.gru import GRUCell, OriginalGRUCell
from rnnbp.cells.jordan import JordanCell
from rnnbp.cells.leaky import LeakyElmanCell
from rnnbp.cells.lstm import LSTMCell
from rnnbp.cells.outer import Outer
from rnnbp.cells.spiking import ALIFCell, LIFCell
from rnnbp.cells.stack import Stack

__all__ = [
    "ALIFCell",
    "Cell",
    "ElmanCell",
    "GRUCell",
    "JordanCell",
    "LIFCell",
    "LSTMCell",
    "LeakyElmanCell",
    "OriginalGRUCell",
    "Outer",
    "Stack",
    "state_jacobian",
]
