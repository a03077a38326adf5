"""Speech synthesis from phonemes by eSpeak NG, an external program or shared library."""

import ctypes
import importlib
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from rnnbp.applications.nettalk.lexicon import Pronunciation
from rnnbp.audio import read_audio

Array = np.ndarray

VOICE = "en-us"
_MISSING = (
    "sound needs eSpeak NG, which is not installed: either its program (Debian: apt install espeak-ng) or the library "
    "that a package brings (pip install espeakng-loader)"
)
_STRESS = {"1": "'", "2": ",", "0": ""}
_MNEMONICS = {
    "AA": "A:",
    "AE": "a",
    "AH": "V",
    "AO": "O:",
    "AW": "aU",
    "AY": "aI",
    "EH": "E",
    "ER": "3:",
    "EY": "eI",
    "IH": "I",
    "IY": "i:",
    "OW": "oU",
    "OY": "OI",
    "UH": "U",
    "UW": "u:",
    "CH": "tS",
    "DH": "D",
    "HH": "h",
    "JH": "dZ",
    "NG": "N",
    "SH": "S",
    "TH": "T",
    "Y": "j",
    "ZH": "Z",
}
_UNSTRESSED = {"AH": "@", "ER": "3", "IY": "i"}


def mnemonics(speech: Sequence[Pronunciation | str]) -> str:
    """Convert words in ARPAbet to eSpeak NG's mnemonics of American English phonemes.

    Parameters
    ----------
    speech : sequence of tuple of str, or str
        A word's phonemes, or a pause: "," or ".".

    Examples
    --------
    >>> mnemonics([("HH", "AH0", "L", "OW1"), ",", ("W", "ER1", "L", "D")])
    "[[h|@|l|'oU]], [[w|'3:|l|d]]"
    """
    parts = [one if isinstance(one, str) else f" [[{'|'.join(map(_mnemonic, one))}]]" for one in speech]
    return "".join(parts).strip()


def _mnemonic(phoneme: str) -> str:
    if phoneme[-1] not in _STRESS:
        return _MNEMONICS.get(phoneme, phoneme.lower())
    vowel, stress = phoneme[:-1], phoneme[-1]
    return _STRESS[stress] + (_UNSTRESSED.get(vowel, _MNEMONICS[vowel]) if stress == "0" else _MNEMONICS[vowel])


def sound(speech: Sequence[Pronunciation | str]) -> tuple[Array, int]:
    """Synthesise words in ARPAbet with eSpeak NG.

    Parameters
    ----------
    speech : sequence of tuple of str, or str
        See `mnemonics`.

    Returns
    -------
    samples : ndarray (N,) of float32
        Between -1 and 1.
    rate : int
        In Hz.

    Raises
    ------
    ImportError
        If eSpeak NG is not installed; the message names both ways to install it.
    RuntimeError
        If eSpeak NG fails.

    See Also
    --------
    rnnbp.audio.write_wav : to a file.

    Examples
    --------
    >>> samples, rate = sound([("HH", "AH0", "L", "OW1")])  # doctest: +SKIP
    """
    program = shutil.which("espeak-ng")
    if program is not None:
        return _by_program(program, mnemonics(speech))
    try:
        loader = importlib.import_module("espeakng_loader")
    except ImportError:
        raise ImportError(_MISSING) from None
    return _by_library(loader, mnemonics(speech))


def _by_program(program: str, text: str) -> tuple[Array, int]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        command = [program, "-v", VOICE, "-w", str(path), "--stdin"]
        done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
        if done.returncode or not path.is_file():
            raise RuntimeError(f"espeak-ng failed with status {done.returncode}: {done.stderr.strip()[:200]}")
        samples, rate = read_audio(path)
    return samples.reshape(-1).astype(np.float32), rate


def _by_library(loader: ModuleType, text: str) -> tuple[Array, int]:
    """Synthesise through the C interface `speak_lib.h`, which passes the samples block by block to a callback."""
    library = ctypes.CDLL(loader.get_library_path())
    retrieve, utf8, phonemes = 2, 1, 0x100  # AUDIO_OUTPUT_SYNCHRONOUS, espeakCHARS_UTF8, espeakPHONEMES
    rate = library.espeak_Initialize(retrieve, 0, str(loader.get_data_path()).encode(), 0)
    if rate <= 0:
        raise RuntimeError(f"the library of espeakng-loader could not be started: {rate}")
    pieces: list[Array] = []
    callback_type = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)

    def take(samples: "ctypes._Pointer[ctypes.c_short]", count: int, _: int) -> int:
        if samples and count > 0:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    callback = callback_type(take)
    library.espeak_SetSynthCallback(callback)
    library.espeak_SetVoiceByName(VOICE.encode())
    given = text.encode()
    failed = library.espeak_Synth(given, ctypes.c_size_t(len(given) + 1), 0, 1, 0, utf8 | phonemes, None, None)
    failed = failed or library.espeak_Synchronize()
    library.espeak_Terminate()
    if failed:
        raise RuntimeError(f"the library of espeakng-loader failed with status {failed}")
    joined = np.concatenate(pieces) if pieces else np.zeros(0, np.int16)
    return joined.astype(np.float32) / 2**15, int(rate)
