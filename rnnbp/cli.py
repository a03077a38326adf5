"""The `rnnbp` command."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

import rnnbp
from rnnbp import contestants, datasets
from rnnbp._checks import choice
from rnnbp.config import from_config, to_config
from rnnbp.data import SequenceDataset
from rnnbp.epochs import TrainingDivergedError
from rnnbp.evaluation import outputs_of
from rnnbp.losses import LOSSES, CrossEntropy, MeanSquaredError
from rnnbp.losses.base import Loss
from rnnbp.models import Sequential
from rnnbp.optimizers import OPTIMIZERS
from rnnbp.schedules import Cosine
from rnnbp.training import Trainer

DEFAULT_DATASET = "japanese-vowels"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 where all went well, 2 where an argument or a file was wrong.

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
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except (ValueError, FileNotFoundError, ImportError, TrainingDivergedError) as error:
        print(f"rnnbp: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("rnnbp: interrupted", file=sys.stderr)
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    top = argparse.ArgumentParser(prog="rnnbp", description=rnnbp.__doc__)
    top.add_argument("--version", action="version", version=f"rnnbp {rnnbp.__version__}")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for add in (_add_compare, _add_train, _add_evaluate, _add_predict, _add_check, _add_datasets):
        add(commands)
    return top


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _command(commands: Commands, name: str, about: str, example: str) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=about,
        description=about,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "dataset",
        metavar="DATASET",
        nargs="?",
        default=DEFAULT_DATASET,
        help=f"a name from `rnnbp datasets`, or a .ts file (default: {DEFAULT_DATASET})",
    )
    command.add_argument(
        "--test", metavar="FILE", type=Path, help="with a .ts file: the test set (default: a fifth of the file)"
    )


def _load(options: argparse.Namespace) -> tuple[SequenceDataset, SequenceDataset]:
    """The training and the test set that the command line names."""
    if not options.dataset.endswith((".ts", ".ts.gz")):
        if options.test is not None:
            raise ValueError(f"--test goes with a .ts file, but the dataset is {options.dataset!r}")
        return datasets.load(options.dataset)
    whole = datasets.read_ts(options.dataset)
    if options.test is None:
        train, test = whole.split(0.8, seed=0)
        return train, test
    return whole, datasets.read_ts(options.test)


def _add_compare(commands: Commands) -> None:
    command = _command(
        commands,
        "compare",
        "Train static and recurrent networks on the same data under the same budget, and report.",
        "rnnbp compare japanese-vowels --models static,elman,lstm --seeds 5 --output report",
    )
    _add_data(command)
    command.add_argument(
        "--models",
        default="all",
        help=f"comma-separated, of {', '.join(contestants.CONTESTANTS)}; or static, recurrent, all (default)",
    )
    command.add_argument("--seeds", type=int, default=5, metavar="N", help="how many (default: 5)")
    command.add_argument("--epochs", type=int, default=25, metavar="N", help="of each run (default: 25)")
    command.add_argument("--batch-size", type=int, default=16, metavar="N", help="default: 16")
    command.add_argument("--parameters", type=int, metavar="N", help="give every model about so many parameters")
    command.add_argument("--output", type=Path, metavar="DIR", help="write report.html, table.csv and curves.csv there")
    command.add_argument("--quiet", action="store_true", help="show no progress")
    command.set_defaults(run=_compare)


def _compare(options: argparse.Namespace) -> None:
    train, test = _load(options)
    among = contestants.contestants_for(train)
    wanted = contestants.names(options.models.split(","), among)
    models = {name: contestants.maker(name, train, options.parameters) for name in wanted}
    report = rnnbp.compare(
        models,
        train,
        test,
        seeds=options.seeds,
        epochs=options.epochs,
        batch_size=options.batch_size,
        optimizers={name: among[name].optimizer for name in wanted},
        progress=not options.quiet,
    )
    print(report)
    if options.output is not None:
        report.write(options.output)
        print(f"written: {options.output / 'report.html'}")


def _add_train(commands: Commands) -> None:
    command = _command(
        commands,
        "train",
        "Train one network and save it.",
        "rnnbp train gru japanese-vowels --epochs 30 --save gru.npz",
    )
    command.add_argument("model", metavar="MODEL", help=f"of {', '.join(contestants.CONTESTANTS)}")
    _add_data(command)
    command.add_argument("--save", type=Path, required=True, metavar="FILE", help="the .npz file to write")
    command.add_argument("--epochs", type=int, default=25, metavar="N", help="default: 25")
    command.add_argument("--batch-size", type=int, default=16, metavar="N", help="default: 16")
    command.add_argument("--optimizer", default="adam", help=f"of {', '.join(sorted(OPTIMIZERS))} (default: adam)")
    command.add_argument(
        "--learning-rate", type=float, metavar="R", help="default: the network's with adam, else its own"
    )
    command.add_argument("--parameters", type=int, metavar="N", help="choose the width for about so many parameters")
    command.add_argument("--truncate", metavar="K1,K2", help="truncated BPTT instead of the full one")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    command.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="write after each epoch; go on from it if there"
    )
    command.add_argument("--quiet", action="store_true", help="show no progress")
    command.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> None:
    train, test = _load(options)
    model = contestants.maker(options.model, train, options.parameters)(options.seed)
    loss = _loss_for(train)
    trainer = Trainer(
        model,
        loss,
        _gradient(options.truncate),
        _optimizer(options, train),
        seed=options.seed,
        schedule=Cosine(options.epochs),
    )
    if options.checkpoint is not None and options.checkpoint.is_file():
        trainer.resume(options.checkpoint)
    left = options.epochs - len(trainer.history)
    if left > 0:
        trainer.fit(train, None, left, options.batch_size, progress=not options.quiet, checkpoint=options.checkpoint)
    model.info = {"loss": to_config(loss), "classes": train.classes, "dataset": options.dataset}
    model.save(options.save)
    _print_scores(trainer.evaluate(test))
    print(f"written: {options.save}")


def _loss_for(data: SequenceDataset) -> Loss:
    classes = data.targets is not None and np.issubdtype(np.asarray(data.targets[0]).dtype, np.integer)
    return CrossEntropy() if classes else MeanSquaredError()


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
        return make(learning_rate=options.learning_rate)
    return contestants.contestants_for(train)[options.model].optimizer() if options.optimizer == "adam" else make()


def _print_scores(scores: dict[str, float]) -> None:
    print("  ".join(f"{name} {value:.4f}" for name, value in scores.items()))


def _add_evaluate(commands: Commands) -> None:
    command = _command(
        commands,
        "evaluate",
        "The loss and score of a saved model on a dataset's test set.",
        "rnnbp evaluate gru.npz japanese-vowels",
    )
    command.add_argument("model", type=Path, metavar="MODEL.npz", help="as `rnnbp train` wrote it")
    _add_data(command)
    command.set_defaults(run=_evaluate)


def _saved(path: Path) -> tuple[Sequential, Loss]:
    model = rnnbp.load(path)
    if "loss" not in model.info:
        raise ValueError(f"{str(path)!r} does not say which loss it was trained with: use `rnnbp train`, or model.info")
    return model, from_config(model.info["loss"], {loss.__name__: loss for loss in LOSSES.values()})


def _evaluate(options: argparse.Namespace) -> None:
    model, loss = _saved(options.model)
    _, test = _load(options)
    _print_scores(Trainer(model, loss).evaluate(test))


def _add_predict(commands: Commands) -> None:
    command = _command(
        commands,
        "predict",
        "What a saved model says of a dataset's test set, as CSV.",
        "rnnbp predict gru.npz japanese-vowels > predictions.csv",
    )
    command.add_argument("model", type=Path, metavar="MODEL.npz", help="as `rnnbp train` wrote it")
    _add_data(command)
    command.set_defaults(run=_predict)


def _predict(options: argparse.Namespace) -> None:
    model, loss = _saved(options.model)
    _, test = _load(options)
    predicted = np.asarray(outputs_of(model, test, 256, loss.predict))
    classes = model.info.get("classes")
    if classes is not None:
        predicted = np.array(classes)[predicted]
    frame = pd.DataFrame(predicted.reshape(len(predicted), -1))
    frame.columns = ["predicted"] if frame.shape[1] == 1 else [f"predicted_{k}" for k in frame.columns]
    print(frame.rename_axis("sequence").to_csv(lineterminator="\n"), end="")


def _add_check(commands: Commands) -> None:
    command = _command(
        commands,
        "check",
        "Check a network's gradient against the complex step, in float64.",
        "rnnbp check lstm japanese-vowels",
    )
    command.add_argument("model", metavar="MODEL", help="a saved model.npz, or a name as for `rnnbp train`")
    _add_data(command)
    command.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> None:
    train, _ = _load(options)
    if options.model.endswith(".npz"):
        model = rnnbp.load(options.model)
    else:
        model = contestants.maker(options.model, train)(0)
    report = rnnbp.check_gradient(model, train.subset(range(min(3, len(train)))).batch(), _loss_for(train))
    print(report)
    if not report.ok:
        raise ValueError(f"the gradient is wrong: worst relative error {report.max_error:.2g}")


def _add_datasets(commands: Commands) -> None:
    command = _command(commands, "datasets", "List the datasets that can be named.", "rnnbp datasets")
    command.set_defaults(run=lambda options: print(datasets.catalog().to_string(index=False)))
