"""Every reader of files from outside: whole files of it, how it is called, and what it promises."""

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import fuzz_structures as structures
import numpy as np
import pandas as pd
from fuzz_harness import Reader
from fuzz_mutations import gzipped, in_header, text

import rnnbp
from rnnbp import audio, cells, datasets, layers
from rnnbp.datasets.pgm import read_pgm
from rnnbp.datasets.timit import read_segments

WIDE = 8.0  # seconds: pandas takes a quarter of a millisecond for each of at most 16,384 columns, several times
RNG = np.random.default_rng(0)


def file_seeds(suffix: str, *writers: Callable[[Path], Any]) -> Callable[[Path], list[bytes]]:
    """Return seeds written by functions of a path."""

    def seeds(folder: Path) -> list[bytes]:
        found = []
        for k, write in enumerate(writers):
            path = folder / f"{k}{suffix}"
            write(path)
            found.append(path.read_bytes())
        return found

    return seeds


def texts(*contents: str) -> Callable[[Path], list[bytes]]:
    return lambda folder: [content.encode() for content in contents]


def packed(seeds: Callable[[Path], list[bytes]]) -> Callable[[Path], list[bytes]]:
    return lambda folder: [gzip.compress(data, 6, mtime=0) for data in seeds(folder)]


def plain_size(data: bytes) -> int:
    """Return the size of what is compressed in a file, as far as it can be read."""
    size = 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            while block := file.read(2**16):
                size += len(block)
    except Exception:
        pass
    return size


# ---- what is valid ----------------------------------------------------------------------------


def finite(array: np.ndarray, *, axes: Sequence[int] = (1, 2), kinds: str = "f") -> None:
    assert isinstance(array, np.ndarray)
    assert array.ndim in axes, array.shape
    assert array.size > 0
    assert array.dtype.kind in kinds, array.dtype
    assert np.isfinite(array).all()


def is_sound(found: tuple[np.ndarray, int]) -> None:
    y, sr = found
    finite(y)
    assert isinstance(sr, int)
    assert sr > 0


def is_dataset(data: rnnbp.SequenceDataset) -> None:
    assert len(data) > 0
    width = {s.shape[1:] for s in data.sequences}
    assert len(width) == 1, width
    for s in data.sequences:
        assert len(s) > 0
        assert np.isfinite(s).all()
    if data.classes is not None:
        assert len(set(data.classes)) == len(data.classes)
    if isinstance(data.targets, np.ndarray):
        assert len(data.targets) == len(data)
        if data.classes is not None and data.targets.dtype.kind in "iu":
            assert data.targets.min() >= -1
            assert data.targets.max() < len(data.classes)
    batch = data.batch()
    assert batch.x.shape[1] == len(data)


def are_datasets(found: Iterable[rnnbp.SequenceDataset]) -> None:
    for data in found:
        is_dataset(data)


def is_model(model: rnnbp.Sequential) -> None:
    vector = model.params.vector
    assert vector.dtype in (np.float32, np.float64)
    assert vector.size == sum(int(np.prod(shape)) for layer in model.layers for shape in layer.shapes().values())
    for one in (model.params.mask_vector, model.params.frozen_vector):
        assert one is None or (one.shape == vector.shape and one.dtype == bool)
    assert isinstance(model.info, dict)
    assert isinstance(repr(model), str)
    assert model.classes is None or all(isinstance(name, str) for name in model.classes)


# ---- seeds ------------------------------------------------------------------------------------


def waves(path_writer: Callable[..., Any], encodings: Sequence[str | None]) -> list[Callable[[Path], Any]]:
    def writer(encoding: str | None, channels: int) -> Callable[[Path], Any]:
        y = np.sin(np.arange(60 * channels).reshape(channels, 60) / 5).astype(np.float32) * 0.9
        y = y[0] if channels == 1 else y
        return lambda path: path_writer(path, y, 8000, *([] if encoding is None else [encoding]))

    return [writer(encoding, channels) for encoding in encodings for channels in (1, 3)]


