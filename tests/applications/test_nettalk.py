"""Letters and phonemes: codes, alignment, lexica, readers and their scores."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from pairs import slow_but

from rnnbp.applications.nettalk import (
    CTCReader,
    FeatureReader,
    Lexicon,
    Reader,
    align,
    best_guess,
    encode,
    letters_right,
    one_hot,
    phoneme_features,
    phonemes_of,
    pronunciation_errors,
    recurrent_network,
    scores,
    split_words,
    tokens,
    window_network,
)
from rnnbp.applications.nettalk.features import FEATURES, PHONEMES, STRESS
from rnnbp.applications.nettalk.variants import VARIANTS, as_in_1987
from rnnbp.datasets import load_cmudict
from rnnbp.datasets.nettalk import PHONEMES as IN_THE_CORPUS

CORPUS = pd.DataFrame(
    [
        ("knob", "-nab", ">>1<"),
        ("the", "D-x", ">>0"),
        ("able", "ebL-", "1>>0"),
        ("read", "ri-d", ">1<<"),
        ("read", "rE-d", ">1<<"),
        ("abbe", "@b-e", "0<>1"),
    ],
    columns=["word", "phonemes", "stress"],
)


@pytest.fixture
def lexicon():
    return Lexicon.of_nettalk(CORPUS)


# ---- codes --------------------------------------------------------------------------------------


def test_letters_are_one_hot():
    assert tokens("az'-.").tolist() == [0, 25, 26, 27, 28]
    np.testing.assert_array_equal(one_hot("ab"), np.eye(29)[:2])
    for word in ("", "Knob", "naïve"):
        with pytest.raises(ValueError, match=rf"a word must be of the letters abc.*, got {word!r}"):
            tokens(word)


def test_every_phoneme_has_a_code_of_its_own():
    codes = phoneme_features()
    assert codes.shape == (55, 21)
    assert len({tuple(row) for row in codes}) == 55
    assert (codes.any(axis=0)).all()
    assert set(IN_THE_CORPUS) <= set(PHONEMES)


def test_codes_are_those_of_1987():
    def features(phoneme):
        return {name for name, there in zip(FEATURES, phoneme_features()[PHONEMES.index(phoneme)]) if there}

    assert features("p") == {"labial", "stop"}
    assert features("z") == {"voiced", "alveolar", "fricative"}
    assert features("i") == {"high", "tensed", "labial"}  # front 1 is where labials are
    assert features("-") == {"silent", "elide"}


def test_the_best_guess_is_the_smallest_angle(rng):
    outputs = rng.random((50, 26))
    phonemes, stress = best_guess(outputs)
    codes = phoneme_features()
    for row, phoneme, sign in zip(outputs, phonemes, stress, strict=True):
        angles = [math.acos(row[:21] @ c / np.linalg.norm(row[:21]) / np.linalg.norm(c)) for c in codes]
        assert PHONEMES[int(np.argmin(angles))] == phoneme
        assert STRESS[int(row[21:].argmax())] == sign
    assert best_guess(7 * outputs) == (phonemes, stress)
    assert set(best_guess(outputs, "ab")[0]) <= {"a", "b"}


def test_best_guess_inverts_encode():
    for phonemes, stress in zip(CORPUS["phonemes"], CORPUS["stress"]):
        assert best_guess(encode(phonemes, stress)) == (phonemes, stress)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ab", "1"), "phonemes and stress must be of one length, got 2 and 1"),
        (("a~", "1<"), "phonemes must be of the symbols .*, got '~'"),
        (("ab", "13"), "stress must be of the symbols <>012, got '3'"),
    ],
)
def test_codes_refuse_other_symbols(arguments, message):
    with pytest.raises(ValueError, match=message):
        encode(*arguments)
    with pytest.raises(ValueError, match=r"outputs must have shape \(T, 26\), got \(3, 25\)"):
        best_guess(np.zeros((3, 25)))


def test_homographs_are_held_out_together(rng):
    words = [f"word{n // 2}" for n in range(200)]
    held_out = split_words(words, 0.3, rng)
    assert held_out.sum() == 60
    assert (held_out[::2] == held_out[1::2]).all()


# ---- alignment ----------------------------------------------------------------------------------


def every_alignment(word, phonemes):
    """Yield every alignment, by trying all sizes of all letters' chunks."""
    for sizes in itertools.product(range(3), repeat=len(word)):
        if sum(sizes) == len(phonemes):
            ends = np.cumsum((0, *sizes))
            yield tuple(tuple(phonemes[a:b]) for a, b in itertools.pairwise(ends))


