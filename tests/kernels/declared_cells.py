"""The declared cells whose kernels are tested: the package's, those of `declarations`, and some odd ones."""

import inspect

import declarations

import rnnbp.cells
from rnnbp.cells.declared import DeclaredCell, affine, linear, stop_gradient, tanh


class TwoSources(DeclaredCell):
    """Two states multiplied by weights, a source between gates, and a first state that is not multiplied."""

    state = "y z v"

    @staticmethod
    def update(x, y, z, v):
        z_next = tanh(affine("z", x, z) + linear("z_of_v", v))
        v_next = 0.9 * v + tanh(affine("v", z_next)) * z
        return tanh(linear("y", x, v_next) + y), z_next, v_next


class Autonomous(DeclaredCell):
    """A cell without input."""

    @staticmethod
    def update(h):
        return tanh(affine("h", h))


class Echo(DeclaredCell):
    """States that are handed on: the output is that of two steps before."""

    state = "h g"

    @staticmethod
    def update(x, h, g):
        return g, tanh(affine("g", x))


class Decay(DeclaredCell):
    """A cell without parameters."""

    tau: float = 3.0

    @staticmethod
    def update(h, tau):
        return h - h / tau


class Detached(DeclaredCell):
    """Weights whose gradient is zero, and a state that nothing reads."""

    state = "h g"

    @staticmethod
    def update(x, h):
        return tanh(affine("h", x, h)), stop_gradient(linear("fixed", x))


class Six(DeclaredCell):
    """More gates than one product computes."""

    @staticmethod
    def update(x, h):
        gates = [tanh(affine(f"g{k}", x, h)) for k in range(6)]
        return gates[0] * gates[1] + gates[2] * gates[3] - gates[4] * gates[5]


class Names(DeclaredCell):
    """Names that generated code uses itself."""

    state, parameters = "row y", "total"

    @staticmethod
    def update(x, row, y, total):
        d_row = tanh(affine("gates", x, row))
        work = total * y + d_row
        y_t = tanh(linear("delta", y)) * work
        return y_t, d_row * row + total


def _derived(module):
    """Return the declared cells of a module, by name."""
    found = inspect.getmembers(module, inspect.isclass)
    return {n: c for n, c in found if issubclass(c, DeclaredCell) and c is not DeclaredCell and c(1, 1).is_derived}


PACKAGE, OWN = _derived(rnnbp.cells), _derived(declarations)
ODD = {cls.__name__: cls for cls in (TwoSources, Autonomous, Echo, Decay, Detached, Six, Names)}
DECLARED = PACKAGE | OWN | ODD
CONSTRAINED = {cls.__name__: cls for cls in (rnnbp.cells.AntisymmetricRNNCell, rnnbp.cells.HopfieldCell)}
SOME = ("ElmanCell", "LeakyElmanCell", "LSTMCell", "GRUCell", "OriginalGRUCell", "LIFCell", "ALIFCell")
COMPILED = {name: PACKAGE[name] for name in SOME} | OWN | ODD  # all of the package's would take minutes to compile