def mu_law(path: Path) -> None:
    fmt = struct.pack("<HHIIHH", 7, 1, 8000, 8000, 1, 8)
    data = bytes(range(100))
    body = b"fmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", 100) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body)


def soundfiles(folder: Path) -> list[bytes]:
    import soundfile

    found = []
    for suffix, options in (("flac", {}), ("ogg", {}), ("aiff", {}), ("au", {}), ("wav", {"subtype": "IMA_ADPCM"})):
        path = folder / f"a.{suffix}"
        soundfile.write(path, np.sin(np.arange(500) / 5) * 0.5, 8000, **options)
        found.append(path.read_bytes())
    return found


ARKS = (
    lambda path: audio.write_ark(path, {"a": np.ones((3, 2), np.float32), "b": np.arange(4.0)}),
    lambda path: audio.write_ark_text(path, {"a": np.ones((3, 2)), "b": np.arange(4.0)}),
    lambda path: path.write_bytes(
        b"c \0BCM " + struct.pack("<ffii", -1, 2, 3, 2) + bytes(range(16)) + bytes(range(6))
        + b"d \0BCM2 " + struct.pack("<ffii", -1, 2, 3, 2) + bytes(range(12))
        + b"e \0BCM3 " + struct.pack("<ffii", -1, 2, 3, 2) + bytes(range(6))
    ),
)  # fmt: skip


def read_ark(path: Path) -> list[np.ndarray]:
    return [array for _, array in audio.read_ark(path)]


def are_features(found: Sequence[np.ndarray]) -> None:
    for array in found:
        finite(array)


TS = (
    "@problemName Walks\n@timeStamps false\n@univariate false\n@dimensions 2\n@equalLength true\n@seriesLength 3\n"
    "@classLabel true no yes\n@data\n1,2,3:4,5,6:yes\n7,8,9:1,0,-1e3:no\n",
    "# text\n@univariate true\n@targetLabel true\n@data\n1,2.5,3:0.5\n4,5:1\n",
    "@timeStamps true\n@missing true\n@classLabel true a b\n@data\n(0,1),(1,2):(0,3),(1,4):a\n(0,1):(0,0.5):b\n",
)


def pgms(folder: Path) -> list[bytes]:
    pixels = bytes(range(12))
    return [
        b"P5 4 3 255\n" + pixels,
        b"P5\n# made by hand\n4 3\n65535\n" + 2 * pixels,
        b"P5 4 3 100 " + pixels,
    ]


def people(folder: Path) -> None:
    for person in ("s1", "s2"):
        (folder / person).mkdir(exist_ok=True)
        for k in (1, 2, 3):
            (folder / person / f"{k}.pgm").write_bytes(b"P5 4 3 255\n" + bytes(range(k, 12 + k)))


TABLES = (
    "sequence,step,x0,x1,target\na,0,1,2,yes\na,1,3,4,yes\nb,0,5,6,no\nb,1,7,8.5,no\n",
    "sequence,x,target\n1,0.1,0.5\n1,0.2,0.6\n2,0.3,0.7\n",
    'sequence,step,"a,b",target,sample_weight\n"q ""1""",2020-01-01,1,0,1\n"q ""1""",2020-01-02,2,0,1\nr,1,3,1,2\n',
)


def parquets(folder: Path) -> list[bytes]:
    found = []
    for k, table in enumerate(TABLES[:2]):
        path = folder / f"{k}.parquet"
        pd.read_csv(io.StringIO(table)).to_parquet(path, compression=("snappy", None)[k])
        found.append(path.read_bytes())
    return found


def table(path: Path) -> rnnbp.SequenceDataset:
    from rnnbp.cli.tables import table_dataset

    return table_dataset(path, {})


