"""Train one network and save it."""

import argparse
from pathlib import Path
from typing import Any

import rnnbp
from rnnbp import comparison, datasets, gradients, losses, optimizers
from rnnbp.cli.arguments import MODELS, add_data, add_target, add_training
from rnnbp.cli.inputs import load_parts, needed, new_model
from rnnbp.cli.output import print_scores
from rnnbp.cli.tables import given_columns
from rnnbp.runtime.files import check_target

EXAMPLE = "rnnbp train gru --data my.csv --sequence id --time t --target label --epochs 30 --save gru.npz"

LOSSES = (
    "cross_entropy, binary_cross_entropy, mean_squared_error, mean_absolute_error, huber, quantile, mixture_density"
)
SAVED = "model.npz"
OPTIMIZERS = "adam, adamw, lbfgs, momentum, nesterov, newton_cg, ridge, rmsprop, rprop, sgd"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", nargs="?", default="gru", help=f"of {MODELS} (default: gru)")
    parser.set_defaults(default_model="gru", runs_in_ranks=True)
    add_data(parser)
    add_target(parser, "--save", "FILE", f"the .npz file to write (default: {SAVED}, which must not exist yet)")
    add_training(parser)
    parser.add_argument(
        "--loss", help=f"of {LOSSES} (default: of classes the first, of values the third, of label sequences ctc)"
    )
    parser.add_argument("--optimizer", help=f"of {OPTIMIZERS} (default: ridge for esn, else adam)")
    parser.add_argument(
        "--learning-rate", type=float, metavar="R", help="default: the network's with adam, else the optimizer's"
    )
    parser.add_argument("--truncate", metavar="K1,K2", help="truncated BPTT instead of full BPTT")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    add_target(parser, "--checkpoint", "FILE", "write a checkpoint after each epoch; resume from it if it exists")
    parser.add_argument(
        "--checkpoint-every", type=float, metavar="SECONDS", help="write it within epochs too, where these are long"
    )
    parser.add_argument(
        "--keep",
        type=int,
        default=3,
        metavar="N",
        help="checkpoints to keep: FILE, FILE.1, ..., newest first (default: 3)",
    )
    parser.set_defaults(checkpoint_option=("checkpoint", "FILE"))


def run(options: argparse.Namespace) -> None:
    from rnnbp.training.parallel import ranks_of, world

    comm = world()  # of the processes that mpiexec has started
    ranks = ranks_of(comm)
    with ranks.guarded():
        target, trainer, train, test = ranks.agreed("the command line", lambda: _given(options, comm))
    trainer.fit_up_to(
        options.epochs,
        train,
        batch_size=options.batch_size,
        progress=not options.quiet,
        checkpoint=options.checkpoint,
        checkpoint_every=options.checkpoint_every,
        keep=options.keep,
    )
    record_data(trainer.model, options)
    ranks.from_first("the model's file", lambda: trainer.model.save(target))
    if test is not None:
        print_scores(trainer.evaluate(test))
    print(f"written: {target}")


def _given(
    options: argparse.Namespace, comm: Any
) -> "tuple[Path, rnnbp.Trainer, rnnbp.SequenceDataset, rnnbp.SequenceDataset | None]":
    """Return the file to write, the trainer, and the training and the test set."""
    target = _default_target() if options.save is None else options.save
    train, test = load_parts(options)
    train = needed(train, "training set")
    loss = chosen_loss(options.loss, train)
    model = new_model(options, train, options.seed, output_count(loss, train))
    optimizer = _optimizer(options, train)
    trainer = rnnbp.Trainer(
        model,
        loss,
        _gradient(options.truncate),
        optimizer,
        seed=options.seed,
        schedule=None if isinstance(optimizer, optimizers.FullBatch) else rnnbp.Cosine(options.epochs),
        comm=comm,
    )
    return target, trainer, train, test


def record_data(model: "rnnbp.Sequential", options: argparse.Namespace) -> None:
    """Record in a model the dataset, columns and split of its training, which other commands take from there."""
    from rnnbp.runtime import to_config

    feature = datasets.feature_of(options.dataset, "official" if options.speaker is None else "speaker")
    model.info = {"dataset": options.dataset, "features": to_config(feature)}
    model.info |= {"columns": given_columns(options)}
    model.info["split"] = 1.0 if options.test is not None else 0.8 if options.split is None else options.split


def _default_target() -> Path:
    """Return the file to write where the command line names none; raise if it exists."""
    target = Path(SAVED)
    if target.exists():
        raise ValueError(f"--save must name the file to write, as {SAVED!r}, the default, exists already")
    check_target("--save", target)
    return target


def chosen_loss(name: str | None, train: "rnnbp.SequenceDataset") -> "losses.Loss":
    """Return the loss of a name, or the natural one for the targets."""
    from rnnbp.runtime import choice

    if name is None:
        return losses.natural_loss(train.targets)
    return losses.LOSSES[choice("--loss", name, LOSSES.split(", "))]()


def output_count(loss: "losses.Loss", train: "rnnbp.SequenceDataset") -> int:
    """Return the number of outputs that a loss takes; integers are values to a loss of values."""
    classes = isinstance(loss, rnnbp.CrossEntropy | rnnbp.CTC)
    return loss.outputs(comparison.output_size(train) if classes or not train.labelled else 1)


def _gradient(truncate: str | None) -> "gradients.GradientAlgorithm":
    if truncate is None:
        return rnnbp.BPTT()
    try:
        k1, k2 = map(int, truncate.split(","))
    except ValueError:
        raise ValueError(f"--truncate must be two integers K1,K2, got {truncate!r}") from None
    return rnnbp.TruncatedBPTT(k1, k2)


def _optimizer(options: argparse.Namespace, train: "rnnbp.SequenceDataset") -> "optimizers.Optimizer":
    from rnnbp.runtime import choice

    own, known = comparison.baselines_for(train)[options.model].optimizer(), optimizers.OPTIMIZERS
    name = own.name if options.optimizer is None else options.optimizer
    make: Any = known[choice("--optimizer", name, known)]
    if options.learning_rate is not None:
        if issubclass(make, optimizers.FullBatch):
            raise ValueError(f"--learning-rate has no effect with {name}, which finds its step sizes itself")
        return make(learning_rate=options.learning_rate)
    return own if name == own.name else make()
