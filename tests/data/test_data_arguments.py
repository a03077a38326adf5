"""Every public argument of datasets, batches and splits changes the result."""

import inspect

import numpy as np
import pandas as pd
import pytest

import rnnbp
from rnnbp.data import LabelSequences, LazySequences, ResampledDataset, SequenceBatch, SequenceDataset
from rnnbp.data.batch import collate, stream_batches
from rnnbp.data.standardizer import Standardizer

X = [np.full((n, 2), float(n)) for n in (3, 5, 3, 4)]
Y = [0, 1, 1, 0]
INFO = pd.DataFrame({"speaker": list("abba")})
PADDED = np.arange(24.0).reshape(3, 4, 2)
FRAME = pd.DataFrame(
    {
        "sequence": [0, 0, 1, 1],
        "other": [0, 1, 1, 2],
        "step": [0, 1, 0, 1],
        "when": [1, 0, 1, 0],
        "x": [1.0, 2.0, 3.0, 4.0],
        "age": [5, 5, 6, 6],
        "target": [0, 0, 1, 1],
        "wish": [1, 1, 0, 0],
    }
)


def draw(place, epoch):
    return np.full((3, 1), 10.0 * epoch + place)


def numbered(**options):
    return SequenceDataset(
        [np.full((n % 3 + 1, 1), float(n)) for n in range(12)], [n % 2 for n in range(12)], **options
    )


def shuffled(**options):
    return list(numbered().batches(**{"batch_size": 3, "shuffle": True, "rng": np.random.default_rng(0)} | options))


def spoken():
    return numbered(info=pd.DataFrame({"speaker": list("aaaabbbbcccc")}))


def lazy(**options):
    return LazySequences(lambda place: np.full((place + 1, 1), float(place)), 3, **options)


def print_of(thing):
    """Return everything observable of a result as text."""
    if isinstance(thing, SequenceDataset):
        parts = [thing.sequences, thing.targets, thing.classes, thing.ids, thing.info, thing.feature_names, thing.dtype]
        parts += [thing.resets, thing.weights]
        return repr([print_of(part) for part in parts])
    if isinstance(thing, SequenceBatch):
        return repr(
            [
                print_of(part)
                for part in (
                    thing.x,
                    thing.lengths,
                    thing.targets,
                    thing.order,
                    thing.per_step,
                    thing.reset,
                    thing.weights,
                )
            ]
        )
    if isinstance(thing, LazySequences):
        known = thing.known_lengths
        return repr([[print_of(s) for s in thing], thing.memory, thing.names, print_of(known), thing.cached_bytes])
    if isinstance(thing, LabelSequences):
        return repr([print_of(list(thing)), thing.classes])
    if isinstance(thing, np.ndarray):
        return repr((thing.tolist(), thing.dtype, thing.shape))
    if isinstance(thing, pd.DataFrame):
        return thing.to_csv()
    return repr([print_of(part) for part in thing]) if isinstance(thing, list | tuple) else repr(thing)


