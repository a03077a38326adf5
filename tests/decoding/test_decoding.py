"""Decoding: best path, beam search and forced alignment, against the enumeration of all paths."""

import itertools

import numpy as np
import pytest

from rnnbp import CTC
from rnnbp.decoding import NGram, align, beam_search, greedy
from rnnbp.decoding.best_path import collapse
from rnnbp.decoding.lattice import log_softmax

T, K = 4, 3


def all_paths(outputs, blank=0):
    """Yield every path with its labels and its log-probability."""
    y = log_softmax(outputs)
    for path in itertools.product(range(y.shape[1]), repeat=len(y)):
        labels = tuple(collapse(np.array(path), blank).tolist())
        yield path, labels, y[np.arange(len(y)), list(path)].sum()


def all_labels(outputs, blank=0):
    """Return the log-probability of every possible label sequence."""
    found = {}
    for _, labels, log_probability in all_paths(outputs, blank):
        found[labels] = np.logaddexp(found.get(labels, -np.inf), log_probability)
    return found


# ---- best path -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "labels"),
    [([0, 0], []), ([1, 1, 2], [1, 2]), ([1, 0, 1], [1, 1]), ([2], [2]), ([0, 1, 1, 0, 0, 1, 2, 2, 0], [1, 1, 2])],
)
def test_repetitions_are_merged_and_blanks_removed(path, labels):
    assert greedy(np.eye(3)[path]).tolist() == labels
    shifted = [(k - 1) % 3 for k in path]  # the same with blank 2
    assert greedy(np.eye(3)[shifted], blank=2).tolist() == [k - 1 for k in labels]


def test_greedy_is_the_most_probable_path(rng):
    outputs = rng.standard_normal((T, K))
    _, labels, _ = max(all_paths(outputs), key=lambda found: found[2])
    assert greedy(outputs).tolist() == list(labels)


@pytest.mark.parametrize("decode", [greedy, beam_search, lambda y, **options: align(y, [1], **options)])
def test_wrong_outputs_and_blanks_are_refused(decode):
    with pytest.raises(ValueError, match=r"outputs must be real numbers \(T, K\) of one sequence, got float64"):
        decode(np.zeros((2, 1, 3)))
    with pytest.raises(ValueError, match=r"blank must be one of the K = 3 outputs 0..2, got 3"):
        decode(np.zeros((2, 3)), blank=3)


# ---- beam search --------------------------------------------------------------------------------


@pytest.mark.parametrize("blank", [0, 2])
def test_beam_of_all_prefixes_is_exact(blank, rng):
    for _ in range(5):
        outputs = 2 * rng.standard_normal((T, K))
        expected = all_labels(outputs, blank)
        found = beam_search(outputs, 1000, blank)
        assert {tuple(h.labels): h.log_probability for h in found} == pytest.approx(expected, rel=1e-12)
        assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
        best = found[0]
        assert -CTC(blank)(outputs[:, None], [best.labels])[0] == pytest.approx(best.log_probability, rel=1e-12)


def test_beam_of_all_prefixes_with_ngrams_is_exact(rng):
    ngram = NGram([[1, 2, 1], [1, 1], [2]], order=2, size=K)
    outputs, weight, bonus = 2 * rng.standard_normal((T, K)), 0.7, 0.3
    expected = {}
    for labels, log_probability in all_labels(outputs).items():
        prior = sum(ngram.after(labels[:i])[k] for i, k in enumerate(labels)) + ngram.end(labels)
        expected[labels] = log_probability + weight * prior + bonus * len(labels)
    found = beam_search(outputs, 1000, ngram=ngram, weight=weight, bonus=bonus)
    assert {tuple(h.labels): h.score for h in found} == pytest.approx(expected, rel=1e-12)


def test_narrow_beam_equals_the_textbook_algorithm(rng):
    outputs = rng.standard_normal((12, 9))
    ngram = NGram(rng.integers(1, 9, (50, 6)), order=2, size=9)
    for options in ({}, {"ngram": ngram, "weight": 0.5}):
        for width in (1, 2, 5):
            found = beam_search(outputs, width, **options)
            expected = plain_beam(outputs, width, **options)
            assert [h.labels.tolist() for h in found] == [list(prefix) for prefix, _ in expected]
            assert [h.log_probability for h in found] == pytest.approx([p for _, p in expected], rel=1e-12)