@cache
def every_layer() -> list[rnnbp.layers.Layer]:
    """Return a small layer of each class, and one with a cell of each class."""
    made = []
    for name in cells.__all__:
        cell = getattr(cells, name)
        for sizes in ((3, 4), (3, 4, 2), (3,)):
            try:
                made.append(layers.Recurrent(cell(*sizes)))
                break
            except (TypeError, ValueError):
                continue
    made += [
        *(layers.LSTM(3, 4, num_layers=2), layers.GRU(3, 4, bidirectional=True), layers.Elman(3, 4, activation="relu")),
        *(layers.Normalize([0.1, -2.0, 3.0], [2.0, 0.0, 0.5]), layers.LayerNorm(3), layers.Conv1D(3, 4, 3, stride=2)),
        *(layers.Chain(layers.Conv1D(3, 4, 2), layers.LayerNorm(4)), layers.Residual(layers.LSTM(3, 3))),
        *(layers.Highway(3, layers.Dense(3, 3)), layers.Parallel(layers.LSTM(3, 4), layers.Dense(3, 1))),
        *(
            layers.AttentionPooling(3, 4),
            layers.LearnedStart(layers.LSTM(3, 4)),
            layers.Window(2, 1),
            layers.Flatten(8),
        ),
        *(layers.Zoneout(cells.LSTMCell(3, 4), (0.1, 0.5)), layers.RecurrentDropout(cells.LSTMCell(3, 4), 0.5)),
        *(layers.Recurrent(cells.Stack((cells.LSTMCell(3, 4), cells.GRUCell(4, 2)))), layers.Embedding(5, 3)),
        *(layers.Resample(4), layers.Dropout(0.5), layers.Last(), layers.TimeStatistics(), layers.Reverse()),
        *(layers.Bidirectional(cells.GRUCell(3, 4)), layers.FixedPoint(cells.ElmanCell(3, 4))),
    ]
    return made


def small_model() -> rnnbp.Sequential:
    return rnnbp.Sequential(rnnbp.LSTM(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2), seed=1)


def models() -> list[rnnbp.Sequential]:
    full = rnnbp.Sequential(rnnbp.Normalize([0.0, 1.0], [1.0, 2.0]), rnnbp.LSTM(2, 3), rnnbp.Dense(3, 2), seed=1)
    full.classes, full.loss, full.info = ("no", "yes"), rnnbp.CrossEntropy(), {"epochs": 3, "dataset": "a.csv"}
    full.feature_names = ("pitch", "energy")
    full.freeze("1.*")
    found = [full, small_model()]
    for layer in every_layer():
        try:
            found.append(rnnbp.Sequential(layer, seed=0))
        except (TypeError, ValueError):
            continue
    return found


def saved(suffix: str, save: Callable[[rnnbp.Sequential, Path], Any]) -> Callable[[Path], list[bytes]]:
    def seeds(folder: Path) -> list[bytes]:
        found = []
        for k, model in enumerate(models()):
            path = folder / f"{k}{suffix}"
            try:
                save(model, path)
            except ValueError:  # a layer that this format does not have
                continue
            found.append(path.read_bytes())
        return found

    return seeds


def small_trainer() -> rnnbp.Trainer:
    return rnnbp.Trainer(small_model(), rnnbp.CrossEntropy(), optimizer=rnnbp.Adam(0.01))


def checkpoints(folder: Path) -> list[bytes]:
    trainer = small_trainer()
    data = rnnbp.SequenceDataset([np.ones((3, 2)) * k for k in range(4)], targets=[0, 1, 0, 1])
    trainer.fit(data, data, epochs=2, progress=False, stopping=rnnbp.EarlyStopping())
    trainer.save(folder / "a.npz")
    other = small_trainer()
    other.save(folder / "b.npz")
    return [(folder / name).read_bytes() for name in ("a.npz", "b.npz")]


@cache
def _trainer() -> rnnbp.Trainer:
    return small_trainer()


def resumed(path: Path) -> rnnbp.Trainer:
    return _trainer().resume(path) or _trainer()


