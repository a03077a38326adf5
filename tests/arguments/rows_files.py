"""Rows of decoding, features, audio, plots, applications, datasets and files."""

from typing import Any

import files
import numpy as np
import pandas as pd
import things
from files import SOUND
from values import called_by, needs, row

import rnnbp
from rnnbp import audio
from rnnbp.applications import nettalk


def nettalk_file() -> Any:
    return things.saved("nettalk.data", files.write_nettalk)


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
row("audio.(audio_info|read_audio|read_wav|wav_info)", path=lambda: things.saved("a.wav", files.write_wav))
row(
    "audio.(read_sphere|sphere_info)", path=lambda: things.saved("a.sph", lambda path: audio.write_sphere(path, *SOUND))
)
row("audio.read_htk", path=lambda: things.saved("a.htk", lambda path: audio.write_htk(path, np.ones((3, 2)))))
row("audio.read_ark", path=lambda: things.saved("a.ark", lambda path: audio.write_ark(path, {"u": np.ones((3, 2))})))
row("audio.read_scp", path=lambda: things.saved("a.scp", files.write_scp))
row("audio.write_.*", path=lambda: "written", values=lambda: np.ones((3, 2)), items=lambda: {"u": np.ones((3, 2))})


# ---- plots ---------------------------------------------------------------------------------------------------

row("plotting.drawn_in", ink=lambda: "black")
row("plotting.figure", width=lambda: 2.0, height=lambda: 1.0)
row("plotting.plot_hidden_units", fields=lambda: np.ones((2, 3, 3)))
row("plotting.plot_(pictures|reading)", pictures=lambda: np.ones((2, 3, 3)), targets=lambda: [0, 1])
row("plotting.plot_reading", answers=lambda: {"m": np.full((3, 2, 2), 0.5)})
row("plot_cell", cell=lambda: rnnbp.ElmanCell(2, 3))
called_by("plotting.drawn_in", things.entered)

# ---- NETtalk, spoken digits ----------------------------------------------------------------------------------

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


def network() -> rnnbp.Sequential:
    return nettalk.window_network([4], 3)


PHONES = ("AE1", "K", "T")
row("applications.nettalk.(CTC)?Reader", models=lambda: [network()], classes=lambda: PHONES)
row("applications.nettalk.Lexicon.of_nettalk", table=lambda: rnnbp.datasets.load_nettalk(nettalk_file()))
row("applications.nettalk.*", dictionary=lambda: {"cat": [("K", "AE1", "T")]})
row("applications.nettalk.Speaker", reader=lambda: nettalk.Reader([network()], PHONES))
row("applications.nettalk.align", pronunciations=lambda: [("K", "AE1", "T"), ("D", "AO1", "G")], iterations=lambda: 1)
row("applications.nettalk.load_reader", path=lambda: things.saved("reader.npz", files.write_reader))
row("applications.nettalk.scores", reader=lambda: nettalk.Reader([network()], PHONES), lexicon=things.lexicon)
row("applications.nettalk.sound", speech=lambda: [("K", "AE1", "T")])
row("applications.nettalk.train_reader", path=lambda: "trained.npz", progress=lambda: False)
called_by("applications.nettalk.train_reader", things.quickly_read)
needs("applications.nettalk.sound", "espeakng_loader", "slow")
row("applications.spoken_digits.Transcriber.*", feature=things.mfcc, classes=lambda: ("<blank>", "yes", "no"))
row("applications.spoken_digits.Transcriber", model=lambda: rnnbp.Sequential(rnnbp.Dense(4, 3)))
row("applications.spoken_digits.Transcriber.load", path=lambda: things.saved("t.npz", files.write_transcriber))
row("applications.spoken_digits.Transcriber.file", path=lambda: things.saved("t.wav", files.write_wav))
row(
    "applications.spoken_digits.by_speaker",
    runs=lambda: pd.DataFrame({"model": ["gru"] * 2, "speaker": ["ann", "bob"], "test": [0.5, 1.0]}),
)
row(
    "applications.spoken_digits.leave_one_speaker_out",
    load=lambda: lambda speaker: (things.dataset(), [things.dataset()]),
    speakers=lambda: ["a"],
    models=lambda: ["statistics-mlp"],
    seeds=lambda: 1,
    epochs=lambda: 1,
    parameters=lambda: 30,
    progress=lambda: False,
)
row(
    "applications.spoken_digits.noise_table",
    model=lambda: rnnbp.Sequential(rnnbp.MeanOverTime(), rnnbp.Dense(4, 1)),
    data=things.recordings,
    snrs=lambda: [10.0],
    noises=lambda: ["white"],
)
row("applications.spoken_digits.without_speaker", speaker=lambda: "a", path=files.digits)


