"""Training runs of reading networks, several in parallel, each of which resumes after an interruption."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from rnnbp.applications.nettalk.lexicon import Lexicon
from rnnbp.applications.nettalk.readers import Reads
from rnnbp.applications.nettalk.scoring import letters_right, scores
from rnnbp.applications.nettalk.variants import Variant
from rnnbp.models import Sequential
from rnnbp.training import Callback, Trainer, checkpoint_in

Row = dict[str, Any]

DICTIONARY_PASSES = 5


@dataclass(frozen=True)
class Trial:
    """Training run of one variant with one seed.

    Parameters
    ----------
    name : str
        The row of the table.
    variant : Variant
    seed : int
    train, test : Lexicon
    folder : Path, optional
        Folder for checkpoints.

    Examples
    --------
    >>> from rnnbp.applications.nettalk.variants import VARIANTS
    >>> lexicon = Lexicon.of_cmudict({"at": (("AE1", "T"),)}).aligned()
    >>> Trial("window", VARIANTS["window"], 2, lexicon, lexicon, Path("report")).checkpoint().name
    'window-2.npz'
    """

    name: str
    variant: Variant
    seed: int
    train: Lexicon
    test: Lexicon
    folder: Path | None = None

    def __str__(self) -> str:
        return f"{self.name}, seed {self.seed}"

    def checkpoint(self, stage: str = "") -> Path | None:
        """Return the checkpoint file of one stage of the training."""
        return checkpoint_in(self.folder, f"{self.name}-{self.seed}{stage}")

    def reader(self, models: Sequence[Sequential]) -> Reads:
        """Return a reader that uses these networks."""
        return self.variant.reader(models, self.train)


def by_letter(trial: Trial, lexicon: Lexicon) -> Callback:
    """Return a callback that adds the accuracies of phonemes and stresses to the history after each epoch.

    Parameters
    ----------
    trial : Trial
        Of a variant with NETtalk's output units.
    lexicon : Lexicon
    """

    def note(trainer: Trainer, row: Row) -> None:
        reader: Any = trial.reader([trainer.model])
        row["phonemes"], row["stress"] = letters_right(reader.labels(lexicon.words), lexicon.labels)

    return note


def common_words(trial: Trial) -> tuple[list[Row], Sequential]:
    """Run the first experiment of 1987: train on the common words, `trial.train`, and test on all others, `trial.test`.

    Returns
    -------
    rows : list of dict
        A row for each epoch: `words`, 'common' and finally 'unseen', `pass` and the fractions of correct letters.
    model : Sequential
    """
    trainer = trial.variant.trained(
        trial.train, trial.seed, callbacks=[by_letter(trial, trial.train)], checkpoint=trial.checkpoint()
    )
    unseen: Row = {"words": "unseen", "pass": 0}
    by_letter(trial, trial.test)(trainer, unseen)
    return [_with_name(trial, row) for row in (*_curve("common", trainer), unseen)], trainer.model


def whole_dictionary(trial: Trial) -> tuple[list[Row], Sequential]:
    """Run the second experiment of 1987: continue training on the whole dictionary for five epochs.

    Returns
    -------
    rows : list of dict
        Those of `common_words`, and one more for each epoch with `words` 'dictionary'.
    model : Sequential
    """
    rows, model = common_words(trial)
    whole = trial.train + trial.test
    trainer = trial.variant.trained(
        whole,
        trial.seed,
        model=model,
        epochs=DICTIONARY_PASSES,
        callbacks=[by_letter(trial, whole)],
        checkpoint=trial.checkpoint("-dictionary"),
    )
    return rows + [_with_name(trial, row) for row in _curve("dictionary", trainer)], model


def _with_name(trial: Trial, row: Row) -> Row:
    return {"name": trial.name, "seed": trial.seed, **row}


def _curve(words: str, trainer: Trainer) -> list[Row]:
    names = ("phonemes", "stress")
    return [{"words": words, "pass": int(row["epoch"]), **{name: row[name] for name in names}} for row in trainer.rows]


def held_out(trial: Trial) -> tuple[Row, Sequential]:
    """Train on `trial.train` and test on the held-out words `trial.test`.

    Returns
    -------
    row : dict
        `name`, `seed`, `parameters`, `seconds` and the error rates.
    model : Sequential
    """
    trainer = trial.variant.trained(trial.train, trial.seed, checkpoint=trial.checkpoint())
    row = {"name": trial.name, "seed": trial.seed, "parameters": trainer.model.params.size}
    row |= {"seconds": sum(r["seconds"] for r in trainer.rows), **scores(trial.reader([trainer.model]), trial.test)}
    return row, trainer.model


def averaged(trained: Iterable[tuple[Trial, Sequential]]) -> list[Row]:
    """Compute the error rates of the ensemble of the networks of all seeds, for each name."""
    by_name: dict[str, tuple[Trial, list[Sequential]]] = {}
    for trial, model in trained:
        by_name.setdefault(trial.name, (trial, []))[1].append(model)
    return [
        {"name": f"{name}, {len(models)} averaged", **scores(trial.reader(models), trial.test)}
        for name, (trial, models) in by_name.items()
        if len(models) > 1 and trial.variant.averages
    ]


def mean_and_std(rows: Iterable[Row], by: Sequence[str]) -> pd.DataFrame:
    """Compute mean and standard deviation over seeds, in order of appearance.

    Examples
    --------
    >>> mean_and_std([{"name": "a", "seed": 0, "errors": 0.2}, {"name": "a", "seed": 1, "errors": 0.4}], ["name"])
      name  errors  errors_std
    0    a     0.3    0.141421
    """
    grouped = pd.DataFrame(rows).drop(columns="seed", errors="ignore").groupby(list(by), sort=False)
    mean, std = grouped.mean(), grouped.std().add_suffix("_std")
    return pd.concat([mean, std.drop(columns=["seconds_std", "parameters_std"], errors="ignore")], axis=1).reset_index()