def is_trainer(trainer: rnnbp.Trainer) -> None:
    assert np.isfinite(trainer.model.params.vector).all()
    assert trainer.model.params.vector.size == small_model().params.vector.size


CONTENT = {"a/one.txt": b"one" * 50, "two.txt": bytes(range(256))}


def zips(folder: Path) -> list[bytes]:
    return [structures.zipped(list(CONTENT.items()), method) for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)]


def tars(folder: Path) -> list[bytes]:
    found = []
    for form in ("gz", "bz2", "xz", ""):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode=f"w:{form}") as tar:
            for name, content in CONTENT.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        found.append(out.getvalue())
    return found


def unpacked(path: Path) -> list[Path]:
    import shutil

    from rnnbp.datasets.unpack import unpack

    out = path.parent / "out"
    try:
        return list(unpack(path, out, most_bytes=10**6, most_files=100).rglob("*"))
    finally:
        shutil.rmtree(out, ignore_errors=True)
        left = [p.name for p in path.parent.iterdir() if p != path]
        assert not left, left


def within(found: Sequence[Path]) -> None:
    assert all("out" in p.parts and ".." not in p.parts for p in found), found


LABELS = "file,label,speaker\na.wav,yes,ann\nb.wav,no,bob\nin/c.wav,yes,ann\n"


def recordings(folder: Path) -> None:
    (folder / "in").mkdir(exist_ok=True)
    for name in ("a.wav", "b.wav", "in/c.wav"):
        audio.write_wav(folder / name, np.full(40, 0.25), 8000)


def labelled(path: Path) -> rnnbp.SequenceDataset:
    return datasets.load_recordings(path.parent, datasets.ByTable(path.name))


def is_lexicon(found: dict[str, Any]) -> None:
    assert found
    assert all(isinstance(word, str) and word and all(ways) for word, ways in found.items())


def is_corpus(found: pd.DataFrame) -> None:
    assert len(found)
    assert (found["word"].str.len() == found["phonemes"].str.len()).all()


def are_segments(found: pd.DataFrame) -> None:
    assert len(found)
    assert found["start"].dtype == np.int64
    assert (found["end"] >= found["start"]).all()


FIGURES = (
    "table,row,column,value,unit,origin,source,version\n"
    "t,,model,model,text,heading,,\nt,GRU,shuffled,57,%,published,Greydanus,\n"
    't,"a, b",speed,12000,,recorded,rnnbp bench,0.1.0\n'
)


def figures(path: Path) -> list[str]:
    from rnnbp.reproduction.figures import read_figures

    return [figure.shown for figure in read_figures(path)]


def suite_report(folder: Path) -> list[bytes]:
    from rnnbp.comparison.suite.folder import KIND
    from rnnbp.runtime import write_archive

    header = {
        "runs": {"model": ["small"], "seed": [0], "test": [0.5]},
        "curves": {"model": ["small", "small"], "epoch": [1, 2], "loss": [0.5, 0.25]},
        "metric": "accuracy",
        "settings": {"epochs": "2"},
        "memory": {"lag": [1], "share": [0.5]},
    }
    write_archive(folder / "a.npz", KIND, header, {"small": small_model().params.vector})
    return [(folder / "a.npz").read_bytes()]


SETTINGS = '{"epochs": 2, "models": {"small": "LSTM(2, 3)"}, "precisions": ["float32"]}'


def task_folder(folder: Path) -> None:
    (folder / "settings.json").write_text(SETTINGS)


def finished(path: Path) -> Any:
    import json

    from rnnbp.comparison.suite.folder import TaskFolder

    return TaskFolder(path.parent, json.loads(SETTINGS)).finished({"small": small_model()})


def is_report(found: Any) -> None:
    if found is None:
        return
    report, memory = found
    assert isinstance(report.runs, pd.DataFrame)
    assert isinstance(report.curves, pd.DataFrame)
    assert isinstance(report.metric, str)
    assert isinstance(report.settings, dict)
    assert memory is None or isinstance(memory, pd.DataFrame)
    assert np.isfinite(report.trained["small"].params.vector).all()