def plain_beam(outputs, width, ngram=None, weight=1.0):
    """Prefix beam search written out label by label, without vectorization."""

    def prior(prefix):
        return 0 if ngram is None else weight * sum(ngram.after(prefix[:i])[k] for i, k in enumerate(prefix))

    def end(prefix):
        return 0 if ngram is None else weight * ngram.end(prefix)

    y, beam = np.exp(log_softmax(outputs)), {(): (1.0, 0.0)}
    for row in y:
        grown = {}
        for prefix, (in_blank, in_label) in beam.items():
            for k in range(len(row)):
                if k == 0:
                    additions = [(prefix, (in_blank + in_label) * row[0], 0.0)]
                elif prefix and k == prefix[-1]:
                    additions = [(prefix, 0.0, in_label * row[k]), ((*prefix, k), 0.0, in_blank * row[k])]
                else:
                    additions = [((*prefix, k), 0.0, (in_blank + in_label) * row[k])]
                for key, to_blank, to_label in additions:
                    old = grown.get(key, (0.0, 0.0))
                    grown[key] = (old[0] + to_blank, old[1] + to_label)
        scores = {prefix: np.log(sum(paths) or 1e-300) + prior(prefix) for prefix, paths in grown.items()}
        beam = {prefix: grown[prefix] for prefix in sorted(grown, key=scores.get, reverse=True)[:width]}
    found = [(prefix, np.log(sum(paths))) for prefix, paths in beam.items()]
    return sorted(found, key=lambda pair: pair[1] + prior(pair[0]) + end(pair[0]), reverse=True)


def test_wrong_beam_arguments_are_refused():
    outputs = np.zeros((2, 3))
    with pytest.raises(ValueError, match="width must be a positive integer, got 0"):
        beam_search(outputs, 0)
    with pytest.raises(ValueError, match="weight must be a number of 0 or more, got -1"):
        beam_search(outputs, weight=-1)
    with pytest.raises(ValueError, match="ngram must be made with size = 3 and blank = 0, got 5 and 0"):
        beam_search(outputs, ngram=NGram([[1, 4]]))


def test_ngrams_resolve_labels_that_outputs_do_not_distinguish(rng):
    """Outputs of labels 1 and 2 are nearly equal; the language model expects 2 after 3."""
    ngram = NGram([[3, 2, 3, 2]] * 20, order=2, size=4)
    outputs = np.full((5, 4), -5.0)
    outputs[[0, 2, 4], [3, 0, 3]] = 5.0
    outputs[1, 1:3] = [5.1, 5.0]
    assert greedy(outputs).tolist() == [3, 1, 3]
    assert beam_search(outputs)[0].labels.tolist() == [3, 1, 3]
    assert beam_search(outputs, ngram=ngram)[0].labels.tolist()[:3] == [3, 2, 3]


# ---- forced alignment ---------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [[], [1], [1, 2], [2, 2], [1, 2, 1, 2]])
@pytest.mark.parametrize("blank", [0, 2])
def test_alignment_is_the_most_probable_path_of_the_labels(labels, blank, rng):
    labels = [k if k > blank else k - 1 for k in labels]
    outputs = 2 * rng.standard_normal((T + 1, K))
    fitting = [found for found in all_paths(outputs, blank) if list(found[1]) == labels]
    path, _, log_probability = max(fitting, key=lambda found: found[2])
    found = align(outputs, labels, blank)
    assert found.path.tolist() == list(path)
    assert found.log_probability == pytest.approx(log_probability, rel=1e-12)
    covered = np.full(T + 1, blank)
    for label, start, stop in zip(found.labels, found.starts, found.stops, strict=True):
        covered[start:stop] = label
    assert covered.tolist() == list(path)


def test_alignment_table_has_times_in_seconds():
    table = align(np.eye(3)[[0, 1, 1, 0, 1, 2]], [1, 1, 2]).to_frame(0.5, classes=["_", "a", "b"])
    assert table.to_dict("list") == {"label": ["a", "a", "b"], "start": [0.5, 2.0, 2.5], "stop": [1.5, 2.5, 3.0]}


def test_labels_that_cannot_be_aligned_are_refused():
    outputs = np.zeros((2, 3))
    with pytest.raises(ValueError, match="labels must be below K = 3 and not the blank, 0, got 3"):
        align(outputs, [3])
    with pytest.raises(ValueError, match="labels must be below K = 3 and not the blank, 0, got 0"):
        align(outputs, [1, 0])
    with pytest.raises(ValueError, match="labels need 3 steps, outputs have 2"):
        align(outputs, [1, 1])
    outputs[:, 1] = -np.inf
    with pytest.raises(ValueError, match="labels have no path with a probability above 0"):
        align(outputs, [1])
