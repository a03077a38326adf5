"""This package, by each kind of its kernels."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from rnnbp import cells, datasets, kernels
from rnnbp.benchmark.workloads import Epoch, Passes, Sequences, Static
from rnnbp.gradients import BPTT
from rnnbp.kernels.loop import Loop
from rnnbp.layers import LSTM, Dense, Last, Run
from rnnbp.losses import CrossEntropy
from rnnbp.models import Sequential
from rnnbp.optimizers import Adam
from rnnbp.params import Parameters
from rnnbp.threads import set_num_threads
from rnnbp.training import Trainer

# All cells, from the sizes of input and state.
CELLS: dict[str, Callable[[int, int], cells.Cell]] = {
    "rnn": cells.ElmanCell,
    "lstm": cells.LSTMCell,
    "gru": cells.GRUCell,
    "original gru": cells.OriginalGRUCell,
    "jordan": lambda F, H: cells.JordanCell(F, H, H),
    "leaky elman": cells.LeakyElmanCell,
    "lif": cells.LIFCell,
    "alif": cells.ALIFCell,
}


@dataclass(frozen=True)
class Ours:
    """rnnbp, with the fastest kernels up to `kind`.

    Parameters
    ----------
    kind : str
        As `rnnbp.kernels.using` takes it.
    """

    kind: str

    limited = True

    def use_threads(self, threads: int) -> None:
        """For compiled kernels; the others have the linear algebra's."""
        set_num_threads(threads)

    @property
    def name(self) -> str:
        """rnnbp (numpy), for example."""
        return f"rnnbp ({self.kind})"

    def sequences(self, work: Sequences) -> Passes:
        """By the kernel itself; nothing where this kind has none for the cell."""
        cell, rng = CELLS[work.cell](work.inputs, work.hidden), np.random.default_rng(0)
        kernel = self._kernel(cell)
        if kernel is None:
            return {}
        params = Parameters(cell.shapes())
        cell.initialize(params, rng)
        weights = dict(params.items())
        x = rng.standard_normal((work.steps, work.batch, work.inputs), dtype=np.float32)
        dy = rng.standard_normal((work.steps, work.batch, cell.output_size), dtype=np.float32)
        active, state = np.full(work.steps, work.batch), np.zeros((work.batch, cell.state_size), np.float32)

        def forward() -> Any:
            return kernel.forward(weights, x, active, state)

        def training() -> Any:
            _, residuals, _ = forward()
            grad = params.zeros()
            kernel.backward_params(weights, residuals, dy, grad, state)
            return grad.vector

        return {"forward": forward, "training": training}

    def _kernel(self, cell: cells.Cell) -> kernels.Kernel | None:
        """This kind's kernel, if it has one; the loop only for a cell that has no other."""
        kernel = kernels.BACKENDS[self.kind](cell, np.dtype(np.float32))
        return None if isinstance(kernel, Loop) and kernels.kernel_of(cell, np.float32) != kernel else kernel

    def static(self, work: Static) -> Passes:
        """By layers, which have no kernels."""
        if self.kind != "numpy":
            return {}
        rng, widths = np.random.default_rng(0), work.widths
        hidden = [Dense(a, b, "relu") for a, b in pairwise(widths[:-1])]
        model, loss = Sequential(*hidden, Dense(widths[-2], widths[-1])), CrossEntropy()
        x = rng.standard_normal((work.batch, widths[0]), dtype=np.float32)
        labels, run = rng.integers(widths[-1], size=work.batch), Run(np.ones(work.batch, int))

        def forward() -> Any:
            return model.unroll(model.params, x, run)

        def training() -> None:
            y, tapes, _ = forward()
            _, dy = loss(y, labels)
            model.backward_params(model.params, tapes, dy, model.params.zeros())

        return {"forward": forward, "training": training}

    def epoch(self, work: Epoch) -> Passes:
        """By the trainer, with all it does."""
        if self._kernel(cells.LSTMCell(12, work.hidden)) is None:
            return {}
        train, _ = datasets.load_japanese_vowels()
        model = Sequential(LSTM(12, work.hidden), Last(), Dense(work.hidden, 9))
        trainer = Trainer(model, CrossEntropy(), BPTT(), Adam(0.001))

        def epoch() -> None:
            with kernels.using(self.kind):
                trainer.fit(train, epochs=1, batch_size=work.batch, progress=False)

        return {"epoch": epoch}
