"""Tables of networks that learn to read aloud, computed again."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from rnnbp.applications.nettalk.tables import Runs, cmudict_held_out, nettalk_1987, nettalk_held_out
from rnnbp.reproduction.side_by_side import Measured, Settings

HIDDEN = {"none": "none", "120": "120", "80+80": "80 + 80"}
WORDS = {
    ("common", 55): "common, 55 passes",
    ("unseen", 0): "all others, unseen",
    ("dictionary", 1): "whole dictionary, one pass more",
    ("dictionary", 5): "whole dictionary, five passes",
}
SCORES = {
    "phoneme_errors": "phonemes wrong",
    "word_errors": "words wrong",
    "phoneme_errors_stressed": "with stress: phonemes",
    "word_errors_stressed": "with stress: words",
}
WINDOW, LSTM = "window of 7 letters, 120 hidden units", "bidirectional LSTM, 2 layers of 128"


def of_1987(settings: Settings) -> Iterator[Measured]:
    """Train the static networks of 1987 of which figures were published."""
    table, _ = nettalk_1987(settings.data, _runs(settings), list(HIDDEN))
    for row in table.to_dict("records"):
        words = WORDS.get((row["words"], row["pass"]))
        if words is not None:
            yield Measured("nettalk-1987", f"{HIDDEN[row['hidden']]}; {words}", row["error"], 100 * row["phonemes"])


def on_held_out_words(settings: Settings) -> Iterator[Measured]:
    """Train on three quarters of NETtalk's words, and read the others."""
    rows = {"window": WINDOW, "bilstm": LSTM, "bilstm, 3 averaged": "three of them averaged"}
    return _pronounced("nettalk-held-out", nettalk_held_out, ["bilstm", "window"], rows, settings)


def on_cmudict(settings: Settings) -> Iterator[Measured]:
    """Train on nine tenths of the bundled words of the CMU dictionary, and read the others."""
    rows = {
        "window": WINDOW,
        "bilstm": LSTM,
        "bilstm-ctc": "the same by CTC",
        "bilstm, 3 averaged": "three of them averaged, aligned",
        "bilstm-ctc, 3 averaged": "three of them averaged, CTC",
    }
    return _pronounced("nettalk-cmudict", cmudict_held_out, ["window", "bilstm", "bilstm-ctc"], rows, settings)


def _pronounced(
    table: str,
    held_out: Callable[[Path | None, Runs, Sequence[str]], pd.DataFrame],
    variants: Sequence[str],
    rows: Mapping[str, str],
    settings: Settings,
) -> Iterator[Measured]:
    """Train variants on words and test them on others; `rows` are the table's rows, by the names of the results."""
    for row in held_out(settings.data, _runs(settings), variants).to_dict("records"):
        for score, column in SCORES.items():
            yield Measured(table, rows.get(row["name"], row["name"]), column, 100 * row[score])


def _runs(settings: Settings) -> Runs:
    return Runs(settings.seeds, settings.n_jobs, settings.checkpoints, progress=settings.progress)