def test_the_alignment_is_the_most_probable_of_all():
    """Two rounds of expectation-maximisation, written out word by word and alignment by alignment."""
    words = ["ox", "fox", "on", "no", "off", "box", "foe"]
    pronunciations = [p.split() for p in ("AA K S", "F AA K S", "AA N", "N OW", "AO F", "B AA K S", "F OW")]
    chance = {}
    for _ in range(2):
        counts = {}
        for word, phonemes in zip(words, pronunciations):
            ways = list(every_alignment(word, phonemes))
            weights = [math.prod(chance[key] if chance else 1 for key in zip(word, way)) for way in ways]
            for way, weight in zip(ways, weights):
                for key in zip(word, way):
                    counts[key] = counts.get(key, 0) + weight / sum(weights)
        totals = {}
        for (letter, _), n in counts.items():
            totals[letter] = totals.get(letter, 0) + n
        chance = {key: n / totals[key[0]] for key, n in counts.items()}
    for word, phonemes, found in zip(words, pronunciations, align(words, pronunciations, iterations=2)):
        best = max(math.prod(chance[key] for key in zip(word, way)) for way in every_alignment(word, phonemes))
        assert math.prod(chance[key] for key in zip(word, found)) == pytest.approx(best, rel=1e-9)


def test_alignments_preserve_phonemes_order_and_stress():
    dictionary = dict(list(load_cmudict().items())[::20])
    words, pronunciations = list(dictionary), [ways[0] for ways in dictionary.values()]
    for word, phonemes, found in zip(words, pronunciations, align(words, pronunciations, iterations=3)):
        if len(phonemes) > 2 * len(word):
            assert found is None
        else:
            assert len(found) == len(word)
            assert tuple(p for chunk in found for p in chunk) == phonemes


def test_alignment_refuses_invalid_arguments():
    with pytest.raises(ValueError, match="pronunciations must be one a word, 1, got 2"):
        align(["a"], [["AH0"], ["EY1"]])
    with pytest.raises(ValueError, match="words must be some that have at most 2 phonemes a letter, got none"):
        align(["w"], [["D", "AH1", "B", "AH0", "L", "Y", "UW0"]])
    with pytest.raises(ValueError, match="iterations must be a positive integer, got 0"):
        align(["a"], [["AH0"]], iterations=0)


# ---- lexica -------------------------------------------------------------------------------------


def test_a_lexicon_of_nettalk(lexicon):
    assert len(lexicon) == 6
    assert lexicon.labels[0] == ("->", "n>", "a1", "b<")
    assert lexicon.pronunciations[3] == (("r>", "i1", "d<"),)  # each of two "read" has its own
    data = lexicon.by_letter()
    assert data.classes == lexicon.classes
    assert [data.classes[k] for k in data.targets[1]] == ["D>", "->", "x0"]
    np.testing.assert_array_equal(lexicon.by_feature().targets[2], encode("ebL-", "1>>0"))
    part = lexicon.subset(np.array([True, False, False, False, False, True]))
    assert part.words == ("knob", "abbe")
    assert (part + part).words == ("knob", "abbe") * 2


def test_a_lexicon_of_the_cmu_dictionary():
    dictionary = {"read": (("R", "EH1", "D"), ("R", "IY1", "D")), "tat": (("T", "AE1", "T"),), "w": (tuple("BBBBB"),)}
    lexicon = Lexicon.of_cmudict(dictionary).aligned()
    assert lexicon.labels[2] is None
    assert [phonemes_of(lexicon.labels[i]) for i in range(2)] == [("R", "EH1", "D"), ("T", "AE1", "T")]
    assert len(lexicon.by_letter()) == 2
    words = lexicon.by_word()
    assert len(words) == 2
    assert words.sequences[0].shape == (8, 29)
    assert [words.classes[k] for k in words.targets[0]] == ["R", "EH1", "D"]
    with pytest.raises(ValueError, match="labels must be those of NETtalk"):
        lexicon.by_feature()


# ---- readers and scores -------------------------------------------------------------------------


def certain(outputs, classes):
    """A reader whose network has the same outputs at every letter."""
    model = window_network((), len(classes))
    model.params["1.w"], model.params["1.b"] = 0, outputs
    return Reader([model], classes)


