"""Gradient algorithms: one file each; `base` holds the protocol."""

from rnnbp.gradients.adaptive import AdaptiveTruncation, Choice
from rnnbp.gradients.artbp import ARTBP, Geometric, PowerLaw, Truncation
from rnnbp.gradients.backprop import Backprop
from rnnbp.gradients.base import Cost, Gradient, GradientAlgorithm
from rnnbp.gradients.bptt import BPTT
from rnnbp.gradients.check import GradientReport, check_gradient
from rnnbp.gradients.claims import Claim, Guarantee
from rnnbp.gradients.decay import Decay, error_decay
from rnnbp.gradients.forward import ForwardGradient, Tangent, jvp
from rnnbp.gradients.numerical import ComplexStep, FiniteDifference
from rnnbp.gradients.online import KFRTRL, RFLO, RTRL, UORO, BlockRTRL, EProp, RandomFeedback, SnAp, SymmetricFeedback
from rnnbp.gradients.recurrent_backprop import Adjoints, RecurrentBackprop
from rnnbp.gradients.second_order import Curvature, hvp
from rnnbp.gradients.spectral_penalty import SpectralPenalty
from rnnbp.gradients.truncated import TruncatedBPTT

__all__ = [
    "ARTBP",
    "BPTT",
    "KFRTRL",
    "RFLO",
    "RTRL",
    "UORO",
    "AdaptiveTruncation",
    "Adjoints",
    "Backprop",
    "BlockRTRL",
    "Choice",
    "Claim",
    "ComplexStep",
    "Cost",
    "Curvature",
    "Decay",
    "EProp",
    "FiniteDifference",
    "ForwardGradient",
    "Geometric",
    "Gradient",
    "GradientAlgorithm",
    "GradientReport",
    "Guarantee",
    "PowerLaw",
    "RandomFeedback",
    "RecurrentBackprop",
    "SnAp",
    "SpectralPenalty",
    "SymmetricFeedback",
    "Tangent",
    "TruncatedBPTT",
    "Truncation",
    "check_gradient",
    "error_decay",
    "hvp",
    "jvp",
]
