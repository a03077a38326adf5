"""Time and memory of every gradient algorithm against the number of steps T and of units H, with the exponents of power
laws fitted to the measurements beside those of theory.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_gradients.py [NAME ...]

Default: all algorithms. The model is an Elman network of H units that classifies one sequence in float32. Time is
that of the fastest run; `stored` are the bytes that an algorithm reports to store, `peak` is the measured peak of all
memory allocated while it runs, without its input. Sizes are large enough that the arithmetic of a step takes more
time than its overhead. Fitted exponents differ from theory by the remaining overhead and by the cache, which the
weights of 1024 units exceed. SnAp(1), e-prop and RFLO compute the whole Jacobian of a step, in H^3 operations, and use
its diagonal, which is noticeable above some hundred units. Forward modes store nothing, but allocate the residuals of
one layer at a time.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

import rnnbp
from rnnbp.gradients import Geometric, GradientAlgorithm, Guarantee
from rnnbp.gradients.cost_measurement import run_seeds, total_of

F, K = 8, 4
SECONDS = 0.5  # of repeated runs at each size
UNITS = 32  # the H at which growth with T is measured


def elman(hidden: int) -> list[Any]:
    """Return the layers of a recurrent network."""
    return [rnnbp.Elman(F, hidden), rnnbp.Last(), rnnbp.Dense(hidden, K)]


def static(hidden: int) -> list[Any]:
    """Return the layers of a static network."""
    layers = [rnnbp.Dense(F, hidden, "tanh"), rnnbp.Dense(hidden, hidden, "tanh")]
    return [*layers, rnnbp.Last(), rnnbp.Dense(hidden, K)]


def fixed_point(hidden: int) -> list[Any]:
    """Return the layers of a network that iterates each step to its fixed point."""
    return [rnnbp.FixedPoint(rnnbp.ElmanCell(F, hidden)), rnnbp.Last(), rnnbp.Dense(hidden, K)]


@dataclass(frozen=True)
class Growth:
    """The exponents of T and of H; None where nothing is stored."""

    steps: float | None
    units: float | None


@dataclass(frozen=True)
class Entry:
    """An algorithm and the growth of its cost in theory.

    Parameters
    ----------
    algorithm : callable
        A function of H.
    time, stored : Growth
    steps : tuple of int
        The values of T at which time and memory are measured.
    units : tuple of int
        The values of H.
    layers : callable
        A function of H.
    length : callable
        A function of H: the T at which the growth of the time per step with H is measured.
    fraction : callable
        A function of P: the fraction of the gradient's components that is computed, by which the time is divided.
    """

    algorithm: Callable[[int], GradientAlgorithm]
    time: Growth
    stored: Growth
    steps: tuple[int, ...] = (256, 512, 1024)
    units: tuple[int, ...] = (256, 512, 1024)
    layers: Callable[[int], list[Any]] = elman
    length: Callable[[int], int] = field(default=lambda H: 4)
    fraction: Callable[[int], float] = field(default=lambda P: 1.0)


FEW = 8  # components that numerical gradients compute
LONG = (4096, 8192, 16384)  # for algorithms that process all steps in one matrix product


# Every algorithm, one line each.
ENTRIES = {
    "Backprop (static)": Entry(lambda H: rnnbp.Backprop(), Growth(1, 2), Growth(1, 1), LONG, layers=static),
    "BPTT": Entry(lambda H: rnnbp.BPTT(), Growth(1, 2), Growth(1, 1)),
    "BPTT(slots=4)": Entry(
        lambda H: rnnbp.BPTT(slots=4), Growth(1 + 1 / 4, 2), Growth(0, 1), (1024, 2048, 4096), length=lambda H: 64
    ),
    "TruncatedBPTT(1, 1)": Entry(lambda H: rnnbp.TruncatedBPTT(1, 1), Growth(1, 2), Growth(0, 1)),
    "TruncatedBPTT(10, 20)": Entry(lambda H: rnnbp.TruncatedBPTT(10, 20), Growth(1, 2), Growth(0, 1)),
    "TruncatedBPTT(1, T)": Entry(
        lambda H: rnnbp.TruncatedBPTT(1, 10**6), Growth(2, 2), Growth(1, 1), steps=(64, 128, 256)
    ),
    "ARTBP": Entry(lambda H: rnnbp.ARTBP(Geometric(0.1)), Growth(1, 2), Growth(0, 1)),
    "AdaptiveTruncation": Entry(lambda H: rnnbp.AdaptiveTruncation(0.1, most=20), Growth(1, 2), Growth(0, 1)),
    "RecurrentBackprop": Entry(
        lambda H: rnnbp.RecurrentBackprop(), Growth(1, 2), Growth(1, 1), LONG, layers=fixed_point
    ),
    "RTRL": Entry(lambda H: rnnbp.RTRL(), Growth(1, 4), Growth(0, 3), units=(64, 128, 256)),
    "BlockRTRL(H)": Entry(
        lambda H: rnnbp.BlockRTRL(H), Growth(1, 3), Growth(0, 3), units=(128, 256), length=lambda H: H + 1
    ),
    "SnAp(1)": Entry(lambda H: rnnbp.SnAp(1), Growth(1, 2), Growth(0, 2), units=(128, 256, 512)),
    "SnAp(2)": Entry(lambda H: rnnbp.SnAp(2), Growth(1, 4), Growth(0, 3), units=(64, 128, 256)),
    "EProp": Entry(lambda H: rnnbp.EProp(), Growth(1, 2), Growth(0, 2), units=(128, 256, 512)),
    "RFLO": Entry(lambda H: rnnbp.RFLO(), Growth(1, 2), Growth(0, 2), units=(128, 256, 512)),
    "UORO": Entry(lambda H: rnnbp.UORO(), Growth(1, 2), Growth(0, 2)),
    "KFRTRL": Entry(lambda H: rnnbp.KFRTRL(), Growth(1, 3), Growth(0, 2)),
    "ForwardGradient": Entry(lambda H: rnnbp.ForwardGradient(), Growth(1, 2), Growth(None, None)),
    "FiniteDifference": Entry(
        lambda H: rnnbp.FiniteDifference(indices=range(FEW)),
        Growth(1, 4),
        Growth(None, None),
        fraction=lambda P: FEW / P,
    ),
    "ComplexStep": Entry(
        lambda H: rnnbp.ComplexStep(indices=range(FEW)), Growth(1, 4), Growth(None, None), fraction=lambda P: FEW / P
    ),
}


@dataclass(frozen=True)
class Point:
    """The cost of one gradient over a number of steps."""

    steps: int
    seconds: float
    stored: int
    peak: int


def measured(entry: Entry, steps: int, hidden: int) -> Point:
    """Measure the cost at one size."""
    model = rnnbp.Sequential(*entry.layers(hidden), dtype=np.float32)
    for name, w in model.params.items():
        if "hh" in name:
            w *= 0.5  # the iteration converges equally fast for every H
    rng = np.random.default_rng(0)
    batch = rnnbp.SequenceDataset([rng.standard_normal((steps, F))], targets=[1]).batch(dtype=np.float32)
    algorithm, loss = entry.algorithm(hidden), rnnbp.CrossEntropy()
    total = total_of(algorithm, model, batch, loss)
    peak = run_seeds(Guarantee("approximate", algorithm), model, batch, loss, [0]).allocated
    return Point(
        steps, fastest(algorithm, model, batch, loss) / entry.fraction(model.params.size), total.peak_bytes, peak
    )


def fastest(*run: Any) -> float:
    """Return the seconds of the fastest of at least three runs."""
    seconds: list[float] = []
    while len(seconds) < 3 or sum(seconds) < SECONDS:
        began = time.perf_counter()
        total_of(*run)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def slope(sizes: Sequence[int], values: Sequence[float]) -> float:
    """Return the exponent of a power law, by least squares on the logarithms.

    Examples
    --------
    >>> round(slope([1, 2, 4], [3, 12, 48]), 6)
    2.0
    """
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def exponents(entry: Entry) -> dict[str, float | None]:
    """Return the row of the table: fitted exponents, each followed by that of theory."""
    over_time = [measured(entry, steps, UNITS) for steps in entry.steps]
    over_units = [measured(entry, entry.length(hidden), hidden) for hidden in entry.units]
    last, stores = over_time[-1], entry.stored.steps is not None
    return {
        "us a step": 1e6 * last.seconds / entry.steps[-1],
        "stored KiB": last.stored / 1024,
        "peak KiB": last.peak / 1024,
        "time ~T": slope(entry.steps, [p.seconds for p in over_time]),
        "(T)": entry.time.steps,
        "time ~H": slope(entry.units, [p.seconds / p.steps for p in over_units]),
        "(H)": entry.time.units,
        "peak ~T": slope(entry.steps, [p.peak for p in over_time]),
        "stored ~T": slope(entry.steps, [p.stored for p in over_time]) if stores else None,
        "(T) ": entry.stored.steps,
        "stored ~H": slope(entry.units, [p.stored for p in over_units]) if stores else None,
        "(H) ": entry.stored.units,
    }


def rows(names: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Yield one row for each algorithm."""
    for name in names:
        yield pd.DataFrame([exponents(ENTRIES[name])], index=[name], dtype=float)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ENTRIES))
    names = parser.parse_args().names or list(ENTRIES)
    unknown = set(names) - set(ENTRIES)
    if unknown:
        parser.error(f"no algorithm {', '.join(sorted(unknown))}")
    print(f"Time per step, stored and peak memory: H = {UNITS}, the longest T. In brackets: the exponents of theory.")
    table = pd.concat(rows(names))
    print(table.to_string(float_format=lambda v: f"{v:.2f}", na_rep="-"))


if __name__ == "__main__":
    main()
