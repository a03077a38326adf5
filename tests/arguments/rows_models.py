"""Rows of layers, cells, data, losses, optimizers, gradients, diagnostics and reservoirs."""

from typing import Any

import numpy as np
import pandas as pd
import things
from values import called_by, row

import rnnbp

# ---- layers and cells ---------------------------------------------------------------------------------------

row("Activation", name=lambda: "tanh")
row("(Chain|Residual|Parallel)", layers=lambda: (rnnbp.Dense(3, 3),), branches=lambda: (rnnbp.Dense(3, 3),))
row("Highway", layers=lambda: (rnnbp.Dense(3, 3),))
row("(Sequential|models.LayerStack)", layers=lambda: (rnnbp.Elman(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2)))
row("AttentionPooling.attention", params=lambda: params_of(rnnbp.AttentionPooling(3, 3)), x=lambda: np.ones((4, 2, 3)))
row("AttentionPooling.attention", run=lambda: rnnbp.layers.Run(np.array([4, 2])))
row("FixedPoint.solve", params=lambda: params_of(rnnbp.FixedPoint(rnnbp.ElmanCell(3, 3))), x=lambda: np.ones((2, 4, 3)))
row("Chrono", longest=lambda: 5)
row("ExponentialSampling", k=lambda: 0.5)
row("cells.[A-Z].*", hidden_size=lambda: 4)
row("cells.state_jacobian", cell=lambda: rnnbp.ElmanCell(2, 3), params=lambda: params_of(rnnbp.ElmanCell(2, 3)))
row("cells.state_jacobian", state=lambda: np.zeros((1, 3)), x=lambda: np.ones((1, 2)))
row("core.activation", name=lambda: "tanh")
row("core.(relu|sigmoid)", a=lambda: np.ones(3))
row("core.scaled_to_radius", w=lambda: np.eye(3))
row("cells.declared.DeclaredCell.bias_rows", gate=lambda: "h")


def params_of(cell: Any) -> rnnbp.Parameters:
    params = rnnbp.Parameters(cell.shapes(), dtype=np.float64)
    cell.initialize(params, np.random.default_rng(0))
    return params


# ---- parameters, data ---------------------------------------------------------------------------------------

row("Parameters.*", shapes=lambda: {"w": (2, 3), "b": (3,)}, name=lambda: "w", vector=lambda: np.ones(9, np.float32))
row("Parameters.*", mask=lambda: np.ones((2, 3), bool))
row("Parameters.renamed", shapes=lambda: {"v": (2, 3)})
row("Parameters.scope", prefix=lambda: "", suffix=lambda: "")
row("SequenceDataset.cut", steps=lambda: 2)
row("Sequential.predict.*", data=things.dataset)
row("SequenceBatch", x=lambda: np.ones((4, 2, 3)), lengths=lambda: np.array([4, 2]))
row("SequenceBatch.from_array", x=lambda: np.ones((4, 2, 3)), targets=lambda: None)
row("SequenceBatch.restore", array=lambda: np.ones((4, 5)))
row("SequenceBatch.due", per_step=lambda: True)
row("SequenceDataset", sequences=lambda: [np.ones((3, 2)), np.ones((4, 2))], targets=lambda: None)
row("(SequenceDataset|data.ResampledDataset).map", function=lambda: lambda x: 2 * x)
row(".*Dataset.at_epoch", epoch=lambda: 1)
row("SequenceDataset.from_padded", x=lambda: np.ones((2, 4, 2)), targets=lambda: None)
row("SequenceDataset.from_stream", x=lambda: np.ones((12, 2)), targets=lambda: np.arange(12), batch_size=lambda: 2)
row("SequenceDataset.from_text", batch_size=lambda: 1)
row(
    "SequenceDataset.from_frame",
    frame=lambda: pd.DataFrame({"sequence": [0, 0, 1], "step": [0, 1, 0], "a": [1.0, 2.0, 3.0], "target": [0, 0, 1]}),
)
row(".*Dataset.__getitem__", place=lambda: 1)
row(".*Dataset.subset", places=lambda: [0, 1])
row(".*Dataset.split", parts=lambda: 0.5)
row("LabelSequences.*", labels=lambda: [["b"], ["a", "b"]], place=lambda: 0, value=lambda: 0)
row("data.CharTokenizer", characters=lambda: "abc")
row("data.CharTokenizer.*", tokens=lambda: np.array([0, 1]), config=lambda: rnnbp.data.CharTokenizer("abc").to_config())
row("data.LazySequences", load=lambda: lambda place: np.ones((3, 2)))
row("data.ResampledDataset.*", draw=lambda: lambda place, epoch: np.ones((3, 2)), targets=lambda: [0, 1, 0, 1])
row("data.ResampledDataset", info=lambda: pd.DataFrame({"speaker": list("aabb")}), classes=lambda: ["no", "yes"])

# ---- losses, metrics, optimizers, schedules ------------------------------------------------------------------

