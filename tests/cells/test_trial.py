"""An incomplete cell is refused where it is passed; the error names the missing or wrong method."""

from dataclasses import fields

import numpy as np
import pytest
from helpers import CELLS, SPIKING, LeakyCell

import rnnbp
from rnnbp.cells import ElmanCell, GRUCell, LSTMCell, Stack
from rnnbp.cells.trial import try_step
from rnnbp.layers import Bidirectional, FixedPoint, MultiLayer, Recurrent

TAKERS = {
    "Recurrent": Recurrent,
    "Bidirectional": Bidirectional,
    "FixedPoint": FixedPoint,
    "MultiLayer": lambda cell: MultiLayer((cell,)),
    "Stack": lambda cell: Stack((cell,)),
    "check_gradient": rnnbp.check_gradient,
}


class TwoValues(ElmanCell):
    def step_vjp(self, params, state, x, residuals, d_next):
        return super().step_vjp(params, state, x, residuals, d_next)[:2]


class OneValue(ElmanCell):
    def step(self, params, state, x):
        return super().step(params, state, x)[0]


class Sum(ElmanCell):
    def step(self, params, state, x):
        next_state, residuals = super().step(params, state, x)
        return next_state.sum(axis=0), residuals


class SwappedProducts(LSTMCell):
    def step_vjp(self, params, state, x, residuals, d_next):
        d_state, d_x, delta = super().step_vjp(params, state, x, residuals, d_next)
        return d_x, d_state, delta


class ResidualsInAList(ElmanCell):
    def step(self, params, state, x):
        next_state, residuals = super().step(params, state, x)
        return next_state, [residuals]


class ShapesForgotten(ElmanCell):
    def shapes(self):
        pass


class Unfinished:
    input_size = output_size = state_size = 2

    def shapes(self):
        return {}

    def initialize(self, params, rng):
        pass

    def step(self, params, state, x):
        return state, ()


WRONG = [
    (TwoValues(2, 2), r"TwoValues\.step_vjp must return \(d_state, d_x, delta\), got a tuple of 2"),
    (OneValue(2, 2), r"OneValue\.step must return \(next_state, residuals\), got ndarray"),
    (Sum(2, 3), r"Sum\.step must return next_state \(B, S\) = \(2, 3\) for B = 2, got shape \(3,\)"),
    (SwappedProducts(2, 2), r"step_vjp must return d_state \(B, S\) = \(2, 4\) for B = 2, got shape \(2, 2\)"),
    (ResidualsInAList(2, 2), r"step must return residuals as an array \(B, K\), or as a tuple of such.* got 'list'"),
    (ShapesForgotten(2, 2), "shapes must return a dict of names and shapes, got NoneType"),
    (Unfinished(), "must be a cell .*Unfinished.*, which has no step_vjp, param_vjp"),
]


@pytest.mark.parametrize("taker", TAKERS.values(), ids=TAKERS.keys())
@pytest.mark.parametrize(("cell", "message"), WRONG, ids=lambda value: type(value).__name__)
def test_an_incomplete_cell_is_refused_where_it_is_passed(taker, cell, message):
    with pytest.raises(ValueError, match=message):
        taker(cell)


@pytest.mark.parametrize("taker", TAKERS.values(), ids=TAKERS.keys())
def test_a_class_instead_of_a_cell_is_named(taker):
    with pytest.raises(ValueError, match="got the class GRUCell itself: make one of it"):
        taker(GRUCell)


def test_an_error_within_a_cell_names_the_trial_arguments():
    class Fails(ElmanCell):
        def step(self, params, state, x):
            return state @ params["w_hx"], ()

    with pytest.raises(KeyError) as caught:
        Recurrent(Fails(3, 2))
    assert caught.value.__notes__ == [
        "cell: one step of Fails was tried on zeros, state (B, S) = (2, 2) and x (B, F) = (2, 3)"
    ]


def test_a_cell_that_counts_its_steps_does_not_count_the_trial():
    class Counted(ElmanCell):
        def step(self, params, state, x):
            self.counts.append(len(x))
            return super().step(params, state, x)

    cell = Counted(3, 2)
    object.__setattr__(cell, "counts", [])
    assert Recurrent(cell).cell.counts == []


def test_a_cell_is_tried_once_for_each_of_its_sizes():
    class Counted(ElmanCell):
        def initialize(self, params, rng):
            tried.append(self.hidden_size)
            super().initialize(params, rng)

    tried: list[int] = []
    for hidden in (2, 3, 2, 3):
        Stack((Recurrent(Counted(4, hidden)).cell,))
    assert tried == [2, 3]


@pytest.mark.parametrize("name", CELLS | SPIKING)
def test_complete_cells_are_accepted(name):
    cell = (CELLS | SPIKING)[name]
    renamed = type("Mine", (type(cell),), {"__module__": "mine"})
    mine = renamed(**{f.name: getattr(cell, f.name) for f in fields(cell)})
    try_step("cell", mine)
    assert Recurrent(mine).cell is mine


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("batch", rnnbp.SequenceDataset([np.ones((2, 3))], [0]).batch()),
        ("loss", rnnbp.CrossEntropy()),
        ("gradient", rnnbp.RTRL()),
    ],
)
def test_check_gradient_of_a_cell_refuses_arguments_without_effect(argument, value):
    with pytest.raises(ValueError, match=f"{argument} is for a model or layer"):
        rnnbp.check_gradient(LeakyCell(3, 4), **{argument: value})
