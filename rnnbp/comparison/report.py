"""Report of a comparison: tables, a verdict in one sentence, a plot and an HTML page."""

import html
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rnnbp.comparison.failures import described, failures
from rnnbp.comparison.paired_scores import Paired, paired
from rnnbp.comparison.report_page import page
from rnnbp.metrics import less_is_better
from rnnbp.models import Sequential
from rnnbp.runtime import checked_path, choice, replacing
from rnnbp.runtime.tables import write_tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Report:
    """Result of `rnnbp.compare`.

    Attributes
    ----------
    runs : DataFrame
        A row for each model and seed: kind, parameters, `train` and `test` score, `test_loss`, `seconds` of training,
        mean `gradient_norm`, `inference_ms` per sequence.
    curves : DataFrame
        A row for each epoch of each run: the training's history, with `model` and `run`: ``'seed 0'``, ... trained on
        the whole training set, ``'fold 0'``, ... on all folds but one, which is the validation set.
    metric : str
        The score's name: 'accuracy' or 'r2'.
    settings : dict of str to str
        Description of the data and of the training for the page, which lists every entry.
    trained : dict of str to Sequential
        The model of each name as trained with the first seed whose run did not fail:
        ``report.trained["gru"].predict(data)``.
    failures : DataFrame
        A row for each run that failed: `model`, `run`, `error`, `traceback`. They are in none of the figures.

    Examples
    --------
    `rnnbp.compare` makes one; here two networks and two seeds by hand:

    >>> runs = pd.DataFrame({"model": ["mlp", "lstm"] * 2, "seed": [0, 0, 1, 1], "test": [0.9, 0.96, 0.92, 0.96]})
    >>> pair = Report(runs, pd.DataFrame(), "accuracy").paired("lstm", "mlp")
    >>> round(pair.difference, 3)
    0.05
    """

    runs: pd.DataFrame
    curves: pd.DataFrame
    metric: str
    settings: dict[str, str] = field(default_factory=dict)
    trained: dict[str, Sequential] = field(default_factory=dict)
    failures: pd.DataFrame = field(default_factory=failures)

    @cached_property
    def table(self) -> pd.DataFrame:
        """Summary table, one row per model.

        Columns: `model`, `kind`, `parameters`; mean and standard deviation over seeds of the train and test score;
        `validation_mean` over the folds; `epochs_to_best` and `seconds_to_best`, for the epoch with the best mean
        validation score; `seconds_mean` of a run, `seconds_per_epoch`, `inference_ms` per sequence, `gradient_norm`.
        """
        groups = self.runs.groupby("model", sort=False)
        table = groups[["kind", "parameters"]].first()
        for score in ("train", "test"):
            table[f"{score}_mean"] = groups[score].mean()
            table[f"{score}_std"] = groups[score].std(ddof=1)
        validation = self.validation_curves
        per_epoch = self.curves.groupby("model")["seconds"].mean()
        table.insert(4, "validation_mean", validation.ffill().iloc[-1] if len(validation) else np.nan)
        table["epochs_to_best"] = (self._better * validation).idxmax() if len(validation) else np.nan
        table["seconds_to_best"] = table["epochs_to_best"] * per_epoch
        table["seconds_mean"] = groups["seconds"].mean()
        table["seconds_per_epoch"] = per_epoch
        table["inference_ms"] = groups["inference_ms"].mean()
        table["gradient_norm"] = groups["gradient_norm"].mean()
        return table.reset_index()

    @cached_property
    def validation_curves(self) -> pd.DataFrame:
        """Validation score by epoch (rows) and model (columns), averaged over the folds."""
        folds = self.curves[self.curves["run"].str.startswith("fold")]
        if folds.empty:  # all of them failed
            return pd.DataFrame(columns=pd.Index([], name="model"))
        return folds.pivot_table(index="epoch", columns="model", values=f"validation_{self.metric}", sort=False)

    @property
    def _better(self) -> int:
        """Sign of improvement: 1 where more of the metric is better, -1 for an error rate."""
        return -1 if less_is_better(self.metric) else 1

    def best(self, kind: str) -> str | None:
        """Return the model of a kind with the best validation score, or None if none has one.

        Parameters
        ----------
        kind : {'static', 'reservoir', 'recurrent'}
        """
        of_kind = self.table[(self.table["kind"] == kind) & self.table["validation_mean"].notna()]
        if of_kind.empty:
            return None
        return str(of_kind["model"].iloc[int((self._better * of_kind["validation_mean"]).argmax())])

    def paired(self, first: str, second: str) -> Paired:
        """Compare two models' test scores, paired by seed; seeds of which a run failed are left out.

        Parameters
        ----------
        first, second : str
            Names of models; the second's score is subtracted from the first's.
        """
        for argument, model in (("first", first), ("second", second)):
            choice(argument, model, self.runs["model"].unique())
        scores = self.runs.pivot_table(index="seed", columns="model", values="test")[[first, second]].dropna()
        largest = 1 if self.metric == "accuracy" else np.inf
        return paired(scores[first], scores[second], largest)

    @property
    def gain(self) -> tuple[str, str, Paired] | None:
        """What backpropagation adds to random recurrence: the trained network, the reservoir, and their difference.

        The reservoir NAME is the best one, the trained network NAME-bptt, the same one unfrozen, or where there is none
        the best recurrent network. None without a reservoir or without either.
        """
        reservoir = self.best("reservoir")
        unfrozen = f"{reservoir}-bptt"
        trained = unfrozen if unfrozen in set(self.table["model"]) else self.best("recurrent")
        if reservoir is None or trained is None:
            return None
        return trained, reservoir, self.paired(trained, reservoir)

    @property
    def verdict(self) -> str:
        """One sentence on the best static and recurrent networks, with the confidence interval of their difference.

        And one on `gain`, where there is a reservoir.
        """
        recurrent, static = self.best("recurrent"), self.best("static")
        if recurrent is None or static is None:
            name = recurrent or static or self.best("reservoir")
            if name is None:
                return "No network can be chosen: every run of the cross-validation failed."
            first = f"The best network, chosen by cross-validation, is {name} with {self._score(name)} on the test set."
        else:
            first = (
                f"Chosen by cross-validation, the best recurrent network is {recurrent} with {self._score(recurrent)} "
                f"on the test set, the best static one {static} with {self._score(static)}: a difference of "
                f"{self._difference(self.paired(recurrent, static))}."
            )
        if self.gain is None:
            return first
        trained, reservoir, pair = self.gain
        return (
            f"{first} Over {reservoir} with {self._score(reservoir)}, whose recurrent weights stay random, "
            f"backpropagation ({trained}) makes a difference of {self._difference(pair)}."
        )

    def _difference(self, pair: Paired) -> str:
        interval = f"95 % interval {pair.low:+.4f} to {pair.high:+.4f}"
        if np.isnan(pair.low):
            interval = f"{self.runs['seed'].nunique()} seeds are too few for an interval"
        certainty = "" if np.isnan(pair.p) else f" ({interval}, p = {pair.p:.2g})"
        return f"{pair.difference:+.4f} in {self.metric}{certainty}"

    def _score(self, model: str) -> str:
        row = self.table[self.table["model"] == model].iloc[0]
        spread = "" if np.isnan(row["test_std"]) else f" ± {row['test_std']:.4f}"
        return f"{row['test_mean']:.4f}{spread}"

    def plot(self, width: float = 11) -> "Figure":
        """Plot the learning curves, and every seed's test score.

        Parameters
        ----------
        width : float, default 11
            Of the figure [inches]; from 7 on its panels are side by side.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            Without the `plot` extra.
        """
        from rnnbp.comparison.plots import plot_comparison

        return plot_comparison(self.table, self.runs, self.validation_curves, self.metric, width)

    def to_csv(self, folder: str | Path) -> None:
        """Write `table.csv`, `curves.csv` and, where runs failed, `failures.csv`.

        Parameters
        ----------
        folder : str or Path
            Created if it does not exist.
        """
        failed = {} if self.failures.empty else {"failures": self.failures}
        write_tables(folder, {"table": self.table, "curves": self.curves, **failed})

    def to_html(self, path: str | Path) -> None:
        """Write the report as one self-contained HTML page.

        Parameters
        ----------
        path : str or Path
            In a folder that exists. Without the `plot` extra the page has a note in place of the plot.
        """
        with replacing(path) as temporary:
            temporary.write_text(page(self), encoding="utf-8")

    def write(self, folder: str | Path) -> None:
        """Write `report.html`, the tables of `to_csv` and, with the `plot` extra, `comparison.png`.

        Parameters
        ----------
        folder : str or Path
            Created if it does not exist.
        """
        folder = checked_path("folder", folder)
        self.to_csv(folder)
        self.to_html(folder / "report.html")
        try:
            figure = self.plot()
        except ImportError:
            return  # the page has a note in its place
        with replacing(folder / "comparison.png") as temporary:
            figure.savefig(temporary, format="png", dpi=150)

    def __repr__(self) -> str:
        return f"{self.verdict}\n{_rounded(self.table).to_string(index=False)}{described(self.failures)}"

    def _repr_html_(self) -> str:
        failed = f"<pre>{html.escape(text)}</pre>" if (text := described(self.failures)) else ""
        return f"<p>{html.escape(self.verdict)}</p>{_rounded(self.table).to_html(index=False, border=0)}{failed}"


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Return the main columns of the table, rounded."""
    digits = {"seconds": 2, "gradient": 3, "inference": 3}
    rounded = table.drop(columns=["seconds_to_best", "seconds_per_epoch"])
    return rounded.round({c: digits.get(c.split("_")[0], 4) for c in rounded.columns[rounded.dtypes == np.float64]})