row("CTC.*", outputs=lambda: np.zeros((4, 1, 3)), targets=lambda: [[1, 2]])
row("MixtureDensity.*", outputs=lambda: np.zeros((2, 9)))
row("MixtureDensity.density", values=lambda: np.zeros((2, 1)))
row("Quantile.bands", outputs=lambda: np.zeros((2, 3)))
row("losses.from_config", config=lambda: rnnbp.CrossEntropy().to_config())
row("metrics.(mean_squared_error|pinball_loss|r2)", y_true=lambda: np.arange(3.0), y_pred=lambda: np.ones(3))
row("metrics.d2_pinball", y_true=lambda: np.arange(3.0), y_pred=lambda: np.ones((3, 3)))
row("(token_error_rate)", y_true=lambda: [[1, 2], [1]], y_pred=lambda: [[1, 2], [2]])
row("word_error_rate", y_true=lambda: ["a b"], y_pred=lambda: ["a c"])
row("edit_distance", y_true=lambda: [1, 2], y_pred=lambda: [1, 3])
row("ClipNorm.__call__", gradient=lambda: np.ones(3))
row("ClipValue.__call__", gradient=lambda: np.ones(3))
row("optimizers.schedules.Schedule.check_columns", columns=lambda: ["validation_loss"])
row("OnPlateau.__call__", history=lambda: [{"validation_loss": 1.0}])
row("Ridge.solve", equations=lambda: equations())
row("RecursiveLeastSquares", features=lambda: 2, outputs=lambda: 1)
row("RecursiveLeastSquares.predict", x=lambda: np.ones(2))


def equations() -> Any:
    made = rnnbp.optimizers.NormalEquations(2, 1)
    made.add(np.random.default_rng(0).normal(size=(5, 2)), np.ones((5, 1)))
    return made


# ---- gradients, solvers, diagnostics, reservoirs ------------------------------------------------------------

row("(hvp|jvp)", direction=lambda: np.ones(things.model().params.size))
row("SpectralPenalty.penalty", params=lambda: things.model().params)
row("SpectralProjection.project", params=lambda: things.model().params)
row("SpectralProjection.__call__", trainer=things.trainer, row=lambda: {"loss": 1.0})
row("gradients.Guarantee", level=lambda: "exact", algorithm=rnnbp.BPTT)
row(
    "gradients.gradient_decay",
    model=things.per_step,
    batch=lambda: things.series().batch(),
    loss=rnnbp.MeanSquaredError,
)
row("optimizers.schedules.Schedule.__call__", history=lambda: [{"validation_loss": 1.0}])
row("Tolerance.met", residual=lambda: np.zeros(2), z=lambda: np.zeros((2, 3)))
row("compare_gradients", seeds=lambda: 3, max_runs=lambda: 4, algorithms=lambda: ["BPTT"])
row("diagnostics.Trajectory.run", cell=lambda: rnnbp.ElmanCell(2, 3), params=lambda: params_of(rnnbp.ElmanCell(2, 3)))
row("diagnostics.gate_saturation", trajectory=things.gated)
row("diagnostics.receptive_fields", model=lambda: rnnbp.Sequential(rnnbp.Dense(6, 2)), shape=lambda: (2, 3))
row(
    "diagnostics.(error_flow)",
    model=things.per_step,
    batch=lambda: things.series().batch(),
    loss=rnnbp.MeanSquaredError,
)
row("diagnostics.trajectory", model=things.per_step, batch=lambda: things.series().batch())
row("diagnostics.unit_importance", model=lambda: things.dense_hidden())
row("(echo_state_network|reservoirs.reservoir_layers)", outputs=lambda: 2, hidden_size=lambda: 8)
row("reservoirs.force", model=lambda: reservoir(), target=lambda: np.sin(np.arange(20.0)))
row("reservoirs.memory_capacity", model=lambda: rnnbp.echo_state_network(1, 8, 1), steps=lambda: 60, washout=lambda: 5)
row("reservoirs.ForceRun.generate", steps=lambda: 3)


def reservoir() -> rnnbp.Sequential:
    return rnnbp.echo_state_network(1, 8, 1)


row("RecursiveLeastSquares.update", x=lambda: np.ones(2), target=lambda: np.ones(1))
row("optimizers.NormalEquations.*", features=lambda: 2, outputs=lambda: 1, x=lambda: np.ones((5, 2)))
row("optimizers.NormalEquations.add", y=lambda: np.ones((5, 1)))
row("optimizers.NormalEquations.merge", other=lambda: equations())
row("optimizers.NormalEquations.of_output", k=lambda: 0)
row("optimizers.Optimizer.step", params=lambda: things.model().params, gradient=lambda: np.ones(29))
row("optimizers.Optimizer.load_state_dict", state=lambda: things.stepped().state_dict())
row(
    "optimizers.Minimizer.minimize",
    objective=lambda: lambda p: (float(p @ p), 2 * p),
    params=lambda: things.model().params,
)
row(
    "solvers.(solve|Solver.solve)",
    solver=rnnbp.Anderson,
    function=lambda: lambda rows, z: z / 2,
    start=lambda: np.ones((2, 3)),
)
row("solvers.(solve|Solver.solve)", tolerance=rnnbp.Tolerance)
row("layers.Run", lengths=lambda: np.array([4, 2]))
row("Forecast.of", samples=lambda: np.ones((4, 2, 2)), quantiles=lambda: (0.1, 0.9), names=lambda: ("a", "b"))
row("kernels.using", backend=lambda: "numpy")
row("kernels.kernel_of", cell=lambda: rnnbp.ElmanCell(2, 3))
called_by("kernels.using", things.entered)
