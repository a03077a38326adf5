"""Every public argument of the datasets and of the readers of recordings changes the result, or raises."""

import inspect
import io

import numpy as np
import pytest

from rnnbp import audio, datasets
from rnnbp.data import SequenceDataset
from rnnbp.datasets.arabic_digits import TEST, TRAIN
from rnnbp.features import LogMel, Variation

FEATURE = LogMel(sr=8000, n_mels=10)
OTHER = LogMel(sr=8000, n_mels=12)
NAMES = datasets.ByName("{digit}_{speaker}_{index}.wav", label="digit")
Y = np.random.default_rng(0).uniform(-1, 1, 1600)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with small corpora in the layouts that the loaders read."""
    root = tmp_path_factory.mktemp("corpora")
    digits = ["1", "3", "8"]
    datasets.write_synthetic_digits(root / "digits", speakers=["ann", "bob"], takes=12, digits=digits)
    for word in ("go", "stop"):
        (root / "commands" / word).mkdir(parents=True)
        for name in ("a69b9b3e_nohash_0", "bb05582b_nohash_3", "00000001_nohash_0"):
            audio.write_wav(root / "commands" / word / f"{name}.wav", Y, 8000)
    for part in ("TRAIN", "TEST"):
        timit = root / "timit" / part / "DR1" / "FCJF0"
        timit.mkdir(parents=True)
        audio.write_sphere(timit / "SA1.WAV", Y, 8000)
        (timit / "SA1.PHN").write_text("0 800 sh\n800 1600 iy\n")
    (root / "arabic").mkdir()
    for name in (TRAIN, TEST):
        (root / "arabic" / name).write_text(("\n" + " ".join(["0.1"] * 13) + "\n") * 200)
    for person in ("s1", "s2"):
        (root / "faces" / person).mkdir(parents=True)
        for k in range(1, 5):
            pixels = bytes((37 * k + 5 * i) % 251 for i in range(32))
            (root / "faces" / person / f"{k}.pgm").write_bytes(b"P5 4 8 255\n" + pixels)
    (root / "archive").mkdir()
    for name, values in (("One", "1,2"), ("Two", "3,4")):
        for part in ("TRAIN", "TEST"):
            (root / "archive" / f"{name}_{part}.ts").write_text(f"@data\n{values}\n")
    lines = ["file,label,other,name", "1_ann_0.wav,a,c,3_bob_0.wav", "3_ann_0.wav,b,d,1_ann_1.wav"]
    (root / "digits" / "table.csv").write_text("\n".join(lines))
    (root / "digits" / "more.csv").write_text("\n".join(lines[:2]))
    audio.write_ark(root / "a.ark", {"utt": Y, "utt2": Y}, scp=root / "a.scp")
    return root


def seen(result):
    """Return the contents of a dataset, a table or a tuple of them in a comparable form."""
    if isinstance(result, SequenceDataset):
        sequences = [(s.dtype.str, s.shape, s.tobytes()) for s in result.sequences]
        return (sequences, seen(result.targets), result.classes, repr(result.info), repr(result.ids))
    if isinstance(result, tuple | list):
        return [seen(part) for part in result]
    if isinstance(result, np.ndarray):
        return (result.dtype.str, result.shape, result.tobytes())
    return repr(result)


MADE = {
    "adding_problem": ({"sequences": 3, "steps": 6}, {"sequences": 4, "steps": 7, "seed": 1}),
    "copy_memory": (
        {"sequences": 3, "delay": 3},
        {"sequences": 4, "delay": 4, "symbols": 5, "length": 3, "seed": 1},
    ),
    "delayed_recall": ({"sequences": 5, "delay": 3}, {"sequences": 4, "delay": 4, "classes": 3, "seed": 1}),
    "embedded_reber": ({"sequences": 3}, {"sequences": 4, "seed": 1}),
    "load_cmudict": ({}, {"path": lambda: io.StringIO("knob N AA1 B\n")}),
    "load_digit_rows": ({}, {"test_fraction": 0.3, "seed": 1}),
    "load_digits": ({}, {"test_fraction": 0.3, "seed": 1}),
    "load_shakespeare": ({}, {"train": 0.5}),
    "load_sunspots": ({}, {"split_year": 1900}),
    "mackey_glass": (
        {"sequences": 2, "steps": 9},
        {"sequences": 3, "steps": 8, "ahead": 2, "tau": 20.0, "seed": 1},
    ),
    "narma": ({"sequences": 2, "steps": 9}, {"sequences": 3, "steps": 8, "seed": 1}),
    "mackey_glass_series": ({"steps": 9}, {"steps": 8, "tau": 20.0, "seed": 1}),
    "mnist1d": ({"train": 7, "test": 3}, {"shuffled": True, "train": 17, "test": 13, "seed": 1}),
    "parity": ({"sequences": 5, "steps": 9}, {"sequences": 4, "steps": 8, "shortest": 2, "seed": 1}),
    "reber": ({"sequences": 3}, {"sequences": 4, "seed": 1}),
    "sine_mixtures": (
        {"sequences": 3, "steps": 9},
        {"sequences": 4, "steps": 8, "waves": 2, "noise": 0.1, "seed": 1},
    ),
    "synthetic_vowel_strings": (
        {"sequences": 9},
        {"sequences": 8, "fewest": 3, "most": 4, "shortest": 14, "longest": 20, "noise": 0.1, "seed": 1},
    ),
    "synthetic_vowels": (
        {"sequences": 9},
        {"sequences": 8, "shortest": 14, "longest": 20, "noise": 0.1, "seed": 1},
    ),
    "synthetic_word": (
        {"sounds": ["iy", "s"], "rng": lambda: np.random.default_rng(0)},
        {"sounds": ["aa"], "rng": lambda: np.random.default_rng(1), "pitch": 90.0, "tract": 1.2},
    ),
    "temporal_xor": ({"sequences": 3, "triples": 4}, {"sequences": 4, "triples": 5, "seed": 1}),
}
CHANGES = [(name, argument) for name, (_, others) in MADE.items() for argument in others]


@pytest.mark.parametrize(("name", "argument"), CHANGES, ids=[f"{n}-{a}" for n, a in CHANGES])
def test_every_argument_changes_the_dataset(name, argument):
    given, others = MADE[name]
    load = getattr(datasets, name)
    other = {**given, argument: others[argument]}
    first, second = ({k: v() if callable(v) else v for k, v in options.items()} for options in (given, other))
    assert seen(load(**first)) != seen(load(**second))


# name: how it is read, its arguments, and for each another value, or the two sets of arguments to be compared
READ = {
    "load_recordings": (
        lambda root, **o: datasets.load_recordings(root / o.pop("folder", "digits"), **({"labels": NAMES} | o)),
        {"feature": FEATURE},
        {
            "folder": ({}, {"folder": "commands", "labels": datasets.ByFolder()}),
            "labels": datasets.ByName("{digit}_{speaker}_{index}.wav", label="speaker"),
            "feature": OTHER,
            "classes": ["8", "3", "1"],
            "dtype": np.float64,
        },
    ),
    "load_spoken_digits": (
        lambda root, **o: datasets.load_spoken_digits(root / "digits", **o),
        {"feature": FEATURE},
        {
            "split": "random",
            "speaker": ({"split": "speaker", "speaker": "ann"}, {"split": "speaker", "speaker": "bob"}),
            "test_fraction": ({"split": "random"}, {"split": "random", "test_fraction": 0.3}),
            "seed": ({"split": "random"}, {"split": "random", "seed": 1}),
            "feature": OTHER,
            "dtype": np.float64,
        },
    ),
    "load_digit_strings": (
        lambda root, **o: datasets.load_digit_strings(root / "digits", **({"strings": 4, "test_strings": 4} | o)),
        {"feature": FEATURE},
        {
            "split": "random",
            "speaker": ({"split": "speaker", "speaker": "ann"}, {"split": "speaker", "speaker": "bob"}),
            "feature": OTHER,
            "strings": 5,
            "test_strings": 5,
            "fewest": 6,
            "most": 3,
            "gap": (0.1, 0.2),
            "evaluation": Variation(),
            "training": Variation(),
            "seed": 1,
            "dtype": np.float64,
        },
    ),
    "load_speech_commands": (
        lambda root, **o: datasets.load_speech_commands(root / "commands", **o),
        {"feature": FEATURE},
        {"words": ["stop"], "feature": OTHER, "dtype": np.float64},
    ),
    "load_archive": (
        lambda root, **o: datasets.load_archive(**({"name": "One", "path": root / "archive"} | o)),
        {},
        {"name": "Two"},
    ),
    "load_timit": (
        lambda root, **o: datasets.load_timit(root / "timit", **o),
        {"feature": FEATURE},
        {"feature": OTHER, "classes": ["sh"], "dtype": np.float64},
    ),
    "load_orl_faces": (
        lambda root, **o: datasets.load_orl_faces(root / "faces", **({"each": 2} | o)),
        {},
        {"each": 3, "seed": 1, "block": 2},
    ),
    "ByTable": (
        lambda root, **o: datasets.ByTable(**({"table_file": "table.csv"} | o)).table(root / "digits"),
        {},
        {"table_file": "more.csv", "file": "name", "label": "other"},
    ),
    "ByName": (
        lambda root, **o: datasets.ByName(**({"pattern": NAMES.pattern} | o)).table(root / "digits"),
        {},
        {"pattern": "{a}_{b}_{c}.wav", "label": "speaker"},
    ),
    "read_ts": (
        lambda root, **o: datasets.read_ts(io.StringIO("@data\n1,?,3\n"), **o),
        {"fill": 0.0},
        {"fill": datasets.interpolate, "dtype": np.float64},
    ),
    "write_ts": (
        lambda root, **o: (
            datasets.write_ts(root / "a.ts", SequenceDataset([[[1.0]]]), **o),
            (root / "a.ts").read_text(),
        ),
        {},
        {"name": "other"},
    ),
    "write_synthetic_digits": (
        lambda root, **o: (
            datasets.write_synthetic_digits(root / repr(o), **({"digits": ["1"], "takes": 1} | o)),
            [(p.name, p.read_bytes()) for p in sorted((root / repr(o)).iterdir())],
        ),
        {},
        {"speakers": ["eve"], "takes": 2, "digits": ["2"], "seed": 1},
    ),
    "load": (lambda root, **o: datasets.load(**({"name": "parity"} | o)), {"train": 3}, {"name": "recall"}),
    "feature_of": (
        lambda root, **o: datasets.feature_of(**({"name": "spoken-digits"} | o)),
        {},
        {"name": "parity", "split": "speaker"},
    ),
    "read_wav": (
        lambda root, **o: audio.read_wav(root / "digits" / "1_ann_0.wav", **o),
        {},
        {"dtype": np.float64},
    ),
    "read_audio": (
        lambda root, **o: audio.read_audio(root / "digits" / "1_ann_0.wav", **o),
        {},
        {"dtype": np.float64},
    ),
    "read_sphere": (
        lambda root, **o: audio.read_sphere(root / "timit" / "TEST" / "DR1" / "FCJF0" / "SA1.WAV", **o),
        {},
        {"dtype": np.float64},
    ),
    "write_wav": (
        lambda root, **o: (audio.write_wav(root / "a.wav", Y, **({"sr": 8000} | o)), (root / "a.wav").read_bytes()),
        {},
        {"sr": 16000, "encoding": "FLOAT"},
    ),
    "write_sphere": (
        lambda root, **o: (audio.write_sphere(root / "a.sph", Y, **({"sr": 8000} | o)), (root / "a.sph").read_bytes()),
        {},
        {"sr": 16000},
    ),
    "write_htk": (
        lambda root, **o: (audio.write_htk(root / "a.htk", [[1.0]], **o), (root / "a.htk").read_bytes()),
        {},
        {"period": 0.02, "kind": "MFCC"},
    ),
    "load_spoken_arabic_digits": (
        lambda root, **o: datasets.load_spoken_arabic_digits(root / "arabic", **o),
        {},
        {"dtype": np.float64},
    ),
    "read_scp": (
        lambda root, **o: (lambda lazy: ([len(x) for x in lazy], lazy.cached_bytes))(
            audio.read_scp(root / "a.scp", **o)
        ),
        {},
        {"memory": 20_000},
    ),
}
READS = [(name, argument) for name, (_, _, others) in READ.items() for argument in others]


def of_two_epochs(result):
    """Return the contents of epoch 0, and of epoch 1 where recordings are varied."""
    parts = result if isinstance(result, tuple) else (result,)
    return [seen(part) for part in parts] + [seen(p.at_epoch(1)) for p in parts if hasattr(p, "at_epoch")]


@pytest.mark.parametrize(("name", "argument"), READS, ids=[f"{n}-{a}" for n, a in READS])
def test_every_argument_of_a_reader_changes_what_is_read(folder, name, argument):
    read, given, others = READ[name]
    value = others[argument]
    first, second = value if isinstance(value, tuple) and isinstance(value[0], dict) else ({}, {argument: value})
    assert of_two_epochs(read(folder, **(given | first))) != of_two_epochs(read(folder, **(given | second)))


UNOBSERVABLE = {"cache", "memory", "whole", "within"}  # they do not change the result; `whole` is a download
OF = {"path", "folder", "data", "items", "values", "y", "file"}  # what is read or written
ELSEWHERE = {
    *("AudioInfo", "HTKFeatures", "ByFolder", "catalog", "data_folder", "fetch", "interpolate", "sunspot_numbers"),
    *("load_japanese_vowels", "load_faces", "load_nettalk", "write_ark", "write_ark_text"),
}  # without arguments but what they read, or what they hold


@pytest.mark.parametrize("name", sorted({*audio.__all__, *datasets.__all__} - ELSEWHERE))
def test_the_tables_have_every_argument(name):
    function = getattr(datasets, name, None) or getattr(audio, name)
    taken = {p.name for p in inspect.signature(function).parameters.values() if p.kind != p.VAR_KEYWORD}
    looked = set(MADE[name][1]) if name in MADE else set(READ[name][2]) if name in READ else set()
    assert taken - OF - UNOBSERVABLE <= looked


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda r: datasets.load_spoken_digits(r / "digits", seed=1), "seed has no effect in the split 'official'"),
        (
            lambda r: datasets.load_spoken_digits(r / "digits", "speaker", speaker="ann", test_fraction=0.5),
            "test_fraction has no effect in the split 'speaker', but in 'random': leave it out; got 0.5",
        ),
        (lambda r: datasets.load_cmudict(io.StringIO(""), whole=True), "whole has no effect with path="),
        (lambda r: datasets.load_timit(r / "timit", classes=["sh"]), "classes has no effect without feature="),
        (
            lambda r: datasets.load_recordings(r / "digits", datasets.ByName(NAMES.pattern), classes=["a"]),
            "classes has no effect where labels have no label",
        ),
        (lambda r: datasets.load_recordings(r / "digits", NAMES, cache="kept"), "cache is for features: give feature="),
    ],
)
def test_an_argument_without_effect_is_refused(folder, make, message):
    with pytest.raises(ValueError, match=message):
        make(folder)
