"""Declared cells that several tests use: the package's cells, and some of the literature."""

from rnnbp.cells.declared import DeclaredCell, affine, cos, exp, linear, maximum, relu, sigmoid, sin, softplus, tanh


class Peephole(DeclaredCell):
    state, parameters = "h c", "p_i p_f p_o"

    @staticmethod
    def update(x, h, c, p_i, p_f, p_o):
        i = sigmoid(affine("input", x, h) + p_i * c)
        f = sigmoid(affine("forget", x, h) + p_f * c)
        g = tanh(affine("cell", x, h))
        c = f * c + i * g
        o = sigmoid(affine("output", x, h) + p_o * c)
        return o * tanh(c), c


class MinimalGated(DeclaredCell):
    @staticmethod
    def update(x, h):
        f = sigmoid(affine("forget", x, h))
        return h + f * (tanh(affine("new", x, f * h)) - h)


class IndRNN(DeclaredCell):
    parameters = "u"

    @staticmethod
    def update(x, h, u):
        return relu(affine("h", x) + u * h)


class MinGRU(DeclaredCell):
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
