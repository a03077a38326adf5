"""The objects whose methods the table calls."""

from collections.abc import Callable
from functools import partial
from typing import Any

import files
import numpy as np
import things
from public import Entry, entries

import rnnbp

INSTANCES: dict[type, Callable[[], Any]] = {
    rnnbp.Loss: rnnbp.CrossEntropy,
    rnnbp.gradients.GradientAlgorithm: rnnbp.BPTT,
    rnnbp.gradients.Truncation: lambda: rnnbp.gradients.Geometric(0.5),
    rnnbp.gradients.GradientDecay: things.decay,
    rnnbp.schedules.Schedule: rnnbp.OnPlateau,
    rnnbp.Constant: rnnbp.Constant,
    rnnbp.Trainer: things.trainer,
    rnnbp.Sequential: things.per_step,
    rnnbp.SequenceDataset: things.dataset,
    rnnbp.SequenceBatch: lambda: things.dataset().batch(),
    rnnbp.Report: things.report,
    rnnbp.SuiteReport: things.suite_report,
    rnnbp.SweepReport: things.sweep_report,
    rnnbp.optimizers.Optimizer: rnnbp.SGD,
    rnnbp.optimizers.Minimizer: rnnbp.LBFGS,
    rnnbp.solvers.Solver: rnnbp.Anderson,
    rnnbp.ShardedDataset: lambda: rnnbp.load_shards(files.shards()),
    rnnbp.Forecast: things.forecast,
    rnnbp.decoding.Alignment: lambda: rnnbp.decoding.align(np.log(np.full((4, 3), 1 / 3)), [1, 2]),
    rnnbp.reservoirs.ForceRun: things.force_run,
    rnnbp.cells.declared.DeclaredCell: lambda: rnnbp.GRUCell(2, 3),
    rnnbp.FixedPoint: lambda: rnnbp.FixedPoint(rnnbp.ElmanCell(3, 3)),
    rnnbp.features.Features: things.mfcc,
    rnnbp.data.ResampledDataset: things.resampled,
    rnnbp.applications.nettalk.FeatureReader: things.feature_reader,
    **{kind: partial(things.fitted, kind) for kind in things.ESTIMATORS},
}
ON_EACH_METHOD: dict[str, Callable[[], Any]] = {
    "rnnbp.Sequential.predict": lambda: things.trained(),
    "rnnbp.Sequential.predict_proba": lambda: things.trained(),
    "rnnbp.Sequential.transform": things.model,
    "rnnbp.Sequential.generate": things.tokens,
    "rnnbp.SequenceDataset.cut": things.series,
    "rnnbp.ShardedDataset.cut": lambda: rnnbp.load_shards(files.shards_of_steps()),
}


def instance_of(entry: Entry) -> Any:
    """Return an object for a method; None for a function or constructor."""
    if entry.of is None:
        return None
    if entry.name in ON_EACH_METHOD:
        return ON_EACH_METHOD[entry.name]()
    if entry.of in INSTANCES:
        return INSTANCES[entry.of]()
    from test_arguments import arguments_of, called

    made = next(found for found in entries().values() if found.value is entry.of)
    return called(made, None, arguments_of(made))
