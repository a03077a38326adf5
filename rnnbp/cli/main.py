"""The `rnnbp` command."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import rnnbp
from rnnbp import comparison, datasets
from rnnbp.applications.spoken_digits import noise_table
from rnnbp.cli.arguments import (
    Commands,
    add_data,
    add_target,
    add_trainings,
    check_targets,
    command,
    load,
    model_for,
    new_model,
    numbers,
)
from rnnbp.cli.bench import add_bench
from rnnbp.cli.gradients import add_gradients
from rnnbp.cli.interrupts import how_to_continue, status, terminated_as_interrupted
from rnnbp.cli.nettalk import add_nettalk
from rnnbp.cli.speak import add_speak
from rnnbp.cli.speakers import add_speakers
from rnnbp.cli.transcribe import add_transcribe
from rnnbp.data import SequenceDataset
from rnnbp.losses import Loss, natural_loss
from rnnbp.models import Sequential
from rnnbp.optimizers import OPTIMIZERS, Cosine, Minimizer
from rnnbp.runtime import choice, to_config
from rnnbp.training import Trainer, TrainingDivergedError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    0 means success, 2 a wrong argument or file, 130 and 143 an interruption by Ctrl-C and SIGTERM.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those of the process.

    Examples
    --------
    >>> main(["datasets"])  # doctest: +ELLIPSIS
    name ...
    0
    """
    given = sys.argv[1:] if arguments is None else arguments
    options = parser().parse_args(given)
    try:
        with terminated_as_interrupted():
            check_targets(options)
            options.run(options)
            sys.stdout.flush()
    except BrokenPipeError:  # the reader closed the pipe, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter's final flush fails
        return 141  # the status of a process ended by SIGPIPE
    except (ValueError, OSError, ImportError, TrainingDivergedError) as error:
        print(f"rnnbp: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:
        print(f"rnnbp: interrupted{how_to_continue(options, given)}", file=sys.stderr)
        return status(interrupt)
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the argument parser of the command."""
    top = argparse.ArgumentParser(prog="rnnbp", description=rnnbp.__doc__)
    top.add_argument("--version", action="version", version=f"rnnbp {rnnbp.__version__}")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    own = (_add_compare, _add_train, _add_evaluate, _add_predict, _add_check)
    for add in (*own, add_gradients, add_bench, add_transcribe, add_speakers, add_nettalk, add_speak, _add_datasets):
        add(commands)
    return top


def _add_compare(commands: Commands) -> None:
    added = command(
        commands,
        "compare",
        "Train static and recurrent networks on the same data under the same budget, and report.",
        "rnnbp compare japanese-vowels --models static,elman,lstm --seeds 5 --output report",
    )
    add_data(added)
    add_trainings(added, models="all", seeds=5)
    add_target(added, "--output", "DIR", "write report.html, table.csv and curves.csv there")
    added.add_argument("--quiet", action="store_true", help="show no progress")
    added.set_defaults(run=_compare)


def _compare(options: argparse.Namespace) -> None:
    train, test = load(options)
    among = comparison.baselines_for(train)
    wanted = comparison.baseline_names(options.models.split(","), among)
    models = {name: comparison.model_factory(name, train, options.parameters) for name in wanted}
    report = rnnbp.compare(
        models,
        train,
        test,
        seeds=options.seeds,
        epochs=options.epochs,
        batch_size=options.batch_size,
        loss=comparison.loss_for(train),
        optimizers={name: among[name].optimizer for name in wanted},
        workers=options.workers,
        checkpoints=options.checkpoints,
        progress=not options.quiet,
    )
    print(report)
    if options.output is not None:
        report = replace(report, settings={"dataset": options.dataset, **report.settings})
        report.write(options.output)
        print(f"written: {options.output / 'report.html'}")


def _add_train(commands: Commands) -> None:
    added = command(
        commands,
        "train",
        "Train one network and save it.",
        "rnnbp train gru japanese-vowels --epochs 30 --save gru.npz",
    )
    added.add_argument("model", metavar="MODEL", help=f"of {', '.join(comparison.BASELINES)}")
    add_data(added)
    add_target(added, "--save", "FILE", "the .npz file to write", required=True)
    added.add_argument("--epochs", type=int, default=25, metavar="N", help="default: 25")
    added.add_argument("--batch-size", type=int, default=16, metavar="N", help="default: 16")
    added.add_argument("--optimizer", default="adam", help=f"of {', '.join(sorted(OPTIMIZERS))} (default: adam)")
    added.add_argument(
        "--learning-rate", type=float, metavar="R", help="default: the network's with adam, else its own"
    )
    added.add_argument("--parameters", type=int, metavar="N", help="choose the width for about so many parameters")
    added.add_argument("--truncate", metavar="K1,K2", help="truncated BPTT instead of the full one")
    added.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    add_target(added, "--checkpoint", "FILE", "write after each epoch; go on from it if there")
    added.add_argument("--quiet", action="store_true", help="show no progress")
    added.set_defaults(run=_train, kept_by=("checkpoint", "FILE"))


def _train(options: argparse.Namespace) -> None:
    train, test = load(options)
    model = new_model(options, train, options.seed)
    loss, optimizer = natural_loss(train.targets), _optimizer(options, train)
    trainer = Trainer(
        model,
        loss,
        _gradient(options.truncate),
        optimizer,
        seed=options.seed,
        schedule=None if isinstance(optimizer, Minimizer) else Cosine(options.epochs),
    )
    trainer.fit_up_to(
        options.epochs,
        train,
        batch_size=options.batch_size,
        progress=not options.quiet,
        checkpoint=options.checkpoint,
    )
    model.info = {"dataset": options.dataset, "features": to_config(datasets.feature_of(options.dataset))}
    model.save(options.save)
    _print_scores(trainer.evaluate(test))
    print(f"written: {options.save}")


def _gradient(truncate: str | None) -> rnnbp.BPTT | rnnbp.TruncatedBPTT:
    if truncate is None:
        return rnnbp.BPTT()
    try:
        k1, k2 = map(int, truncate.split(","))
    except ValueError:
        raise ValueError(f"--truncate must be two integers K1,K2, got {truncate!r}") from None
    return rnnbp.TruncatedBPTT(k1, k2)


def _optimizer(options: argparse.Namespace, train: SequenceDataset) -> rnnbp.optimizers.Optimizer:
    make: Any = OPTIMIZERS[choice("--optimizer", options.optimizer, OPTIMIZERS)]
    if options.learning_rate is not None:
        if issubclass(make, Minimizer):
            raise ValueError(
                f"--learning-rate has no effect with {options.optimizer}, which finds its step sizes itself"
            )
        return make(learning_rate=options.learning_rate)
    return comparison.baselines_for(train)[options.model].optimizer() if options.optimizer == "adam" else make()


def _print_scores(scores: dict[str, float]) -> None:
    print("  ".join(f"{name} {value:.4f}" for name, value in scores.items()))


def _add_evaluate(commands: Commands) -> None:
    added = command(
        commands,
        "evaluate",
        "The loss and score of a saved model on a dataset's test set.",
        "rnnbp evaluate gru.npz japanese-vowels",
    )
    added.add_argument("model", type=Path, metavar="MODEL.npz", help="as `rnnbp train` wrote it")
    add_data(added)
    added.add_argument(
        "--snr", metavar="DB,DB", help="of recordings: also with noise of several kinds, at these ratios in dB"
    )
    added.set_defaults(run=_evaluate)


def _saved(path: Path) -> tuple[Sequential, Loss]:
    model = rnnbp.load(path)
    if model.loss is None:
        raise ValueError(f"{str(path)!r} does not say which loss it was trained with: use `rnnbp train`, or model.loss")
    return model, model.loss


def _evaluate(options: argparse.Namespace) -> None:
    model, loss = _saved(options.model)
    _, test = load(options)
    _print_scores(Trainer(model, loss).evaluate(test))
    if options.snr is not None:
        table = noise_table(model, loss, test, numbers("--snr", options.snr))
        print(f"{loss.metric} with noise:\n{table.round(4).to_string()}")


def _add_predict(commands: Commands) -> None:
    added = command(
        commands,
        "predict",
        "What a saved model says of a dataset's test set, as CSV: a row a sequence, or a row a step.",
        "rnnbp predict gru.npz japanese-vowels > predictions.csv",
    )
    added.add_argument("model", type=Path, metavar="MODEL.npz", help="as `rnnbp train` wrote it")
    add_data(added)
    added.set_defaults(run=_predict)


def _predict(options: argparse.Namespace) -> None:
    model, _ = _saved(options.model)
    _, test = load(options)
    print(_table(model.predict(test)).to_csv(lineterminator="\n"), end="")


def _table(predicted: np.ndarray | list[Any]) -> pd.DataFrame:
    """Return predictions as a table, one row per sequence or, with an output at every step, per step."""
    index = pd.RangeIndex(len(predicted), name="sequence").to_frame()
    if isinstance(predicted, list):
        lengths = [len(steps) for steps in predicted]
        index = index.loc[index.index.repeat(lengths)]
        index["step"] = np.concatenate([np.arange(n) for n in lengths])
        predicted = np.concatenate(predicted)
    values = predicted.reshape(len(predicted), -1)
    columns = ["predicted"] if values.shape[1] == 1 else [f"predicted_{k}" for k in range(values.shape[1])]
    return pd.DataFrame(values, pd.MultiIndex.from_frame(index), columns)


def _add_check(commands: Commands) -> None:
    added = command(
        commands,
        "check",
        "Check a network's gradient against the complex step, in float64.",
        "rnnbp check lstm japanese-vowels",
    )
    added.add_argument("model", metavar="MODEL", help="a saved model.npz, or a name as for `rnnbp train`")
    add_data(added)
    added.add_argument("--parameters", type=int, default=1000, metavar="N", help="of a new network (default: 1000)")
    added.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> None:
    model, train = model_for(options, load(options)[0])
    report = rnnbp.check_gradient(model, train.subset(range(min(3, len(train)))).batch(), natural_loss(train.targets))
    print(report)
    if not report.ok:
        raise ValueError(f"the gradient is wrong: worst relative error {report.max_error:.2g}")


def _add_datasets(commands: Commands) -> None:
    added = command(commands, "datasets", "List the datasets that can be named.", "rnnbp datasets")
    added.set_defaults(run=lambda options: print(datasets.catalog().to_string(index=False)))