def test_probabilities_of_stresses_are_summed_without_stress():
    reader = certain(np.log([0.4, 0.3, 0.3]), ("AA1", "AE1", "AE2"))
    assert reader.read(["at"]) == [("AA1", "AA1")]
    assert reader.read(["at"], stress=False) == [("AE", "AE")]
    other = certain(np.log([0.1, 0.8, 0.1]), ("AA1", "AE1", "AE2"))
    both = Reader([*reader.models, *other.models], reader.classes)
    np.testing.assert_allclose(both.probabilities(["at"])[0][0], [0.25, 0.55, 0.2], rtol=1e-6)
    assert both.read(["at", "a"]) == [("AE1", "AE1"), ("AE1",)]


def test_silent_letters_and_chunks_are_read():
    assert certain([0.0, 9, 0], ("-", "K S", "T")).read(["at"]) == [("K", "S", "K", "S")]
    assert certain([9.0, 0, 0], ("->", "k1", "t>")).read(["at"]) == [()]


def test_the_nearest_pronunciation_counts():
    read, right = [("R", "IY1", "D"), ("R", "AA1")], [[("R", "EH1", "D"), ("R", "IY1", "D")], [("R", "AA2", "D")]]
    found = pronunciation_errors(read, right)
    assert (found.rate, found.sequence_rate) == (2 / 6, 0.5)
    plain = pronunciation_errors([("R", "IY", "D"), ("R", "AA")], right, stress=False)
    assert (plain.substitutions, plain.deletions, plain.insertions) == (0, 1, 0)


def test_letters_right_counts_all_letters():
    assert letters_right([("a1", "-<"), ("b>",)], [("a2", "-<"), ("d>",)]) == pytest.approx((2 / 3, 2 / 3))


@pytest.mark.parametrize("name", slow_but(["window-features"], ["window-features", "window", "window-wide", "bilstm"]))
def test_every_variant_learns_a_few_words(lexicon, name):
    one_reading = lexicon.subset(np.arange(6) != 4)
    variant = VARIANTS[name]
    trainer = variant.trained(one_reading, epochs=150)
    reader = variant.reader([trainer.model], one_reading)
    assert set(scores(reader, one_reading).values()) == {0.0}


@pytest.mark.slow
def test_ctc_learns_a_few_words_without_alignment():
    lexicon = Lexicon.of_cmudict({"ox": (("AA1", "K", "S"),), "knob": (("N", "AA1", "B"),), "see": (("S", "IY1"),)})
    variant = VARIANTS["bilstm-ctc"]
    trainer = variant.trained(lexicon, epochs=150)
    reader = variant.reader([trainer.model, trainer.model], lexicon)
    assert isinstance(reader, CTCReader)
    assert reader.read(["knob", "ox"], stress=False) == [("N", "AA", "B"), ("AA", "K", "S")]


@pytest.mark.parametrize("error", ["squared error", "cross entropy"])
def test_units_are_between_0_and_1_for_either_loss_of_1987(lexicon, error):
    variant = as_in_1987((20,), error)
    model = variant.network(26, 0)
    reader = variant.reader([model], lexicon)
    assert isinstance(reader, FeatureReader)
    units = reader.units(model.forward(one_hot("knob")[:, None])[:, 0])
    assert ((units > 0) & (units < 1)).all()
    with pytest.raises(ValueError, match=r"error must be one of .*; got 'squared'. Did you mean 'squared error'\?"):
        as_in_1987((20,), "squared")


def test_an_interrupted_training_resumes_from_its_checkpoint(lexicon, tmp_path):
    class StopError(Exception):
        pass

    def stop(trainer, row):
        if row["epoch"] == 3:
            raise StopError

    variant, path = VARIANTS["window-features"], tmp_path / "c.npz"
    whole = variant.trained(lexicon, epochs=4)
    with pytest.raises(StopError):
        variant.trained(lexicon, epochs=4, callbacks=[stop], checkpoint=path)
    again = variant.trained(lexicon, epochs=4, checkpoint=path)
    np.testing.assert_array_equal(again.model.params.vector, whole.model.params.vector)


def test_the_recurrent_network_sees_the_whole_word_and_the_window_seven_letters():
    first, other = one_hot("aaaaaaaaaa")[:, None], one_hot("aaaaaaaaab")[:, None]
    window, recurrent = window_network((5,), 3), recurrent_network(5, 3)
    same = (window.forward(first) == window.forward(other)).all(axis=(1, 2))
    assert same.tolist() == [True] * 6 + [False] * 4
    assert not (recurrent.forward(first) == recurrent.forward(other)).all(axis=(1, 2)).any()
    assert (window.kind, recurrent.kind) == ("static", "recurrent")
