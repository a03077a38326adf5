"""Benchmark of checkpointed BPTT: forward evaluations, time and memory over 1,000 steps, by slots or by budget."""

import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from rnnbp.benchmark.measure import TimedCall, best_times, blas_threads
from rnnbp.data import SequenceBatch
from rnnbp.gradients import BPTT
from rnnbp.gradients.base import Gradient
from rnnbp.gradients.checkpointing.schedules import residuals_evaluations
from rnnbp.kernels.blocks import BLOCK
from rnnbp.layers import LSTM, Dense, Last
from rnnbp.losses import CrossEntropy
from rnnbp.models import Sequential

SIZES = (1000, 32, 40, 128)  # steps, batch, inputs, hidden
BUDGETS = (0.09, 0.12, 0.25, 0.5, 0.75)  # fractions of what plain BPTT stores
FINE_SLOTS = (5, 10, 20, 50, 100)  # with segments of one step
SLOTS = (1, 3, 6, 12, 63)  # with segments of 16 steps, the default


@dataclass(frozen=True)
class CheckpointingCost:
    """What a checkpointed gradient costs beside plain BPTT's.

    Attributes
    ----------
    algorithm : str
        As it is called; a budget is given as a fraction of the memory that plain BPTT stores for its backward pass.
    evaluations : float
        Forward steps per step of the sequences (with a budget, one more step is run to measure the sizes).
    optimal : float
        The closed form of the optimal schedule; NaN with a budget, which chooses the number of slots itself.
    time, stored, allocated : float
        Time, memory stored for the backward pass, and peak of all allocations, relative to plain BPTT.
    """

    algorithm: str
    evaluations: float
    optimal: float
    time: float
    stored: float
    allocated: float


def run_checkpointing(
    sizes: tuple[int, int, int, int] = SIZES,
    seconds: float = 3.0,
    progress: Callable[[str], object] = lambda line: None,
) -> Iterator[CheckpointingCost]:
    """Time checkpointed BPTT of an LSTM in turns with plain BPTT, on one thread.

    Parameters
    ----------
    sizes : (int, int, int, int), default (1000, 32, 40, 128)
        Steps T, sequences B, features F and hidden units H.
    seconds : float, default 3
        For each algorithm.
    progress : callable, optional
        Called with a line of text after each algorithm.

    Yields
    ------
    CheckpointingCost

    Raises
    ------
    ImportError
        Without the `bench` extra.

    References
    ----------
    A. Griewank & A. Walther (2000), "Algorithm 799: revolve", ACM Trans. Math. Software 26, 19-45,
    doi:10.1145/347837.347846: the optimal schedule and its closed form.
    """
    T, B, F, H = sizes
    rng = np.random.default_rng(0)
    model = Sequential(LSTM(F, H), Last(), Dense(H, 10))
    batch = SequenceBatch.from_array(rng.standard_normal((T, B, F), dtype=np.float32), np.full(B, T))
    batch = replace(batch, targets=rng.integers(10, size=B))

    def gradient_by(algorithm: BPTT) -> Callable[[], Gradient]:
        return lambda: next(iter(algorithm.gradients(model, batch, CrossEntropy())))

    plain = gradient_by(BPTT())
    plain_cost, plain_bytes = plain().cost, _allocated(plain)
    algorithms = {f"slots={n}, block=1": BPTT(slots=n, block=1) for n in FINE_SLOTS}
    algorithms |= {f"slots={n}": BPTT(slots=n) for n in SLOTS}
    algorithms |= {
        f"memory={part:.0%} of plain BPTT's": BPTT(memory=int(part * plain_cost.peak_bytes)) for part in BUDGETS
    }
    with blas_threads() as limit:
        for name, algorithm in algorithms.items():
            run = gradient_by(algorithm)
            cost = run().cost
            time, plain_time = best_times([TimedCall(run, 1), TimedCall(plain, 1)], limit, seconds)
            yield CheckpointingCost(
                name,
                cost.steps / plain_cost.steps,
                _optimal(algorithm, T),
                time / plain_time,
                cost.peak_bytes / plain_cost.peak_bytes,
                _allocated(run) / plain_bytes,
            )
            progress(f"checkpointing: {name}")


def _allocated(run: Callable[[], object]) -> int:
    """Return the peak of the allocated bytes."""
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def _optimal(algorithm: BPTT, steps: int) -> float:
    """Return the evaluations per segment by the closed form; NaN if the number of slots is not given."""
    if algorithm.slots is None:
        return np.nan
    segments = -(-steps // (algorithm.block or BLOCK))
    return residuals_evaluations(segments, algorithm.slots) / segments
