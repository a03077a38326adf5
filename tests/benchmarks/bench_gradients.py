"""Time and memory of every gradient algorithm over the number of steps T and of units H: what is measured grows as
theory says, and the exponents that are fitted stand beside those of theory.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_gradients.py [NAME ...]

All names, without an argument. The model is an Elman net of H units, of which the last state is classified, one
sequence of float32 at a time. Time is that of the fastest of some runs; `held` are the bytes that an algorithm says it
keeps, `peak` is all memory taken while it runs, measured, its input apart. Sizes are large enough for a step's
arithmetic to count, not its overhead. What is left beside theory is that, and the cache: weights of 1024 units do not
fit into it. SnAp(1), e-prop and RFLO take the whole Jacobian of a step, a product of H^3, of which they use the
diagonal: beyond some hundred units it shows. Forward modes hold nothing, yet a layer's residuals is made and let go.
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
SECONDS = 0.5  # of repeated runs
UNITS = 32  # H, where growth with T is measured


def elman(hidden: int) -> list[Any]:
    """A net that runs over time."""
    return [rnnbp.Elman(F, hidden), rnnbp.Last(), rnnbp.Dense(hidden, K)]


def static(hidden: int) -> list[Any]:
    """The same without a state."""
    layers = [rnnbp.Dense(F, hidden, "tanh"), rnnbp.Dense(hidden, hidden, "tanh")]
    return [*layers, rnnbp.Last(), rnnbp.Dense(hidden, K)]


def settling(hidden: int) -> list[Any]:
    """The same, each input being held until the state settles."""
    return [rnnbp.FixedPoint(rnnbp.ElmanCell(F, hidden)), rnnbp.Last(), rnnbp.Dense(hidden, K)]


@dataclass(frozen=True)
class Growth:
    """The exponents of T and of H; None where nothing is held."""

    steps: float | None
    units: float | None


@dataclass(frozen=True)
class Entry:
    """An algorithm and what theory says of it.

    Parameters
    ----------
    algorithm : callable
        Of H.
    time, held : Growth
    steps : tuple of int
        T, over which time and memory are measured.
    units : tuple of int
        H, likewise.
    layers : callable
        Of H.
    length : callable
        Of H: the T at which growth of the time a step is measured.
    share : callable
        Of P: the part of the gradient that is computed where all would take too long; time counts for the whole.
    """

    algorithm: Callable[[int], GradientAlgorithm]
    time: Growth
    held: Growth
    steps: tuple[int, ...] = (256, 512, 1024)
    units: tuple[int, ...] = (256, 512, 1024)
    layers: Callable[[int], list[Any]] = elman
    length: Callable[[int], int] = field(default=lambda H: 4)
    share: Callable[[int], float] = field(default=lambda parameters: 1.0)


FEW = 8  # parameters that an oracle looks at
LONG = (4096, 8192, 16384)  # where all steps are one product


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
    "RecurrentBackprop": Entry(lambda H: rnnbp.RecurrentBackprop(), Growth(1, 2), Growth(1, 1), LONG, layers=settling),
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
        lambda H: rnnbp.FiniteDifference(indices=range(FEW)), Growth(1, 4), Growth(None, None), share=lambda P: FEW / P
    ),
    "ComplexStep": Entry(
        lambda H: rnnbp.ComplexStep(indices=range(FEW)), Growth(1, 4), Growth(None, None), share=lambda P: FEW / P
    ),
}


@dataclass(frozen=True)
class Point:
    """What one gradient of so many steps took."""

    steps: int
    seconds: float
    held: int
    peak: int


def measured(entry: Entry, steps: int, hidden: int) -> Point:
    """Of one size."""
    model = rnnbp.Sequential(*entry.layers(hidden), dtype=np.float32)
    for name, w in model.params.items():
        if "hh" in name:
            w *= 0.5  # settles, as fast for every H
    rng = np.random.default_rng(0)
    batch = rnnbp.SequenceDataset([rng.standard_normal((steps, F))], targets=[1]).batch(dtype=np.float32)
    algorithm, loss = entry.algorithm(hidden), rnnbp.CrossEntropy()
    total = total_of(algorithm, model, batch, loss)
    peak = run_seeds(Guarantee("approximate", algorithm), model, batch, loss, [0]).allocated
    return Point(steps, fastest(algorithm, model, batch, loss) / entry.share(model.params.size), total.peak_bytes, peak)


def fastest(*run: Any) -> float:
    """Seconds of the fastest run, of three at least."""
    found: list[float] = []
    while len(found) < 3 or sum(found) < SECONDS:
        began = time.perf_counter()
        total_of(*run)
        found.append(time.perf_counter() - began)
    return min(found)


def slope(sizes: Sequence[int], values: Sequence[float]) -> float:
    """The exponent of a power law, by least squares on the logarithms.

    Examples
    --------
    >>> round(slope([1, 2, 4], [3, 12, 48]), 6)
    2.0
    """
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def exponents(entry: Entry) -> dict[str, float | None]:
    """Fitted, and those of theory beside them."""
    over_time = [measured(entry, steps, UNITS) for steps in entry.steps]
    over_units = [measured(entry, entry.length(hidden), hidden) for hidden in entry.units]
    last, holds = over_time[-1], entry.held.steps is not None
    return {
        "us a step": 1e6 * last.seconds / entry.steps[-1],
        "held KiB": last.held / 1024,
        "peak KiB": last.peak / 1024,
        "time ~T": slope(entry.steps, [p.seconds for p in over_time]),
        "(T)": entry.time.steps,
        "time ~H": slope(entry.units, [p.seconds / p.steps for p in over_units]),
        "(H)": entry.time.units,
        "peak ~T": slope(entry.steps, [p.peak for p in over_time]),
        "held ~T": slope(entry.steps, [p.held for p in over_time]) if holds else None,
        "(T) ": entry.held.steps,
        "held ~H": slope(entry.units, [p.held for p in over_units]) if holds else None,
        "(H) ": entry.held.units,
    }


def rows(names: Sequence[str]) -> Iterator[pd.DataFrame]:
    """One an algorithm, as soon as it is there."""
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
    print(f"Time a step, held and peak: H = {UNITS}, the longest T. In brackets: the exponents of theory.")
    table = pd.concat(rows(names))
    print(table.to_string(float_format=lambda v: f"{v:.2f}", na_rep="-"))


if __name__ == "__main__":
    main()