def arabic(path: Path) -> Any:
    from rnnbp.datasets.arabic_digits import TEST

    (path.parent / TEST).write_bytes(path.read_bytes())
    return datasets.load_spoken_arabic_digits(path.parent)


FRAME = " ".join(["0.5"] * 13)


def tslearn(path: Path) -> Any:
    from rnnbp.datasets.archives import _read_npz

    return _read_npz(path.stem, path.parent, "the folder has")


def tslearns(folder: Path) -> list[bytes]:
    arrays = {"X_train": np.ones((3, 4, 1)), "X_test": np.ones((2, 4, 1)), "y_train": [1, 2, 1], "y_test": [1, 2]}
    np.savez(folder / "a.npz", **arrays)
    np.savez_compressed(folder / "b.npz", **arrays)
    return [(folder / name).read_bytes() for name in ("a.npz", "b.npz")]


def scp(path: Path) -> list[np.ndarray]:
    lazy = audio.read_scp(path, within=path.parent)
    return [lazy[k] for k in range(len(lazy))]


def onnx_seeds(folder: Path) -> list[bytes]:
    found = []
    chosen = [
        rnnbp.Sequential(rnnbp.LSTM(3, 4), rnnbp.Last(), rnnbp.Dense(4, 2), seed=0),
        rnnbp.Sequential(rnnbp.GRU(3, 4, bidirectional=True), rnnbp.Dense(8, 2), seed=0),
        rnnbp.Sequential(layers.Conv1D(3, 4, 3), layers.Residual(rnnbp.Dense(4, 4, "tanh")), rnnbp.Elman(4, 2), seed=0),
        rnnbp.Sequential(layers.Recurrent(cells.MGUCell(3, 4)), rnnbp.Dense(4, 2), seed=0),
    ]
    chosen[0].classes = ("no", "yes")
    for k, model in enumerate(chosen):
        rnnbp.interop.export_onnx(model, folder / f"{k}.onnx")
        found.append((folder / f"{k}.onnx").read_bytes())
    return found


def sharded(folder: Path) -> Path:
    place = folder / "shards"
    if not place.is_dir():
        data = rnnbp.SequenceDataset(
            [np.ones((k + 2, 2)) * k for k in range(5)], targets=["no", "yes", "no", "yes", "no"], ids=list("abcde")
        )
        rnnbp.write_shards(data, place, sequences_per_shard=2)
    return place


def shard_files(folder: Path) -> None:
    for path in sharded(folder.parent).glob("*.parquet"):
        (folder / path.name).write_bytes(path.read_bytes())


def all_files(folder: Path) -> None:
    shard_files(folder)
    (folder / "index.npz").write_bytes((sharded(folder.parent) / "index.npz").read_bytes())


def shard_index(path: Path) -> list[Any]:
    data = rnnbp.load_shards(path.parent)
    return [data, *data.batches(2)]


def are_batches(found: list[Any]) -> None:
    data, *batches = found
    assert sum(batch.x.shape[1] for batch in batches) == len(data)
    assert all(np.isfinite(batch.x).all() for batch in batches)


def sweep_run(folder: Path) -> list[bytes]:
    from rnnbp.comparison.sweeps.folder import SweepFolder
    from rnnbp.comparison.sweeps.run_result import RunResult

    SweepFolder(folder).write(RunResult(3, 0, "ok", 0.9, 2, parameters=np.ones(5)), {"hidden_size": 8})
    return [(folder / "trial-0003-seed-0.npz").read_bytes()]


def sweep_result(path: Path) -> Any:
    from rnnbp.comparison.sweeps.folder import SweepFolder

    return SweepFolder(path.parent).result(3, 0)


