"""Cells: one file each, with the step and its two vector-Jacobian products."""

from rnnbp.cells.base import Cell, state_jacobian
from rnnbp.cells.elman import ElmanCell
from rnnbp.cells.gru import GRUCell, OriginalGRUCell
from rnnbp.cells.jordan import JordanCell
from rnnbp.cells.lstm import LSTMCell
from rnnbp.cells.stack import Stack

__all__ = [
    "Cell",
    "ElmanCell",
    "GRUCell",
    "JordanCell",
    "LSTMCell",
    "OriginalGRUCell",
    "Stack",
    "state_jacobian",
]