# What is called, its arguments, and for each optional argument another value.
CALLS = {
    "dataset": (
        SequenceDataset,
        {"sequences": X, "targets": Y},
        {
            "targets": [0.5, 1, 1, 0],
            "classes": ["no", "yes"],
            "ids": list("abcd"),
            "info": INFO,
            "feature_names": ["u", "v"],
            "resets": [np.arange(n) == 1 for n in (3, 5, 3, 4)],
            "weights": [1, 2, 0, 0.5],
            "dtype": np.float64,
        },
    ),
    "dataset of rows": (
        SequenceDataset,
        {"sequences": X[:1], "targets": [[0.5, 1.0, 2.0]], "per_step": False},
        {"per_step": True},
    ),
    "drawn": (
        ResampledDataset,
        {"draw": draw, "targets": Y},
        {
            "classes": ["no", "yes"],
            "ids": list("abcd"),
            "info": INFO,
            "feature_names": ["u"],
            "memory": 0,
            "weights": [1, 2, 0, 0.5],
            "dtype": np.float64,
        },
    ),
    "lazy": (
        LazySequences,
        {"load": lambda place: np.ones((place + 1, 1)), "size": 3},
        {"memory": 8, "lengths": [1, 2, 3], "names": list("abc")},
    ),
    "labels": (LabelSequences, {"labels": [["b"], ["a"]]}, {"classes": ["b", "a"]}),
    "from_array": (
        SequenceBatch.from_array,
        {"x": PADDED, "targets": np.zeros((3, 4), int)},
        {
            "lengths": [1, 2, 3, 2],
            "targets": np.ones((3, 4), int),
            "reset": np.eye(3, 4) > 0,
            "weights": [1, 2, 0, 0.5],
        },
    ),
    "from_array of rows": (
        SequenceBatch.from_array,
        {"x": PADDED[:, :3], "targets": np.arange(9.0).reshape(3, 3)},
        {"per_step": False},
    ),
    "from_padded": (
        SequenceDataset.from_padded,
        {"x": PADDED, "targets": np.zeros((3, 4), int)},
        {
            "lengths": [4, 2, 1],
            "targets": [0, 1, 1],
            "classes": ["a", "b"],
            "weights": [1, 2, 0],
            "dtype": np.float64,
        },
    ),
    "from_padded of rows": (
        SequenceDataset.from_padded,
        {"x": PADDED[:, :3], "targets": np.arange(9.0).reshape(3, 3)},
        {"per_step": False},
    ),
    "from_frame": (
        SequenceDataset.from_frame,
        {"frame": FRAME},
        {
            "sequence": "other",
            "step": "when",
            "target": "wish",
            "features": ["x"],
            "info": "age",
            "weight": "age",
            "classes": ["no", "yes"],
            "per_step": True,
            "reset": "wish",
            "dtype": np.float64,
        },
    ),
    "to_frame": (SequenceDataset(X, info=INFO).to_frame, {}, {"info": "speaker"}),
    "from_stream": (
        SequenceDataset.from_stream,
        {"x": PADDED.reshape(12, 2), "targets": np.arange(12), "batch_size": 2, "steps": 3},
        {"batch_size": 3, "steps": 2, "reset": np.arange(12) == 4, "weights": np.arange(12), "dtype": np.float64},
    ),
    "stream_batches": (
        lambda **options: list(stream_batches(**options)),
        {"x": PADDED.reshape(12, 2), "targets": np.arange(12), "batch_size": 2, "steps": 3},
        {"batch_size": 3, "steps": 2, "weights": np.arange(12), "dtype": np.float64},
    ),
    "batch": (SequenceDataset(X).batch, {}, {"dtype": np.float64}),
    "batches": (
        shuffled,
        {},
        {"batch_size": 4, "shuffle": False, "rng": np.random.default_rng(1), "bucket": 2, "start": 1},
    ),
    "split": (
        spoken().split,
        {"parts": 0.5},
        {"parts": (0.25, 0.75), "seed": 1, "stratify": False, "groups": "speaker"},
    ),
    "cut": (SequenceDataset(X).cut, {"steps": 2}, {"steps": 3}),
    "padded": (LabelSequences([[1, 2], []]).padded, {"value": 0}, {"value": -1}),
    "Standardizer": (
        lambda **options: Standardizer(**options)([[1.0, 2.0]]),
        {"mean": [0.0, 0.0], "std": [1.0, 1.0]},
        {"mean": [1.0, 0.0], "std": [1.0, 2.0]},
    ),
    "collate": (
        collate,
        {"sequences": X, "targets": np.array(Y), "places": np.array([0, 1])},
        {
            "places": np.array([2]),
            "resets": [np.arange(n) == 1 for n in (3, 5, 3, 4)],
            "weights": np.array([1.0, 2.0, 0.0, 0.5]),
        },
    ),
}


@pytest.mark.parametrize(("call", "argument"), [(call, name) for call in CALLS for name in CALLS[call][2]])
def test_an_argument_changes_the_result(call, argument):
    function, arguments, others = CALLS[call]
    plain, changed = (print_of(function(**arguments | more)) for more in ({}, {argument: others[argument]}))
    assert print_of(function(**arguments)) == plain, "the same call, the same result"
    assert plain != changed


@pytest.mark.parametrize("call", CALLS)
def test_the_table_has_every_argument(call):
    function = CALLS[call][0]
    optional = {name for name, p in inspect.signature(function).parameters.items() if p.default is not p.empty}
    tried = {name for other in CALLS.values() if other[0] == function for name in other[2]}
    assert optional <= tried | {"options"}


def test_memory_limits_the_cache_of_a_resampled_dataset():
    none, all_of_it = (ResampledDataset(draw, Y, memory=memory) for memory in (0, 2**20))
    for data in (none, all_of_it):
        data.batch()
    assert (none.sequences.cached_bytes, all_of_it.sequences.cached_bytes) == (0, 4 * 3 * 4)


def test_class_names_are_accepted_without_targets():
    assert SequenceDataset(X, classes=["no", "yes"]).classes == ("no", "yes")


def test_a_gradient_prints_shapes_and_no_numbers():
    model = rnnbp.Sequential(rnnbp.LSTM(2, 30), rnnbp.Dense(30, 3))
    batch = SequenceDataset([np.zeros((70, 2))] * 4, [np.zeros(70, int)] * 4).batch()
    first, *_ = rnnbp.TruncatedBPTT(50, 50).gradients(model, batch, rnnbp.CrossEntropy())
    size = model.params.size
    assert repr(first).startswith("Gradient: loss 0.")
    assert repr(first).endswith(
        f", vector (P,) = ({size},) float32, outputs (T, B, K) = (50, 4, 3) float32, steps 0 to 50"
    )
