"""From outputs at every step to labels: what a net that was trained by CTC says."""

from rnnbp.decoding.greedy import greedy

__all__ = ["greedy"]
