"""Search hyperparameters of a network on a validation set, and save the best one."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import rnnbp
from rnnbp import comparison
from rnnbp.cli.arguments import BATCH_SIZE, EPOCHS, MODELS, add_data, add_quiet, add_seeds, add_target, add_workers
from rnnbp.cli.inputs import load_parts, needed, worker_count
from rnnbp.cli.space import KINDS, parse_space
from rnnbp.cli.train import LOSSES, SAVED, chosen_loss, output_count, record_data

if TYPE_CHECKING:
    from rnnbp.losses import Loss

EXAMPLE = 'rnnbp sweep gru --space "learning_rate=0.001:0.1:log,hidden_size=16|32|64" --trials 20 --folder sweep'

VALIDATION = 0.25


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", nargs="?", default="gru", help=f"of {MODELS} (default: gru)")
    parser.set_defaults(default_model="gru")
    add_data(parser)
    parser.add_argument(
        "--space",
        required=True,
        metavar="NAME=VALUES,...",
        help=f"of {', '.join(KINDS)}: A|B|C are choices, LOW:HIGH is uniform, LOW:HIGH:log uniform in the logarithm",
    )
    parser.add_argument("--trials", type=int, metavar="N", help="number of random points (default: every combination)")
    parser.add_argument(
        "--validation",
        type=float,
        default=VALIDATION,
        metavar="FRACTION",
        help=f"of the training set, held out to score the trials (default: {VALIDATION:g})",
    )
    parser.add_argument("--epochs", type=int, default=EPOCHS, metavar="N", help=f"of each training (default: {EPOCHS})")
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE, metavar="N", help=f"default: {BATCH_SIZE}")
    parser.add_argument("--loss", help=f"of {LOSSES} (default: as for `rnnbp train`)")
    add_seeds(parser, 1)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the random points (default: 0)")
    parser.add_argument(
        "--patience", type=int, metavar="N", help="stop a training after N epochs without a lower validation loss"
    )
    parser.add_argument(
        "--tpe",
        action="store_true",
        help="let Optuna's TPE sampler propose the trials from the results so far, in place of random points",
    )
    add_target(
        parser,
        "--folder",
        "DIR",
        f"write checkpoints and results there, and at the end table.csv, ranking.csv, curves.csv and {SAVED}, the best "
        "model; a second call resumes from it",
        required=True,
    )
    parser.set_defaults(checkpoint_option=("folder", "DIR"))
    parser.add_argument("--retry-failed", action="store_true", help="train again the trials of the folder that failed")
    add_workers(parser)
    add_quiet(parser)


def run(options: argparse.Namespace) -> None:
    space = parse_space(options.space)
    whole, _ = load_parts(options)  # the test set plays no part
    whole = needed(whole, "training set")
    train, validation = _held_out(whole, options)
    report = rnnbp.sweep(
        BuiltIn(options.model, train, chosen_loss(options.loss, whole)),
        space,
        train,
        validation,
        trials=options.trials,
        seeds=options.seeds,
        epochs=options.epochs,
        batch_size=options.batch_size,
        stopping=None if options.patience is None else rnnbp.EarlyStopping(options.patience),
        seed=0 if options.tpe else options.seed,
        sampler=_tpe(options.seed) if options.tpe else None,
        n_jobs=worker_count(options),
        folder=options.folder,
        retry_failed=options.retry_failed,
        progress=not options.quiet,
    )
    print(report)
    report.to_csv(options.folder)
    print(f"written: {options.folder / 'table.csv'}")
    model, target = report.model, options.folder / SAVED
    record_data(model, options)
    model.save(target)
    print(f"written: {target}, of trial {report.best_trial}; the test set was not used")


@dataclass(frozen=True)
class BuiltIn:
    """Trainers of the built-in models, as `rnnbp train` makes them.

    Parameters
    ----------
    name : str
        The model, where the space has none.
    train : SequenceDataset
    loss : Loss
    """

    name: str
    train: "rnnbp.SequenceDataset"
    loss: "Loss"

    def __call__(
        self,
        epochs: int,
        seed: int,
        model: str | None = None,
        hidden_size: int | None = None,
        learning_rate: float | None = None,
        optimizer: str | None = None,
    ) -> "rnnbp.Trainer":
        """Return a new trainer."""
        from rnnbp.comparison import new_optimizer
        from rnnbp.optimizers import FullBatch
        from rnnbp.runtime import choice

        baselines = comparison.baselines_for(self.train)
        baseline = baselines[choice("model", model or self.name, baselines)]
        if hidden_size is not None:
            baseline = replace(baseline, width=hidden_size)
        network = baseline.factory(self.train, outputs=output_count(self.loss, self.train))(seed)
        own = baseline.optimizer()
        made = own
        if optimizer is not None or learning_rate is not None:
            made = new_optimizer(optimizer or own.name, learning_rate)
        schedule = None if isinstance(made, FullBatch) else rnnbp.Cosine(epochs)
        return rnnbp.Trainer(network, self.loss, optimizer=made, seed=seed, schedule=schedule)


def _held_out(whole: "rnnbp.SequenceDataset", options: argparse.Namespace) -> Sequence["rnnbp.SequenceDataset"]:
    """Return what to train on and what to validate on: of a single series its end."""
    from rnnbp.runtime import number

    fraction = 1 - number("--validation", options.validation, 0, 0.9, open_low=True)
    if len(whole) == 1 and whole.per_step:
        steps = int(whole.lengths[0])
        first = min(steps - 1, max(1, round(steps * fraction)))
        pieces = whole.cut(first)
        return pieces[:1], pieces[1:]
    try:
        return whole.split(fraction, seed=0, groups=options.groups)
    except ValueError as error:
        raise ValueError(f"--validation {options.validation:g}: {error}") from None


def _tpe(seed: int) -> Any:
    from rnnbp.runtime import require

    return require("optuna", extra="optuna").samplers.TPESampler(seed=seed)
