"""Tables of results beside published figures: NETtalk's of 1987, held-out words, and the CMU dictionary."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from rnnbp.applications.nettalk import trials
from rnnbp.applications.nettalk.lexicon import Lexicon
from rnnbp.applications.nettalk.spelling import split_words
from rnnbp.applications.nettalk.trials import Trial, mean_and_std
from rnnbp.applications.nettalk.variants import ERRORS, VARIANTS, Variant, as_in_1987
from rnnbp.datasets import load_cmudict, load_nettalk
from rnnbp.runtime import job_count, positive_int, run_all, unknown

Result = TypeVar("Result")

HIDDEN = {"none": (), "15": (15,), "30": (30,), "60": (60,), "80": (80,), "120": (120,), "80+80": (80, 80)}
WITH_DICTIONARY = ("120", "80+80")
PUBLISHED = {
    ("none", "common", 55): 0.82,
    ("120", "common", 55): 0.98,
    ("80+80", "common", 55): 0.97,
    ("120", "unseen", 0): 0.77,
    ("120", "dictionary", 1): 0.85,
    ("120", "dictionary", 5): 0.90,
}
HELD_OUT = ("window-features", "window", "window-wide", "bilstm")
UNALIGNED = ("window", "bilstm", "bilstm-ctc")


@dataclass(frozen=True)
class Runs:
    """Settings of the training runs.

    Parameters
    ----------
    seeds : int, default 3
        Number of seeds that are averaged.
    n_jobs : int, optional
        Number of runs that train at the same time, as in `rnnbp.compare`.
    folder : Path, optional
        Folder for checkpoints, from which interrupted or finished runs resume.
    epochs : int, optional
        Default: each variant's own.
    progress : bool, default True

    Raises
    ------
    ValueError
        If `seeds` is not a positive integer, or `n_jobs` no number of workers.

    Examples
    --------
    >>> Runs(seeds=0)
    Traceback (most recent call last):
    ValueError: seeds must be a positive integer, got 0
    """

    seeds: int = 3
    n_jobs: int | None = None
    folder: Path | None = None
    epochs: int | None = None
    progress: bool = True

    def __post_init__(self) -> None:
        positive_int("seeds", self.seeds)
        job_count(self.n_jobs)
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)

    def trials(self, variants: Mapping[str, Variant], train: Lexicon, test: Lexicon) -> list[Trial]:
        """Return a trial for each variant and each seed."""
        return [
            Trial(name, replace(variant, epochs=self.epochs or variant.epochs), seed, train, test, self.folder)
            for seed in range(self.seeds)
            for name, variant in variants.items()
        ]

    def results(self, run: Callable[[Trial], Result], trials: Sequence[Trial]) -> list[tuple[Trial, Result]]:
        """Return every trial, in order, with ``run(trial)``; those that fail are warned of and left out."""
        outcomes = run_all(run, trials, self.n_jobs, name=str, progress=self.progress, label="trained")
        for trial, outcome in zip(trials, outcomes, strict=True):
            if outcome.error:
                print(f"{trial}: {outcome.error}", file=sys.stderr)
        return [(trial, one.result) for trial, one in zip(trials, outcomes, strict=True) if one.error is None]


def nettalk_1987(
    path: str | Path | None, runs: Runs, hidden: Sequence[str] = tuple(HIDDEN)
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Reproduce the static network's table of 1987: accuracy of the best guess for each number of hidden units.

    Parameters
    ----------
    path : str or Path, optional
        See `rnnbp.datasets.load_nettalk`; the list of common words must be beside the corpus.
    runs : Runs
    hidden : sequence of str, default all
        Keys of `HIDDEN`.

    Returns
    -------
    table : DataFrame
        `hidden`, `error`, `words`, `pass`, `published`, and the fractions `phonemes` and `stress` with their standard
        deviations: on the common words after the last epoch; on all others, unseen; on the whole dictionary after one
        epoch and after five.
    curves : DataFrame
        The same after every epoch, without the published figures.

    Raises
    ------
    ValueError
        If there are no common words, or none of `hidden` is known.
    """
    _check_names("hidden", hidden, HIDDEN)
    corpus = load_nettalk(path)
    if not corpus["common"].any():
        source = "nettalk" if path is None else str(path)
        raise ValueError(f"{source!r} has no list of common words: nettalk.list belongs beside nettalk.data")
    common = corpus["common"].to_numpy()
    train, test = (Lexicon.of_nettalk(corpus[mask]) for mask in (common, ~common))
    results: list[tuple[Trial, Any]] = []
    for run, names in (
        (trials.common_words, [name for name in hidden if name not in WITH_DICTIONARY]),
        (trials.whole_dictionary, [name for name in hidden if name in WITH_DICTIONARY]),
    ):
        variants = {f"{name}, {error}": as_in_1987(HIDDEN[name], error) for name in names for error in ERRORS}
        results += runs.results(run, runs.trials(variants, train, test))
    curves = mean_and_std([row for _, (rows, _) in results for row in rows], ["name", "words", "pass"])
    curves[["hidden", "error"]] = curves.pop("name").str.split(", ", expand=True)
    last = curves.groupby(["hidden", "error", "words"])["pass"].transform("max")
    table = curves[(curves["pass"] == last) | ((curves["words"] == "dictionary") & (curves["pass"] == 1))]
    published = [PUBLISHED.get(key, np.nan) for key in zip(table["hidden"], table["words"], table["pass"], strict=True)]
    columns = ["hidden", "error", "words", "pass", "published", "phonemes", "phonemes_std", "stress", "stress_std"]
    return table.assign(published=published)[columns].reset_index(drop=True), curves


