"""Table of the optimizers by name."""

from rnnbp.optimizers.adam import Adam, AdamW
from rnnbp.optimizers.base import Optimizer
from rnnbp.optimizers.lbfgs import LBFGS
from rnnbp.optimizers.newton_cg import NewtonCG
from rnnbp.optimizers.ridge import Ridge
from rnnbp.optimizers.rmsprop import RMSprop
from rnnbp.optimizers.rprop import Rprop
from rnnbp.optimizers.sgd import SGD, Momentum, Nesterov

OPTIMIZERS: dict[str, type[Optimizer]] = {
    o.name: o for o in (SGD, Momentum, Nesterov, Rprop, RMSprop, Adam, AdamW, LBFGS, NewtonCG, Ridge)
}
