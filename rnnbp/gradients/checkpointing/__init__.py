"""Checkpointed BPTT: some states are stored, and the segments between them are run again."""

from rnnbp.gradients.checkpointing.budget import Plan, Sizes, bytes_of, plan_within
from rnnbp.gradients.checkpointing.runner import Checkpointed, Segments
from rnnbp.gradients.checkpointing.schedules import (
    residuals_evaluations,
    snapshots_evaluations,
    store_residuals,
    store_snapshots,
)

__all__ = [
    "Checkpointed",
    "Plan",
    "Segments",
    "Sizes",
    "bytes_of",
    "plan_within",
    "residuals_evaluations",
    "snapshots_evaluations",
    "store_residuals",
    "store_snapshots",
]