def nettalk_held_out(path: str | Path | None, runs: Runs, variants: Sequence[str] = HELD_OUT) -> pd.DataFrame:
    """Compare static and recurrent networks on held-out words of NETtalk's corpus.

    A quarter of the words is held out, as in Bisani & Ney (2008) and Yao & Zweig (2015), who used all 20,008: phoneme
    error rates of 8.3 % and 7.4 % without stress. Here the split is random, with homographs together.

    Parameters
    ----------
    path : str or Path, optional
        See `rnnbp.datasets.load_nettalk`.
    runs : Runs
    variants : sequence of str
        Keys of `rnnbp.applications.nettalk.variants.VARIANTS`.

    Returns
    -------
    DataFrame
        A row for each variant, and one for the ensemble of the networks of all seeds: error rates of phonemes and
        words, without stress and with.

    References
    ----------
    M. Bisani & H. Ney (2008), "Joint-sequence models for grapheme-to-phoneme conversion", Speech Communication 50,
    434-451, doi:10.1016/j.specom.2008.01.002; K. Yao & G. Zweig (2015), "Sequence-to-sequence neural net models for
    grapheme-to-phoneme conversion", Interspeech, arXiv:1506.00196.
    """
    _check_names("variants", variants, VARIANTS)
    lexicon = Lexicon.of_nettalk(load_nettalk(path))
    held_out = split_words(lexicon.words, 0.25, np.random.default_rng(0))
    return _compared(lexicon.subset(~held_out), lexicon.subset(held_out), variants, runs)


def cmudict_held_out(path: str | Path | None, runs: Runs, variants: Sequence[str] = UNALIGNED) -> pd.DataFrame:
    """Compare networks on held-out words of the CMU dictionary.

    A tenth of the words is held out. The letters of the others are aligned by expectation-maximisation, or not aligned
    where the network is trained by CTC. Of several pronunciations of a word any counts as correct, as in Rao et al.
    (2015), who report a word error rate of 25.8 % with the whole dictionary, without stress.

    Parameters
    ----------
    path : str or Path, optional
        See `rnnbp.datasets.load_cmudict`. Default: the bundled words.
    runs, variants
        See `nettalk_held_out`.

    Returns
    -------
    DataFrame
        See `nettalk_held_out`.
    """
    _check_names("variants", variants, VARIANTS)
    lexicon = Lexicon.of_cmudict(load_cmudict(path))
    held_out = split_words(lexicon.words, 0.1, np.random.default_rng(0))
    return _compared(lexicon.subset(~held_out).aligned(), lexicon.subset(held_out), variants, runs)


def _check_names(argument: str, names: Sequence[str], known: Mapping[str, Any]) -> None:
    for name in names:
        if name not in known:
            raise unknown(argument, name, known)


def _compared(train: Lexicon, test: Lexicon, variants: Sequence[str], runs: Runs) -> pd.DataFrame:
    planned = runs.trials({name: VARIANTS[name] for name in variants}, train, test)
    results = runs.results(trials.held_out, planned)
    averaged = trials.averaged([(trial, model) for trial, (_, model) in results])
    return mean_and_std([*(row for _, (row, _) in results), *averaged], ["name"])
