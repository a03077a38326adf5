"""Checkpointed BPTT: states instead of tapes, and what lies between them run again."""

from rnnbp.gradients.checkpointing.budget import Plan, Sizes, bytes_of, plan_within
from rnnbp.gradients.checkpointing.runner import Checkpointed
from rnnbp.gradients.checkpointing.schedules import hold_states, hold_tapes, states_evaluations, tapes_evaluations

__all__ = [
    "Checkpointed",
    "Plan",
    "Sizes",
    "bytes_of",
    "hold_states",
    "hold_tapes",
    "plan_within",
    "states_evaluations",
    "tapes_evaluations",
]
