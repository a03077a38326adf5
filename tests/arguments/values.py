"""Valid values of required arguments: by name, and where a callable needs another one, by its row."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import things

import rnnbp
from rnnbp import audio

Make = Callable[[], Any]

# What an argument of this name is, if no row says otherwise.
BY_NAME: dict[str, Make] = {
    **{name: lambda: 3 for name in ("input_size", "hidden_size", "size", "steps", "epochs", "batch_size", "tokens")},
    **{name: lambda: 2 for name in ("output_size", "sequences", "layers", "most", "hidden", "k", "width", "every")},
    **{name: lambda: 2 for name in ("kernel_size", "longest", "n", "order", "delay", "window", "triples", "elapsed")},
    **{name: lambda: 2 for name in ("left", "right", "projection_size", "block", "deltas", "k1", "k2", "terms")},
    **{name: lambda: 0.5 for name in ("max_norm", "limit", "weight", "q", "rate", "probability", "fraction", "leak")},
    **{name: lambda: 0.9 for name in ("factor", "radius", "density")},
    **{name: lambda: 1.0 for name in ("epoch", "residual", "snr")},
    "model": things.model,
    "models": lambda: [things.model()],
    "data": things.dataset,
    "dataset": things.dataset,
    "train": things.dataset,
    "test": things.dataset,
    "batch": lambda: things.dataset().batch(),
    "loss": rnnbp.CrossEntropy,
    "gradient": rnnbp.BPTT,
    "cell": lambda: rnnbp.ElmanCell(3, 3),
    "layer": lambda: rnnbp.Elman(3, 3),
    "cells": lambda: (rnnbp.ElmanCell(3, 3), rnnbp.GRUCell(3, 2)),
    "trajectory": things.trajectory,
    "rng": lambda: np.random.default_rng(0),
    "seed": lambda: 0,
    "sr": lambda: 8000,
    "y": things.signal,
    "x": lambda: np.ones((4, 2)),
    "start": lambda: 0,
    "stop": lambda: 2,
    "targets": lambda: np.array([0, 1]),
    "outputs": lambda: np.array([[0.1, 0.2], [0.3, -0.4]]),
    "values": lambda: np.ones((4, 2)),
    "y_true": lambda: np.array([0, 1, 1]),
    "y_pred": lambda: np.array([0, 1, 0]),
    "quantiles": lambda: (0.1, 0.5, 0.9),
    "dtype": lambda: np.float64,
    "words": lambda: ["CAT", "DOG"],
    "text": lambda: "abcabcabc",
    "init": rnnbp.core.EchoState,
    "mean": lambda: [0.0, 1.0],
    "scale": lambda: [1.0, 2.0],
    "frames": lambda: np.array([things.signal(40), things.signal(40)]),
    "frequencies": lambda: np.array([100.0, 1000.0]),
    "S": lambda: np.ones((5, 8)),
    "folder": lambda: "folder",
    "names": lambda: ["0.w_hh"],
    "classes": lambda: ["no", "yes"],
}
ROWS: list[tuple[str, dict[str, Make]]] = []


def row(pattern: str, /, **values: Make) -> None:
    """State the values of arguments for the callables whose name, after `rnnbp.`, is matched by the pattern."""
    ROWS.append((pattern, values))


def valid(name: str, argument: str) -> Make | None:
    """Return what makes a valid value of an argument, or None if the table has none."""
    short = name.removeprefix("rnnbp.")
    for pattern, values in reversed(ROWS):
        if argument in values and re.fullmatch(pattern, short):
            return values[argument]
    return BY_NAME.get(argument)


def extras(name: str) -> dict[str, Make]:
    """Return optional arguments that a valid call gives all the same, so that it is quick."""
    short = name.removeprefix("rnnbp.")
    found: dict[str, Make] = {}
    for pattern, values in ROWS:
        if re.fullmatch(pattern, short):
            found |= values
    return found


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


# ---- decoding, features, audio -----------------------------------------------------------------------------

row("decoding.*", outputs=lambda: np.log(np.full((4, 3), 1 / 3)), labels=lambda: [1, 2], context=lambda: [1])
row("decoding.NGram.*", sequences=lambda: [[1, 2], [2, 1]])
row("decoding.sample_tokens", logits=lambda: np.zeros((2, 3)))
row("features.*", x=lambda: np.ones((6, 2)), frame_length=lambda: 40, hop_length=lambda: 20, win_length=lambda: 40)
row("features.*", n_fft=lambda: 64, n_mels=lambda: 5, n_mfcc=lambda: 4)
row("features.levinson_durbin", r=lambda: np.array([[1.0, 0.5, 0.1]]))
row("features.lpc_to_cepstra", a=lambda: np.array([[1.0, -0.5]]), error=lambda: np.array([1.0]))
row("features.mel_frequencies", fmin=lambda: 0.0, fmax=lambda: 4000.0)
row("features.mel_to_hz", mels=lambda: np.array([100.0]))
row("features.normalize_speakers", sequences=lambda: [np.ones((4, 2))], speakers=lambda: ["a"])
row("features.resample", orig_sr=lambda: 8000, target_sr=lambda: 4000)
row("features.get_window", window=lambda: "hann")
row("features.delta", data=lambda: np.ones((9, 2)), width=lambda: 3)
row(
    "features.Variation.features",
    feature=things.mfcc,
)
row("audio.(audio_info|read_audio|read_wav|wav_info)", path=lambda: things.saved("a.wav", write_wav))
row(
    "audio.(read_sphere|sphere_info)", path=lambda: things.saved("a.sph", lambda path: audio.write_sphere(path, *SOUND))
)
row("audio.read_htk", path=lambda: things.saved("a.htk", lambda path: audio.write_htk(path, np.ones((3, 2)))))
row("audio.read_ark", path=lambda: things.saved("a.ark", lambda path: audio.write_ark(path, {"u": np.ones((3, 2))})))
row("audio.read_scp", path=lambda: things.saved("a.scp", write_scp))
row("audio.write_.*", path=lambda: "written", values=lambda: np.ones((3, 2)), items=lambda: {"u": np.ones((3, 2))})

SOUND = (np.sin(np.arange(80) / 3.0), 8000)


def write_wav(path: Any) -> None:
    audio.write_wav(path, *SOUND)


def write_scp(path: Any) -> None:
    audio.write_ark("b.ark", {"u": np.ones((3, 2))}, scp=path)


# ---- estimators ---------------------------------------------------------------------------------------------

row("estimators.*", X=things.panel)
row("estimators.Sequence(Classifier|Features|Standardizer).fit", y=lambda: np.array([0, 1, 0, 1]))
row("estimators.SequenceFeatures", features=lambda: lambda x: 2 * x)

# ---- plots, NETtalk, files ----------------------------------------------------------------------------------

row("plotting.drawn_in", ink=lambda: "black")
row("plotting.figure", width=lambda: 2.0, height=lambda: 1.0)
row("plotting.plot_hidden_units", fields=lambda: np.ones((2, 3, 3)))
row("plotting.plot_(pictures|reading)", pictures=lambda: np.ones((2, 3, 3)), targets=lambda: [0, 1])
row("plotting.plot_reading", answers=lambda: {"m": np.full((3, 2, 2), 0.5)})
row("applications.nettalk.*", words=lambda: ["cat", "dog"], word=lambda: "cat", phonemes=lambda: ["a", "b"])
row("applications.nettalk.*", text=lambda: "cat", stress=lambda: True)
row("applications.nettalk.(encode)", phonemes=lambda: "k@t", stress=lambda: ">1<")
row("applications.nettalk.(recurrent_network|window_network)", outputs=lambda: 5, hidden=lambda: 4)
row("applications.nettalk.window_network", hidden=lambda: [4])
row("applications.nettalk.best_guess", outputs=lambda: np.full((2, 26), 0.1))
row("applications.nettalk.(align|Lexicon.*)", pronunciations=lambda: [[("K", "AE1", "T")], [("D", "AO1", "G")]])
row("applications.nettalk.Lexicon.*", labels=lambda: [("K", "AE1", "T"), ("D", "AO1", "G")], mask=lambda: [True, False])
row("applications.nettalk.(letters_right|phonemes_of)", labels=lambda: [("K", "T")], right=lambda: [("K", "T")])
row("applications.nettalk.letters_right", labels=lambda: [("->", "n>")], right=lambda: [("->", "n>")])
row("applications.nettalk.phonemes_of", labels=lambda: ("K", "T"))
row("applications.nettalk.unstressed", phonemes=lambda: ("K", "AE1", "T"))
row("applications.nettalk.pronunciation_errors", read=lambda: [("K",)], pronunciations=lambda: [[("K",)]])
row("datasets.synthetic_word", sounds=lambda: ["a"])
row("datasets.ByName", pattern=lambda: "{label}_{take}.wav")
row("datasets.ByTable", table_file=lambda: "table.csv")
row("datasets.read_ts", path=lambda: things.saved("a.ts", lambda path: rnnbp.datasets.write_ts(path, things.dataset())))
row("datasets.write_ts", path=lambda: "b.ts")
row("interop.load_state_dict", arrays=lambda: rnnbp.interop.state_dict(things.model()))
row("check_gradient", target=things.model, batch=lambda: things.dataset().batch())
