"""Branches side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rnnbp.cells.base import Array
from rnnbp.core import Parameters
from rnnbp.layers.base import Evaluate, Layer, Residuals, Run, Shape, State, format_shape
from rnnbp.layers.chain import checked_layers, none_or, scopes_of, shapes_of
from rnnbp.runtime import refuses_by_name


@refuses_by_name
@dataclass(frozen=True, init=False, repr=False)
class Parallel(Layer):
    """Branches side by side, all of the same input, whose outputs are concatenated: (..., F) -> (..., K1 + K2 + ...).

    A branch of several layers is a `Chain`. The parameters are named ``"0.w"`` for the `w` of the first branch. The
    state is a list of those of the branches, None if none of them has one.

    Parameters
    ----------
    *branches : Layer
        At least one. Their outputs differ in the number of features alone.

    Raises
    ------
    ValueError
        If there is no branch, or one is no layer; when used, if outputs do not fit side by side.

    Examples
    --------
    Convolutions over two spans of time, of which the features are side by side:

    >>> from rnnbp.layers import Conv1D
    >>> Parallel(Conv1D(3, 8, 2), Conv1D(3, 4, 9)).out_shape(("T", "B", 3))
    ('T', 'B', 12)
    """

    branches: tuple[Layer, ...]

    def __init__(self, *branches: Layer) -> None:
        object.__setattr__(self, "branches", checked_layers(type(self).__name__, branches))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.branches))})"

    @property
    def causal(self) -> bool:  # type: ignore[override]
        """Whether all branches are causal."""
        return all(branch.causal for branch in self.branches)

    @property
    def recurrent(self) -> bool:  # type: ignore[override]
        """Whether a branch runs a cell."""
        return any(branch.recurrent for branch in self.branches)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return shapes_of(self.branches)

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        for branch, scope in zip(self.branches, scopes_of(self.branches, params), strict=True):
            branch.initialize(scope, rng)

    def out_shape(self, shape: Shape) -> Shape:
        shapes = []
        for i, branch in enumerate(self.branches):
            try:
                shapes.append(branch.out_shape(shape))
            except ValueError as error:
                raise ValueError(f"Parallel, branch {i}: {error}") from None
            if shapes[i][:-1] != shapes[0][:-1]:
                raise ValueError(
                    f"Parallel takes branches whose outputs differ in features alone, got {format_shape(shapes[i])} of "
                    f"branch {i} beside {format_shape(shapes[0])}"
                )
        if shapes[0][0] == "T" and len({int(branch.out_lengths(np.array([1000]))[0]) for branch in self.branches}) > 1:
            raise ValueError("Parallel takes branches with the same number of steps: give Conv1D the same stride")
        sizes = [one[-1] for one in shapes]
        return (*shapes[0][:-1], None if None in sizes else sum(sizes))  # type: ignore[arg-type]

    def out_lengths(self, lengths: Array) -> Array:
        return self.branches[0].out_lengths(lengths) if self._per_step else lengths

    @cached_property
    def _per_step(self) -> bool:
        """Whether the outputs have a time axis."""
        return self.out_shape(("T", "B", None))[0] == "T"

    def forward(self, params: Parameters, x: Array, run: Run, state: State = None) -> tuple[Array, Residuals, State]:
        states = [None] * len(self.branches) if state is None else state
        scopes = scopes_of(self.branches, params)
        found = [b.forward(scope, x, run, s) for b, scope, s in zip(self.branches, scopes, states, strict=True)]
        outputs, residuals, after = zip(*found, strict=True)
        return np.concatenate(outputs, axis=-1), (residuals, [y.shape[-1] for y in outputs]), none_or(list(after))

    def prepare(self, params: Parameters) -> Evaluate:
        scopes = scopes_of(self.branches, params)
        passes = [branch.prepare(scope) for branch, scope in zip(self.branches, scopes, strict=True)]

        def evaluate(x: Array, run: Run, state: State) -> tuple[Array, State]:
            states = [None] * len(passes) if state is None else state
            outputs, after = zip(*(one(x, run, s) for one, s in zip(passes, states, strict=True)), strict=True)
            return np.concatenate(outputs, axis=-1), none_or(list(after))

        return evaluate

    def backward(
        self, params: Parameters, residuals: Residuals, dy: Array, grad: Parameters, d_state: State = None
    ) -> tuple[Array, State]:
        own, sizes = residuals
        parts: Sequence[Array] = np.split(dy, np.cumsum(sizes)[:-1], axis=-1)
        d_after = [None] * len(self.branches) if d_state is None else d_state
        given = zip(scopes_of(self.branches, params), own, parts, scopes_of(self.branches, grad), d_after, strict=True)
        found = [branch.backward(*one) for branch, one in zip(self.branches, given, strict=True)]
        dx, before = zip(*found, strict=True)
        return sum(dx[1:], dx[0]), none_or(list(before))