# ---- datasets and files of others ---------------------------------------------------------------------------

row("datasets.synthetic_word", sounds=lambda: ["a"])
row("datasets.ByName", pattern=lambda: "{label}_{take}.wav")
row("datasets.ByTable", table_file=lambda: "table.csv")
row("datasets.read_ts", path=lambda: things.saved("a.ts", lambda path: rnnbp.datasets.write_ts(path, things.dataset())))
row("datasets.write_ts", path=lambda: "b.ts")
row("interop.load_state_dict", arrays=lambda: rnnbp.interop.state_dict(things.model()))
row("check_gradient", target=things.model, batch=lambda: things.dataset().batch())
row("datasets.feature_of", name=lambda: "spoken-digits")
row("datasets.load", name=lambda: "sunspots")
row("datasets.load_archive", name=lambda: "GunPoint", path=files.archive)
row("datasets.load_digit_strings", path=files.digits, strings=lambda: 2, test_strings=lambda: 2, feature=things.mfcc)
row("datasets.load_faces", path=lambda: things.saved("faces.npy", files.write_faces))
row("datasets.load_nettalk", path=nettalk_file)
row("datasets.load_orl_faces", path=files.people, each=lambda: 2)
row(
    "datasets.load_recordings",
    folder=files.digits,
    labels=lambda: rnnbp.datasets.ByName("{digit}_{speaker}_{take}.wav"),
)
row("datasets.load_speech_commands", path=files.commands)
row("datasets.load_spoken_arabic_digits", path=files.arabic)
row("datasets.load_spoken_digits", path=files.digits)
row("datasets.load_timit", path=files.timit)
row("datasets.read_pgm", path=lambda: things.saved("a.pgm", files.write_pgm))
row("datasets.read_segments", path=lambda: things.saved("a.phn", lambda path: path.write_text("1 2 sh\n")))
row("datasets.write_synthetic_digits", speakers=lambda: ("a",), takes=lambda: 1, digits=lambda: ("1",))

row("write_shards", source=things.dataset, folder=files.new_folder)
row("load_shards", folder=files.shards)
needs("(write_shards|load_shards|ShardedDataset.*)", "pyarrow", "cluster")

row("interop.(from_torch)", parts=lambda: (torch().nn.RNN(2, 3),))
row("interop.state_(to|from)_torch", model=things.per_step, states=lambda: things.per_step().start(1))
row(
    "interop.state_from_torch",
    states=lambda: rnnbp.interop.state_to_torch(things.per_step(), things.per_step().start(1)),
)
needs("interop.(from_torch|to_torch|state_.*_torch)", "torch", "torch")
row("interop.export_onnx", path=lambda: "model.onnx")
row(
    "interop.import_onnx",
    path=lambda: things.saved("in.onnx", lambda path: rnnbp.interop.export_onnx(things.model(), path)),
)
needs("interop.(ex|im)port_onnx", "onnx", "interop")
row("interop.save_safetensors", path=lambda: "model.safetensors")
row("interop.(load|read)_safetensors", path=lambda: things.saved("in.safetensors", write_safetensors))
needs("interop..*_safetensors", "safetensors", "interop")


def torch() -> Any:
    import torch

    return torch


def write_safetensors(path: Any) -> None:
    rnnbp.interop.save_safetensors(things.model(), path)
