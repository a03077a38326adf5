"""Rows of models, training, comparisons, sweeps and estimators."""

from typing import Any

import numpy as np
import pandas as pd
import things
from values import called_by, needs, row

import rnnbp

# ---- models, training, comparison ---------------------------------------------------------------------------

row("Sequential.(save)", path=lambda: "model.npz")
row("Sequential.generate", start=lambda: [0, 1])
row("Sequential.forecast", history=lambda: np.ones((5, 2)))
row("Sequential.step", x=lambda: np.ones((1, 2)), state=lambda: things.per_step().start(1))
row("Sequential.reset_state", state=lambda: things.per_step().start(1), rows=lambda: [True])
row("Sequential.(freeze|unfreeze)", patterns=lambda: ("0.*",))
row("forecast_ensemble", models=lambda: [things.per_step()], history=lambda: np.ones((5, 2)))
row("forecast_residuals", model=things.per_step, data=things.series)
row("load", path=lambda: things.saved("a.npz", things.model().save))
row("load_state", path=lambda: things.saved("s.npz", lambda path: rnnbp.save_state(path, things.per_step().start(1))))
row("save_state", path=lambda: "s.npz", state=lambda: things.per_step().start(1))
row("Trainer.(fit|fit_up_to)", epochs=lambda: 1, progress=lambda: False)
row("Trainer.save", path=lambda: "t.npz")
row("Trainer.resume", path=lambda: things.saved("r.npz", things.trainer().save))
row(
    "compare",
    models=lambda: {"a": lambda seed: things.vector_of_two()},
    epochs=lambda: 1,
    seeds=lambda: 1,
    progress=lambda: False,
)
row(
    "compare_suite",
    tasks=lambda: {"task": rnnbp.comparison.SuiteTask(lambda: (things.series(), things.series()))},
    seeds=lambda: 2,
    epochs=lambda: 1,
    progress=lambda: False,
    models=lambda: ["window-mlp"],
)
row("Report.best", kind=lambda: "static")
row("Report.paired", first=lambda: "static", second=lambda: "elman")
row("(Report|SuiteReport).to_html", path=lambda: "report.html")
row("comparison.Baseline", build=lambda: build_dense, kind=lambda: "static")
row("comparison.NaiveForecast", features=lambda: 2)
row("comparison.SuiteTask", load=lambda: lambda: (things.dataset(), things.dataset()))
row("comparison.memory_lag", profile=lambda: pd.DataFrame({"lag": [0, 1], "share": [0.8, 0.2]}))
row("comparison.memory_profile", model=things.per_step, data=things.series, loss=rnnbp.MeanSquaredError)
row("comparison.forecasts_for", data=things.series)
row("comparison.model_factory", name=lambda: "elman")


def build_dense(features: int, width: int, outputs: int) -> list[Any]:
    return [rnnbp.TimeStatistics(), rnnbp.Dense(2 * features, outputs)]


# ---- estimators ---------------------------------------------------------------------------------------------

row("estimators.*", X=things.panel)
row("estimators.Sequence(Classifier|Features|Standardizer).fit", y=lambda: np.array([0, 1, 0, 1]))
row("estimators.SequenceFeatures", features=lambda: lambda x: 2 * x)
ESTIMATOR = r"estimators.(MLP|Sequence)(Classifier|Regressor|Forecaster|Tagger|Transcriber)"
row(
    ESTIMATOR,
    epochs=lambda: 1,
    validation_fraction=lambda: 0.5,
    hidden_size=lambda: 2,
    hidden_layer_sizes=lambda: (2,),
    random_state=lambda: 0,
)
row(f"{ESTIMATOR}.*", y=lambda: np.array([0, 1, 0, 1]))
row("estimators.MLP.*", X=lambda: np.random.default_rng(0).normal(size=(4, 2)))
row("estimators.SequenceTagger.*", y=lambda: [np.array([0, 1, 0])] * 4)
row("estimators.SequenceTranscriber.*", y=lambda: [[0], [1], [0], [1]])
row("estimators.SequenceForecaster.*", y=lambda: None, horizon=lambda: 2)
row("estimators.*.get_params", deep=lambda: False)
row("estimators.*.set_params", params=dict)
row("estimators.read_sequences", axes=lambda: "ntf", X=lambda: np.ones((4, 3, 2)))
called_by(f"{ESTIMATOR}|estimators.Sequence(Features|Standardizer)", things.fitted_with)

row(
    "sweep",
    make=lambda: lambda seed, hidden: rnnbp.Sequential(rnnbp.TimeStatistics(), rnnbp.Dense(4, 2), seed=seed),
    space=lambda: {"hidden": [2]},
    validation=things.dataset,
    trials=lambda: 1,
    epochs=lambda: 1,
    progress=lambda: False,
)
needs("sweep", "optuna", "cluster")
row("comparison.new_optimizer", make=lambda: "adam")
row("comparison.baseline_names", wanted=lambda: ["elman"])
row("comparison.factories_of", models=lambda: {"elman": rnnbp.comparison.BASELINES["elman"]})
row("SuiteReport", reports=lambda: {"one": things.report()})
row("(Suite|Sweep)?Report.(to_csv|write)", folder=lambda: "report")
row("Sequential.forward.*", batch=lambda: things.series().batch())
row("models.LayerStack.up_to", layers=lambda: 1)
row("models.LayerStack.(un)?freeze", patterns=lambda: ("0.*",))
called_by("(Suite)?Report.(to_html|write)", things.undrawn)
