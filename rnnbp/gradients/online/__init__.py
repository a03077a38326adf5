"""Online algorithms, without a way back through time: one file each. `base` walks through time, `chain` makes a model
one cell, `linear` says how a step depends on the state before and on the parameters, `structure` and `folded` where it
does at all.
"""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
