"""Files of strangers run no code, take no more than they weigh, and touch nothing outside of their folder."""

import gzip
import io
import pickle
import struct
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

import rnnbp
from rnnbp import datasets
from rnnbp.cli.tables import read_table
from rnnbp.datasets.archives import load_archive
from rnnbp.datasets.unpack import unpack
from rnnbp.models.saving import MODEL_FILE
from rnnbp.runtime import read_archive, read_arrays, read_npy, write_archive


class Canary:
    """Object that writes a file when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self):
        return Path.write_text, (self.place, "the code has run")


def small_model() -> rnnbp.Sequential:
    return rnnbp.Sequential(rnnbp.LSTM(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2), seed=1)


def resumed(path: Path) -> None:
    rnnbp.Trainer(small_model(), rnnbp.CrossEntropy()).resume(path)


READERS = {
    "model": rnnbp.load,
    "checkpoint": resumed,
    "face images": datasets.load_faces,
    "array": read_npy,
    "arrays": lambda path: read_arrays(path, 10**6),
}


def object_array(canary: Canary) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([canary], object), allow_pickle=True)
    return file.getvalue()


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return file.getvalue()


PICKLES = {
    "a pickle": pickle.dumps,
    "an array of objects": object_array,
    "objects under the header of numbers": lambda one: object_array(one).replace(b"'|O'", b"'<i8"),
    "a member of objects": lambda one: zipped(**{"header.npy": object_array(one), "vector.npy": object_array(one)}),
    "objects besides": lambda one: zipped(**{"extra.npy": object_array(one)}),
    "a pickle as header": lambda one: zipped(**{"header.npy": pickle.dumps(one)}),
    "a file of PyTorch's": lambda one: zipped(archive__data__pkl=pickle.dumps(one), archive__version=b"3"),
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize("pickled", PICKLES.values(), ids=PICKLES)
def test_a_pickle_in_a_file_is_not_run(reader, pickled, tmp_path):
    canary = tmp_path / "canary"
    (tmp_path / "stranger.npz").write_bytes(pickled(Canary(canary)))
    with pytest.raises(ValueError, match=r"stranger\.npz"):
        reader(tmp_path / "stranger.npz")
    assert not canary.exists()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pickle.loads(pickle.dumps(Canary(canary)))
    assert canary.exists()  # so that it is one


TYPES = (
    "os.system",
    "builtins.eval",
    "subprocess.Popen",
    "pathlib.Path",
    "numpy.ndarray",
    "Sequential",
    "to_config",
    "",
)


@pytest.mark.parametrize("name", TYPES)
def test_a_model_names_only_classes_of_models(name, tmp_path):
    path = tmp_path / "model.npz"
    small_model().save(path)
    header, arrays = read_archive(path, MODEL_FILE)
    kept = {key: value for key, value in header.items() if key not in ("kind", "version")}
    write_archive(path, MODEL_FILE, kept | {"layers": [{"type": name, "args": "true"}]}, arrays)
    with pytest.raises(ValueError, match=r"model\.npz' does not contain a complete model: unknown type"):
        rnnbp.load(path)


@pytest.mark.parametrize("argument", ["hidden_size", "input_size", "num_layers"])
@pytest.mark.parametrize("size", [10**5, 10**9, 2**62])
def test_a_model_that_claims_to_be_huge_is_refused_before_it_is_made(argument, size, tmp_path):
    path = tmp_path / "model.npz"
    small_model().save(path)
    header, arrays = read_archive(path, MODEL_FILE)
    header["layers"][0][argument] = size
    kept = {key: value for key, value in header.items() if key not in ("kind", "version")}
    write_archive(path, MODEL_FILE, kept, arrays)
    began = time.process_time()
    with pytest.raises(ValueError, match=r"model\.npz' does not contain a complete model"):
        rnnbp.load(path)
    assert time.process_time() - began < 2


def test_members_that_share_their_bytes_are_refused(tmp_path):
    """Return many times what a file weighs: each of many members is the same bytes of the file."""
    content = io.BytesIO()
    np.save(content, np.zeros(1000))
    data = bytearray(zipped(**{f"a{k}.npy": content.getvalue() if k == 0 else b"" for k in range(3)}))
    first = data.index(b"PK\1\2")
    at, fields = first, data[first + 16 : first + 28]  # CRC-32 and sizes
    while (at := data.find(b"PK\1\2", at + 1)) >= 0:
        data[at + 16 : at + 28] = fields
        data[at + 42 : at + 46] = struct.pack("<I", 0)
    (tmp_path / "m.npz").write_bytes(data)
    with pytest.raises(ValueError, match="its arrays claim 24384 bytes together, at most"):
        rnnbp.load(tmp_path / "m.npz")


BOMBS = {
    "series.ts.gz": datasets.read_ts,
    "table.csv.gz": read_table,
    "words.dict.gz": datasets.load_cmudict,
    "nettalk.data.gz": datasets.load_nettalk,
    "feats.scp.gz": rnnbp.audio.read_scp,
}


@pytest.mark.parametrize(("name", "reader"), BOMBS.items(), ids=BOMBS)
def test_a_compressed_text_that_unpacks_to_a_thousand_times_is_refused(name, reader, tmp_path, monkeypatch):
    monkeypatch.setattr("rnnbp.runtime.sources.UNPACKED", 2**16)
    (tmp_path / name).write_bytes(gzip.compress(b"# a comment\n" * 2**17, 9))
    with pytest.raises(ValueError, match=r"unpacks to more than \d+ bytes, which no text of its size does"):
        reader(tmp_path / name)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zips_compressed_in_ways_that_unpack_whole_blocks_are_refused(method, tmp_path):
    with zipfile.ZipFile(tmp_path / "data.zip", "w", method) as archive:
        archive.writestr("a", bytes(2**22))
    with pytest.raises(ValueError, match=r"data\.zip' holds 'a', which is compressed in another way"):
        unpack(tmp_path / "data.zip", tmp_path / "out", most_bytes=10**9, most_files=10)


def test_a_zip_of_folders_in_folders_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr("a/" * 200 + "b", b"")
    with pytest.raises(ValueError, match=r"data\.zip' holds a file in 200 folders, at most 31 are taken"):
        unpack(tmp_path / "data.zip", tmp_path / "out", most_bytes=10, most_files=10)
    assert [path.name for path in tmp_path.iterdir()] == ["data.zip"]


@pytest.mark.parametrize("name", ["../outside.wav", "/etc/passwd", "in/../../outside.wav", "C:\\a.wav"])
def test_a_label_table_names_recordings_within_its_folder_alone(name, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    rnnbp.audio.write_wav(tmp_path / "outside.wav", np.zeros(10), 8000)
    (folder / "labels.csv").write_text(f"file,label\n{name},yes\n")
    with pytest.raises(ValueError, match=r"labels\.csv', row 0: .* leads out of"):
        datasets.load_recordings(folder, datasets.ByTable("labels.csv"))


def test_an_index_of_kaldi_is_kept_within_a_folder(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for place in (tmp_path, folder):
        rnnbp.audio.write_ark(place / "a.ark", {"a": np.ones(3)})
    (folder / "link.ark").symlink_to(tmp_path / "a.ark")
    for name in (tmp_path / "a.ark", "../a.ark", "link.ark"):
        (folder / "a.scp").write_text(f"a {name}:2\n")
        with pytest.raises(ValueError, match=r"a\.scp', line 1: .* is not within"):
            rnnbp.audio.read_scp(folder / "a.scp", within=folder)
    (folder / "a.scp").write_text("a a.ark:2\n")
    assert rnnbp.audio.read_scp(folder / "a.scp", within=folder)[0].tolist() == [1, 1, 1]


def test_rows_longer_than_the_header_are_no_index(tmp_path):
    (tmp_path / "a.csv").write_text("sequence,x\na,1,2\na,3,4\n")
    with pytest.raises(
        ValueError, match=r"a\.csv' cannot be read as a table: its rows have more cells than its header"
    ):
        read_table(tmp_path / "a.csv")


def test_an_archive_of_tslearn_is_read_with_limits(tmp_path):
    np.savez_compressed(tmp_path / "Trace.npz", X_train=np.zeros(10**5))
    with pytest.raises(ValueError, match="its arrays claim 800128 bytes together, at most 1000 are taken"):
        read_arrays(tmp_path / "Trace.npz", 1000)
    assert load_archive.__module__ == "rnnbp.datasets.archives"


MARKUP = "<script>alert(1)</script>"


def test_names_are_escaped_where_they_are_shown_as_html():
    data = rnnbp.SequenceDataset(
        [np.ones((3, 2)), np.zeros((3, 2))], targets=[MARKUP, "b"], feature_names=[MARKUP, "b"]
    )
    model = small_model()
    model.classes, model.info, model.feature_names = (MARKUP, "b"), {MARKUP: MARKUP}, (MARKUP, "b")
    trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy())
    for shown in (data, model, trainer):
        assert MARKUP not in shown._repr_html_()
