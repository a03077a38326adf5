"""Declared cells that several tests use: the package's cells, and some of the literature."""

from rnnbp.cells import IndRNNCell as IndRNN
from rnnbp.cells import MGUCell as MinimalGated
from rnnbp.cells import PeepholeLSTMCell as Peephole
from rnnbp.cells.declared import DeclaredCell, affine, cos, exp, linear, maximum, sigmoid, sin, softplus, tanh

__all__ = ["ExponentialDecay", "Highway", "IndRNN", "MinGRU", "MinimalGated", "Peephole", "Rotation", "Stabilised"]


class MinGRU(DeclaredCell):
    """The package's with a candidate that has no name, but is a term of a difference."""

    @staticmethod
    def update(x, h):
        z = sigmoid(affine("update", x))
        return h + z * (affine("new", x) - h)


class Stabilised(DeclaredCell):
    """Exponential gates with a stabiliser, as an sLSTM's: c / n, with the greatest exponent so far, m, taken out."""

    state = "h c n m"

    @staticmethod
    def update(x, h, c, n, m):
        i, f = affine("input", x, h), -softplus(-affine("forget", x, h))
        m_next = maximum(f + m, i)
        i, f = exp(i - m_next), exp(f + m - m_next)
        c = f * c + i * tanh(affine("cell", x, h))
        n = f * n + i
        return sigmoid(affine("output", x, h)) * (c / n), c, n, m_next


class Highway(DeclaredCell):
    """Depth in time: two steps of recurrence for one input, whose number is a field."""

    depth: int = 2

    @staticmethod
    def update(x, h, depth):
        for k in range(depth):
            inputs = (x, h) if k == 0 else (h,)
            t = sigmoid(affine(f"transform{k}", *inputs))
            h = h + t * (tanh(affine(f"new{k}", *inputs)) - h)
        return h


class ExponentialDecay(DeclaredCell):
    """A parameter that enters by a function of its own, and a square."""

    parameters = "rate"

    @staticmethod
    def update(x, h, rate):
        decay = exp(-exp(rate))
        return decay * h + (1 - decay**2) * linear("h", x)


class Rotation(DeclaredCell):
    """Sine and cosine of pre-activations: a rotation by an angle that depends on the input."""

    state = "re im"

    @staticmethod
    def update(x, re, im):
        angle = affine("angle", x)
        return cos(angle) * re - sin(angle) * im, sin(angle) * re + cos(angle) * im
