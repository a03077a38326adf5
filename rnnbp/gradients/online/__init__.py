"""Online algorithms, without a way back through time: one file each. `base` walks through time, `chain` makes a model
one cell, `linear` says how a step depends on the state before and on the parameters, `structure` and `folded` where it
does at all.
"""

from rnnbp.gradients.online.base import Influence, Online
from rnnbp.gradients.online.blocks import BlockRTRL
from rnnbp.gradients.online.eprop import EProp
from rnnbp.gradients.online.feedback import Feedback, RandomFeedback, SymmetricFeedback
from rnnbp.gradients.online.kf_rtrl import KFRTRL
from rnnbp.gradients.online.rflo import RFLO
from rnnbp.gradients.online.rtrl import RTRL
from rnnbp.gradients.online.snap import SnAp
from rnnbp.gradients.online.uoro import UORO

__all__ = [
    "KFRTRL",
    "RFLO",
    "RTRL",
    "UORO",
    "BlockRTRL",
    "EProp",
    "Feedback",
    "Influence",
    "Online",
    "RandomFeedback",
    "SnAp",
    "SymmetricFeedback",
]
