"""Older checkpoints are kept beside the newest, which is checked on reading; a damaged one falls back to one before."""

import warnings
import zipfile

import numpy as np
import pytest

import rnnbp
from rnnbp.runtime import DamagedFileError, read_archive, write_archive
from rnnbp.runtime.archives import CHECKSUM, checksum
from rnnbp.training.checkpoint import CHECKPOINT_FILE
from rnnbp.training.rotation import existing, older


def data() -> rnnbp.SequenceDataset:
    rng = np.random.default_rng(0)
    return rnnbp.SequenceDataset([rng.normal(k % 2, 1, (4, 2)) for k in range(8)], targets=[k % 2 for k in range(8)])


def trainer() -> rnnbp.Trainer:
    model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2), seed=0)
    return rnnbp.Trainer(model, rnnbp.CrossEntropy())


def trained(epochs: int, path=None, **options) -> rnnbp.Trainer:
    made = trainer()
    made.fit_up_to(epochs, data(), progress=False, checkpoint=path, **options)
    return made


def epochs_in(path) -> list[int]:
    return [len(read_archive(older(path, n), CHECKPOINT_FILE)[0]["rows"]) for n in existing(path)]


def damage(path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(("options", "epochs"), [({}, [5, 4, 3]), ({"keep": 1}, [5]), ({"keep": 4}, [5, 4, 3, 2])])
def test_the_newest_checkpoints_are_kept(options, epochs, tmp_path):
    trained(5, tmp_path / "run.npz", **options)
    assert epochs_in(tmp_path / "run.npz") == epochs
    assert len(list(tmp_path.iterdir())) == len(epochs)


def test_a_resumed_run_rotates_on_and_keeps_fewer_where_it_is_told(tmp_path):
    trained(3, tmp_path / "run.npz", keep=3)
    trained(4, tmp_path / "run.npz", keep=3)
    assert epochs_in(tmp_path / "run.npz") == [4, 3, 2]
    trained(5, tmp_path / "run.npz", keep=2)
    assert epochs_in(tmp_path / "run.npz") == [5, 4]


def test_a_new_run_leaves_no_older_checkpoints_of_another(tmp_path):
    trained(3, tmp_path / "run.npz")
    trainer().fit(data(), epochs=1, progress=False, checkpoint=tmp_path / "run.npz")
    assert epochs_in(tmp_path / "run.npz") == [1]


@pytest.mark.parametrize("lost", ["damaged", "missing"])
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before_with_a_warning_that_names_both(lost, tmp_path):
    path, whole = tmp_path / "run.npz", trained(4)
    trained(3, path)
    damage(path) if lost == "damaged" else path.unlink()
    with pytest.warns(UserWarning, match=r"run\.npz'.*; resumed from the one before, '.*run\.npz\.1'") as warned:
        resumed = trained(4, path)
    assert len(warned) == 1
    np.testing.assert_array_equal(resumed.model.params.vector, whole.model.params.vector)
    assert epochs_in(path) == [4, 3, 2, 1][: len(epochs_in(path))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained(4, path)


def test_whole_checkpoints_are_not_overwritten_by_a_damaged_one(tmp_path):
    path = tmp_path / "run.npz"
    trained(2, path, keep=2)
    damage(path)
    with pytest.warns(UserWarning, match="resumed from"):
        trained(2, path, keep=2)
    assert epochs_in(path) == [2, 1]


def test_an_error_names_all_checkpoints_where_all_are_damaged(tmp_path):
    path = tmp_path / "run.npz"
    trained(3, path)
    for number in range(3):
        damage(older(path, number))
    before = trainer()
    with pytest.raises(DamagedFileError, match=r"none of 3 checkpoints is whole: .*run\.npz' .*npz\.1' .*npz\.2' "):
        before.resume(path)
    assert before.rows == []


def test_a_checkpoint_of_another_model_is_no_damaged_one(tmp_path):
    trained(3, tmp_path / "run.npz")
    other = rnnbp.Sequential(rnnbp.Elman(2, 4), rnnbp.Last(), rnnbp.Dense(4, 2))
    with pytest.raises(ValueError, match="another model or optimizer"):
        rnnbp.Trainer(other, rnnbp.CrossEntropy()).resume(tmp_path / "run.npz")


def test_a_changed_bit_anywhere_is_noticed_or_changes_nothing_and_a_truncated_file_always_is(tmp_path):
    path = tmp_path / "a.npz"
    arrays = {"a": np.arange(5.0), "b": np.arange(5.0) + 1}
    write_archive(path, "rnnbp test", {"n": 1}, arrays)
    whole, noticed = path.read_bytes(), set()
    with zipfile.ZipFile(path) as archive:
        members = [(one.header_offset + 30 + len(one.filename) + 20, one.file_size) for one in archive.infolist()]
    read = {place for start, size in members for place in range(start, start + size)}
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        try:
            header, found = read_archive(path, "rnnbp test")
        except ValueError:
            noticed.add(place)
        else:  # a date, or another field of the archive that is not read
            assert header["n"] == 1
            assert {name: array.tobytes() for name, array in found.items()} == {
                k: v.tobytes() for k, v in arrays.items()
            }
    assert read <= noticed
    assert len(noticed) > 0.75 * len(whole)
    for size in range(0, len(whole), 5):
        path.write_bytes(whole[:size])
        with pytest.raises(DamagedFileError):
            read_archive(path, "rnnbp test")


def test_exchanged_arrays_are_noticed(tmp_path):
    path = tmp_path / "run.npz"
    trained(2, path, keep=1)
    with np.load(path) as file:
        arrays = dict(file)
    arrays["optimizer.mean"], arrays["optimizer.square"] = arrays["optimizer.square"], arrays["optimizer.mean"]
    with path.open("wb") as file:
        np.savez(file, **arrays)
    with pytest.raises(DamagedFileError, match="damaged: its checksum is not that of its contents"):
        trainer().resume(path)


def test_files_of_version_1_are_read_and_those_of_a_newer_one_name_it(tmp_path):
    path = tmp_path / "run.npz"
    whole = trained(2, path, keep=1)
    header, arrays = read_archive(path, CHECKPOINT_FILE)
    for version in (1, 3):
        write_archive(path, CHECKPOINT_FILE, header | {"version": version}, arrays)
        if version == 1:
            again = trainer()
            again.resume(path)
            assert again.rows == whole.rows
        else:
            with pytest.raises(
                ValueError, match="is of version 3 of 'rnnbp checkpoint', and this rnnbp reads versions 1 to 2"
            ):
                trainer().resume(path)


def test_a_checksum_is_of_names_types_shapes_and_elements():
    arrays = {"a": np.arange(4, dtype=np.int32)}
    others = [
        {"b": arrays["a"]},
        {"a": arrays["a"].view(np.float32)},
        {"a": arrays["a"].reshape(2, 2)},
        {"a": arrays["a"][::-1]},
        {"a": arrays["a"], "c": np.zeros((0, 2))},
    ]
    found = [checksum({}, each) for each in (arrays, *others)] + [checksum({CHECKSUM: 1}, arrays)]
    assert len(set(found)) == len(found)