def sweep_about(path: Path) -> None:
    import json

    from rnnbp.comparison.sweeps.folder import SweepFolder

    with SweepFolder(path.parent).in_use(json.loads(SETTINGS)):
        pass


NPY = (structures.npy_header, structures.odd_values)
ARCHIVE = (
    *(structures.signed(structures.npz_header), structures.signed(structures.npz_header)),
    *(structures.signed(structures.npz_member()), structures.npz_member(), structures.zip_members),
)

READERS = [
    Reader("wav", "stranger.wav", file_seeds(".wav", *waves(audio.write_wav,
           ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]), mu_law), audio.read_wav, is_sound,
           (structures.riff, in_header(60)), needs=("soundfile",)),
    Reader("wav header", "stranger.wav", file_seeds(".wav", *waves(audio.write_wav, ["PCM_16"])), audio.wav_info,
           lambda info: finite(np.array([info.seconds])), (structures.riff, in_header(60))),
    Reader("sphere", "stranger.sph", file_seeds(".sph", *waves(audio.write_sphere, [None])), audio.read_sphere,
           is_sound, (text,), needs=("soundfile",)),
    Reader("other audio", "stranger.flac", soundfiles, audio.read_audio, is_sound, (in_header(120),), multiple=1000,
           needs=("soundfile",)),
    Reader("htk", "stranger.mfc", file_seeds(".mfc", *[
        lambda path, k=kind: audio.write_htk(path, np.arange(12.0).reshape(6, 2) if "_C" not in k else
                                             np.arange(24.0).reshape(12, 2) / 7, kind=k)
        for kind in ("MFCC", "MFCC_C", "USER", "WAVEFORM", "DISCRETE")]),
           audio.read_htk, lambda found: finite(found.values), (in_header(12),)),
    Reader("kaldi ark", "stranger.ark", file_seeds(".ark", *ARKS), read_ark, are_features, (in_header(40), text)),
    Reader("kaldi scp.gz", "stranger.scp", packed(texts("a feats.ark:2\nb feats.ark:43\n")), scp, are_features,
           (gzipped, in_header(12)), beside=lambda folder: ARKS[0](folder / "feats.ark"), names="", plain=plain_size),
    Reader("kaldi scp", "stranger.scp", texts("a feats.ark:2\nb feats.ark:43\n", "a feats.ark:2\n"), scp, are_features,
           (text,), beside=lambda folder: ARKS[0](folder / "feats.ark"), names=""),
    Reader("ts", "stranger.ts", texts(*TS), datasets.read_ts, is_dataset, (text,), multiple=100),
    Reader("ts.gz", "stranger.ts.gz", packed(texts(*TS)), datasets.read_ts, is_dataset, (gzipped, in_header(12)),
           multiple=100, plain=plain_size),
    Reader("pgm", "stranger.pgm", pgms, read_pgm, finite, (text, in_header(16))),
    Reader("orl faces", "s2/2.pgm", pgms, lambda path: datasets.load_orl_faces(path.parents[1], each=2, block=1),
           are_datasets, (text, in_header(16)), beside=people),
    Reader("csv", "stranger.csv", texts(*TABLES), table, is_dataset, (text,), multiple=200,
           floor_seconds=WIDE),
    Reader("csv.gz", "stranger.csv.gz", packed(texts(*TABLES)), table, is_dataset, (gzipped, in_header(12)),
           multiple=200, plain=plain_size, floor_seconds=WIDE),
    Reader("parquet", "stranger.parquet", parquets, table, is_dataset, (), multiple=200, needs=("pyarrow",)),
    Reader("model", "stranger.npz", saved(".npz", rnnbp.Sequential.save), rnnbp.load, is_model, ARCHIVE),
    Reader("checkpoint", "stranger.npz", checkpoints, resumed, is_trainer, ARCHIVE),
    Reader("safetensors", "stranger.safetensors", saved(".safetensors", lambda model, path:
           rnnbp.interop.save_safetensors(model, path)), lambda path: rnnbp.interop.load_safetensors(path), is_model,
           (structures.safetensors,), needs=("safetensors",)),
    Reader("onnx", "stranger.onnx", onnx_seeds, lambda path: rnnbp.interop.import_onnx(path), is_model,
           (structures.protobuf,), multiple=200, needs=("onnx",)),
    Reader("zip", "stranger.zip", zips, unpacked, within, (structures.zip_members,)),
    Reader("tar", "stranger.tar.gz", tars, unpacked, within, (structures.tar_members,), multiple=1100,
           floor=2**24),  # LZMA takes 8 MB for itself
    Reader("label table", "labels.csv", texts(LABELS), labelled, is_dataset, (text,), multiple=200, beside=recordings,
           names="", floor_seconds=WIDE),
    Reader("dictionary", "stranger.dict", texts("knob  N AA1 B\nRECORD  R AH0 K AO1 R D\nRECORD(1)  R EH1 K ER0 D\n",
           ";;; text\nat AE1 T # comment\n"), datasets.load_cmudict, is_lexicon, (text,)),
    Reader("dictionary.gz", "stranger.dict.gz", packed(texts("knob  N AA1 B\nat AE1 T\n")), datasets.load_cmudict,
           is_lexicon, (gzipped, in_header(12)), plain=plain_size),
    Reader("nettalk", "nettalk.data", texts("a header\nknob\t-nab\t>>1<\t0\ncat\tk@t\t>1<\t1\n"), datasets.load_nettalk,
           is_corpus, (text,)),
    Reader("nettalk list", "nettalk.list", texts("(THE OF AND\nKNOB CAT)\n"),
           lambda path: datasets.load_nettalk(path.parent), is_corpus, (text,),
           beside=lambda folder: (folder / "nettalk.data").write_text("knob\t-nab\t>>1<\t0\n")),
    Reader("timit segments", "SA1.PHN", texts("0 3050 h#\n3050 4559 sh\n"), read_segments, are_segments,
           (text,)),
    Reader("arabic digits", "Train_Arabic_Digit.txt", texts(f"\n{FRAME}\n" * 200), arabic, are_datasets,
           (text,), multiple=100, names="Arabic_Digit.txt"),
    Reader("face images", "lfw_subset.npy", file_seeds(".npy", lambda path: np.save(path, np.full((200, 25, 25), 0.5,
           np.float32))), datasets.load_faces, is_dataset, (*NPY, in_header(128))),
    Reader("tslearn", "stranger.npz", tslearns, tslearn, are_datasets,
           (structures.npz_member(), structures.zip_members),
           multiple=1100),
    Reader("figures", "figures.csv", texts(FIGURES), figures, lambda found: None, (text,)),
    Reader("suite report", "report.npz", suite_report, finished, is_report, ARCHIVE, beside=task_folder),
    Reader("shard index", "index.npz", lambda folder: [(sharded(folder) / "index.npz").read_bytes()], shard_index,
           are_batches, ARCHIVE, beside=shard_files, names="", needs=("pyarrow",)),
    Reader("shard", "shard-00001.parquet", lambda folder: [(sharded(folder) / "shard-00001.parquet").read_bytes()],
           shard_index, are_batches, (in_header(200),), names="shard-00001", needs=("pyarrow",), beside=all_files),
    Reader("sweep run", "trial-0003-seed-0.npz", sweep_run, sweep_result, lambda found: None, ARCHIVE),
    Reader("sweep settings", "sweep.json", texts(SETTINGS), sweep_about, lambda found: None,
           (structures.json_text, text), names=""),
    Reader("suite settings", "settings.json", texts(SETTINGS), finished, is_report, (structures.json_text, text),
           names=""),
]  # fmt: skip


def installed(reader: Reader) -> bool:
    """Return whether the packages that a reader needs are installed."""
    from importlib.util import find_spec

    return all(find_spec(name) is not None for name in reader.needs)
