"""From text to phonemes and to sound."""

import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from rnnbp import audio, datasets
from rnnbp.applications.nettalk import Speaker, espeak, load_reader, train_reader
from rnnbp.applications.nettalk import speaker as speaking
from rnnbp.cli import main as cli
from rnnbp.datasets import load_cmudict
from rnnbp.datasets.cmudict import CONSONANTS, VOWELS

FEW = {
    "a": (("AH0",), ("EY1",)),
    "b": (("B", "IY1"),),
    "c": (("S", "IY1"),),
    "cat": (("K", "AE1", "T"),),
    "horse": (("HH", "AO1", "R", "S"),),
    "it's": (("IH1", "T", "S"),),
}


class Spells:
    """Reads any word as one vowel a letter."""

    def read(self, words, stress=True):
        return [("AH0",) * len(word) for word in words]


def test_the_dictionary_comes_first_and_the_network_reads_the_rest():
    speaker = Speaker(FEW, Spells())
    assert speaker.say("It's a cat, glorp.") == [("IH1", "T", "S"), ("AH0",), ("K", "AE1", "T"), ",", ("AH0",) * 5, "."]
    assert speaker.unknown("A glorp, the cat's glorp") == ["glorp", "the"]
    assert speaker.say("cat's horse's") == [("K", "AE1", "T", "S"), ("HH", "AO1", "R", "S", "IH0", "Z")]
    assert speaker.say("bc") == [("B", "IY1", "S", "IY1")]
    assert speaker.say("") == []
    with pytest.raises(ValueError, match="'glorp' is not in the dictionary, and there is no network to read it"):
        Speaker(FEW).say("glorp")


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """A network that is trained in a moment, on a few words, in a cache folder of its own."""
    monkeypatch.setattr(speaking, "SPEAKING", speaking.recurrent(8, 2))
    monkeypatch.setenv("RNNBP_DATA", str(tmp_path))
    words = dict(list(load_cmudict().items())[::400])
    monkeypatch.setattr(datasets, "load_cmudict", lambda path: words | FEW)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_reader_is_trained_written_and_read(quick):
    train_reader("network.npz", FEW | dict(list(load_cmudict().items())[::400]), progress=False)
    assert [p.name for p in quick.iterdir()] == ["network.npz"]
    (phonemes,) = load_reader("network.npz").read(["zyzzyva"])
    assert {phoneme.rstrip("012") for phoneme in phonemes} <= {*VOWELS, *CONSONANTS}


def test_a_model_without_classes_is_refused_as_reader(tmp_path):
    from rnnbp.applications.nettalk import window_network

    window_network((), 3).save(tmp_path / "m.npz")
    with pytest.raises(ValueError, match=r"m\.npz' is not a network that reads: make one by `rnnbp speak --train"):
        load_reader(tmp_path / "m.npz")


# ---- the command --------------------------------------------------------------------------------


def test_known_words_need_no_network(quick, capsys):
    assert cli.main(["speak", "A cat. It's a horse"]) == 0
    assert capsys.readouterr().out == "AH0 | K AE1 T . IH1 T S | AH0 | HH AO1 R S\n"
    assert not list(quick.iterdir())


def test_an_unknown_word_has_a_network_trained_once(quick, capsys):
    assert cli.main(["speak", "glorp", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert err == "rnnbp: 'glorp' is not in the dictionary: training a network to read it\n"
    assert (quick / "reader.npz").is_file()
    assert cli.main(["speak", "glorp", "--quiet"]) == 0
    assert capsys.readouterr() == (out, "")
    assert cli.main(["speak", "cat", "--network-only"]) == 0
    assert capsys.readouterr().out != "K AE1 T\n"  # a network of two epochs


def test_a_network_is_trained_where_it_is_asked_for(quick, capsys):
    assert cli.main(["speak", "--train", "--model", "my.npz", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "written: my.npz\n")
    assert cli.main(["speak", "--model", "none.npz", "glorp"]) == 2
    assert "there is no file 'none.npz'" in capsys.readouterr().err
    assert cli.main(["speak"]) == 2
    assert "text must be given, or --train" in capsys.readouterr().err


# ---- sound --------------------------------------------------------------------------------------


def test_every_phoneme_has_a_mnemonic():
    written = [espeak.mnemonics([(p,)]) for p in (*CONSONANTS, *(vowel + s for vowel in VOWELS for s in "012"))]
    assert len(set(written)) == len(written)
    assert espeak.mnemonics([("AH1", "B"), ".", ("AH0",)]) == "[['V|b]]. [[@]]"


def test_without_espeak_both_ways_to_install_it_are_named(monkeypatch, capsys, quick):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(ImportError, match=r"apt install espeak-ng\).*pip install espeakng-loader"):
        espeak.sound([("K", "AE1", "T")])
    assert cli.main(["speak", "cat", "--output", "cat.wav"]) == 2
    assert "sound needs eSpeak NG, which is not installed" in capsys.readouterr().err
    assert not (quick / "cat.wav").exists()


def test_a_failing_program_is_an_error(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: sys.executable)  # which knows none of the options
    with pytest.raises(RuntimeError, match="espeak-ng failed with status 2: "):
        espeak.sound([("K", "AE1", "T")])


def test_the_program_gets_phonemes_and_its_wav_is_read(monkeypatch, quick):
    asked = {}

    def run(command, *, input, **_):
        asked["text"] = input
        audio.write_wav(command[command.index("-w") + 1], np.linspace(-0.5, 0.5, 100), 22050)
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(espeak.subprocess, "run", run)
    assert cli.main(["speak", "a cat", "--output", "cat.wav"]) == 0
    assert asked["text"] == "[[@]] [[k|'a|t]]"
    samples, rate = audio.read_wav("cat.wav")
    assert (samples.shape, rate) == ((100,), 22050)


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="eSpeak NG is not installed")
def test_the_real_program_speaks_longer_for_more_words():
    short, rate = espeak.sound([("K", "AE1", "T")])
    long, _ = espeak.sound([("K", "AE1", "T"), (("HH", "AO1", "R", "S")), ("B", "IY1")])
    assert rate > 8000
    assert 0.1 * rate < len(short) < len(long)
    assert np.abs(short).max() > 0.05


def test_the_real_library_synthesises_sound():
    loader = pytest.importorskip("espeakng_loader")
    samples, rate = espeak._by_library(loader, espeak.mnemonics([("K", "AE1", "T")]))
    assert 0.1 * rate < len(samples) < 2 * rate
    assert np.abs(samples).max() > 0.05
