"""A forward pass from reset to reset, and its backward pass.

The steps between two resets are run as any span of steps is. At a reset the rows of the state that are set back are
replaced by those of the initial state, which is the state after a run of no steps. In the backward pass the cotangent
of these rows belongs to the initial state, and is backpropagated through that run, so that an initial state that is
learned gets its gradient; none goes to the steps before.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from rnnbp.layers import Run
from rnnbp.layers.base import Array, Residuals, State
from rnnbp.models.states import add_states, map_states, only_rows, replace_rows

Unroll = Callable[[Array, Run, Sequence[State] | None], tuple[Array, Residuals, list[State]]]
Backward = Callable[[Residuals, Array, Sequence[State] | None], tuple[Array, list[State]]]


@dataclass(frozen=True)
class Span:
    """Steps without a reset but before the first one.

    Attributes
    ----------
    steps : slice
    reset : ndarray (B,) of bool, or None
        The sequences whose state was set back before the first step; None where none was.
    residuals
        Of its forward pass.
    initial
        Those of the run of no steps, whose final state is the initial state of these sequences.
    """

    steps: slice
    reset: Array | None
    residuals: Residuals
    initial: Residuals = None


@dataclass
class SpanResiduals:
    """The residuals of a forward pass from reset to reset.

    Attributes
    ----------
    spans : list of Span
    """

    spans: list[Span] = field(default_factory=list)

    @property
    def repeated(self) -> int:
        """Cell steps beyond one per time step."""
        return sum(getattr(own, "repeated", 0) for span in self.spans for own in span.residuals or ())


def spans_of(run: Run, steps: int) -> Iterator[tuple[slice, Array]]:
    """Yield the spans of steps between resets, each with the sequences that are reset before it.

    Examples
    --------
    >>> reset = np.array([[0, 0], [0, 1], [0, 0]], bool)
    >>> [(here, rows.tolist()) for here, rows in spans_of(Run(np.array([3, 3]), reset=reset), 3)]
    [(slice(0, 1, None), [False, False]), (slice(1, 3, None), [False, True])]
    """
    assert run.reset is not None
    starts = np.flatnonzero(run.reset.any(axis=1)).tolist()
    bounds = [*([] if 0 in starts else [0]), *starts, steps]
    return ((slice(a, b), run.reset[a]) for a, b in itertools.pairwise(bounds))


def unroll_spans(
    unroll: Unroll, x: Array, run: Run, states: Sequence[State] | None
) -> tuple[Array, SpanResiduals, list[State]]:
    """Run a forward pass from reset to reset.

    Parameters
    ----------
    unroll : callable
        The forward pass of some steps: inputs, run and states -> outputs, residuals and states.
    x : ndarray (T, B, F), or integers (T, B)
    run : Run
        With resets.
    states : list, optional
        Initial states. Default: each layer's own.
    """
    outputs, residuals, initial, own_initial = [], SpanResiduals(), None, None
    for here, rows in spans_of(run, len(x)):
        replaced = states is not None and bool(rows.any())
        if replaced:
            if initial is None or run.rng is not None:  # a random layer begins anew in every episode
                _, own_initial, initial = unroll(x[:1], Run(np.zeros_like(run.lengths), run.rng), None)
            if map_states(np.shape, list(states or ())) != map_states(np.shape, list(initial)):
                # a random layer's state has its mask in training alone: after a run of no steps it is as in this run
                states = unroll(x[:1], Run(np.zeros_like(run.lengths), run.rng), states)[2]
            states = replace_rows(states, initial, rows)
        lengths = np.clip(run.lengths - here.start, 0, here.stop - here.start)
        y, own, states = unroll(x[here], Run(lengths, run.rng), states)
        outputs.append(y)
        residuals.spans.append(Span(here, rows, own, own_initial) if replaced else Span(here, None, own))
    assert states is not None, "there is at least one span"
    return np.concatenate(outputs), residuals, list(states)


def backward_spans(
    backward: Backward, residuals: SpanResiduals, dy: Array, d_states: Sequence[State] | None
) -> tuple[Array, list[State]]:
    """Backpropagate through what `unroll_spans` did.

    Parameters
    ----------
    backward : callable
        The backward pass of some steps: residuals and cotangents of the outputs and of the final states -> cotangents
        of the inputs and of the initial states.
    residuals, dy, d_states
        As those of a model's backward pass.
    """
    found: list[Array] = []
    of_initial: dict[int, tuple[Residuals, State]] = {}
    for span in reversed(residuals.spans):
        dx, d_states = backward(span.residuals, dy[span.steps], d_states)
        found.append(dx)
        if span.reset is not None:
            _, others = of_initial.get(id(span.initial), (None, None))
            of_initial[id(span.initial)] = span.initial, add_states(others, only_rows(d_states, span.reset))
            d_states = only_rows(d_states, ~span.reset)
    for initial, d_initial in of_initial.values():
        backward(initial, np.zeros_like(dy[:1]), d_initial)
    return np.concatenate(found[::-1]), list(d_states or [])
