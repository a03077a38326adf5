"""This package in the benchmark, by each backend of its kernels."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from rnnbp import cells, datasets, kernels
from rnnbp.benchmark.workloads import Epoch, Library, Passes, Sequences, Static
from rnnbp.core import Parameters
from rnnbp.gradients import BPTT
from rnnbp.kernels.loop import Loop
from rnnbp.layers import LSTM, Dense, Last, Run
from rnnbp.losses import CrossEntropy
from rnnbp.models import Sequential
from rnnbp.optimizers import Adam
from rnnbp.runtime import set_num_threads
from rnnbp.training import Trainer

# Constructors of all cells, of (input size, hidden size).
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
class RnnbpKernels(Library):
    """This package with one backend of its kernels.

    Parameters
    ----------
    backend : str
        A key of `rnnbp.kernels.BACKENDS`.
    """

    backend: str

    limited = True

    def use_threads(self, threads: int) -> None:
        set_num_threads(threads)  # of compiled kernels; the others use BLAS threads

    @property
    def name(self) -> str:
        return f"rnnbp ({self.backend})"

    def sequences(self, work: Sequences) -> Passes:
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
        """Return the kernel of this backend for a cell, or None; the loop only for a cell without another kernel."""
        kernel = kernels.BACKENDS[self.backend](cell, np.dtype(np.float32))
        return None if isinstance(kernel, Loop) and kernels.kernel_of(cell, np.float32) != kernel else kernel

    def static(self, work: Static) -> Passes:
        if self.backend != "numpy":  # dense layers have no other kernels
            return {}
        rng, widths = np.random.default_rng(0), work.widths
        hidden = [Dense(a, b, "relu") for a, b in pairwise(widths[:-1])]
        model, loss = Sequential(*hidden, Dense(widths[-2], widths[-1])), CrossEntropy()
        x = rng.standard_normal((work.batch, widths[0]), dtype=np.float32)
        labels, run = rng.integers(widths[-1], size=work.batch), Run(np.ones(work.batch, int))

        def forward() -> Any:
            return model.unroll(model.params, x, run)

        def training() -> None:
            y, residuals, _ = forward()
            _, dy = loss(y, labels)
            model.backward_params(model.params, residuals, dy, model.params.zeros())

        return {"forward": forward, "training": training}

    def epoch(self, work: Epoch) -> Passes:
        if self._kernel(cells.LSTMCell(12, work.hidden)) is None:
            return {}
        train, _ = datasets.load_japanese_vowels()
        model = Sequential(LSTM(12, work.hidden), Last(), Dense(work.hidden, 9))
        trainer = Trainer(model, CrossEntropy(), BPTT(), Adam(0.001))

        def epoch() -> None:
            with kernels.using(self.backend):
                trainer.fit(train, epochs=1, batch_size=work.batch, progress=False)

        return {"epoch": epoch}
