"""Arguments that several commands of `rnnbp` take; nothing here imports NumPy, so that help is quick."""

import argparse
from pathlib import Path

from rnnbp.runtime.files import check_target, check_target_folder

DEFAULT_DATASET = "japanese-vowels"
MODELS = "window-mlp, statistics-mlp, resampled-mlp, elman, lstm, gru, bielman, bilstm, bigru, lstm-fcn"


def add_target(
    parser: argparse.ArgumentParser, option: str, metavar: str, about: str, *, required: bool = False
) -> None:
    """Add an option that names a file to write, or, with a metavar of DIR, a folder to write to."""
    target = parser.add_argument(option, type=Path, metavar=metavar, help=about, required=required).dest
    check = check_target_folder if metavar == "DIR" else check_target
    parser.set_defaults(targets={**(parser.get_default("targets") or {}), target: check})


def check_targets(options: argparse.Namespace) -> None:
    """Raise unless every output file of a command can be written, before it computes for hours.

    Raises
    ------
    OSError
        As in `check_target` and `check_target_folder`.
    ValueError
        If two options name the same file.
    """
    seen: dict[Path, str] = {}
    for name, check in getattr(options, "targets", {}).items():
        path = getattr(options, name)
        if path is not None:
            check(f"--{name}", path)
            other = seen.setdefault(path.resolve(), name)
            if other != name and check is check_target:
                raise ValueError(f"--{other} and --{name} must name two files, got {str(path)!r} for both")


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name a dataset."""
    parser.add_argument(
        "dataset",
        metavar="DATASET",
        nargs="?",
        default=DEFAULT_DATASET,
        help=f"a name from `rnnbp datasets`, or a .ts file (default: {DEFAULT_DATASET})",
    )
    parser.add_argument(
        "--test", metavar="FILE", type=Path, help="with a .ts file: the test set (default: a fifth of the file)"
    )
    parser.add_argument("--data", metavar="DIR", type=Path, help="with a dataset of recordings: where they are")
    parser.add_argument("--speaker", metavar="NAME", help="with such a dataset: the speaker of the test set")


def add_saved_model(parser: argparse.ArgumentParser) -> None:
    """Add the argument for a file that `rnnbp train` wrote."""
    parser.add_argument("model", type=Path, metavar="MODEL.npz", help="as `rnnbp train` wrote it")


def add_saved_or_new_model(parser: argparse.ArgumentParser, *, parameters: int) -> None:
    """Add the arguments for a saved model, or for a new one and its number of parameters."""
    parser.add_argument("model", metavar="MODEL", help="a saved model.npz, or a name as for `rnnbp train`")
    parser.add_argument(
        "--parameters", type=int, default=parameters, metavar="N", help=f"of a new network (default: {parameters})"
    )


def add_training(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that every training has."""
    parser.add_argument("--epochs", type=int, default=25, metavar="N", help="of each training (default: 25)")
    parser.add_argument("--batch-size", type=int, default=16, metavar="N", help="default: 16")
    parser.add_argument(
        "--parameters", type=int, metavar="N", help="approximate number for every model (default: each model's own)"
    )
    add_quiet(parser)


def add_comparison(parser: argparse.ArgumentParser, *, models: str, seeds: int) -> None:
    """Add the arguments of a comparison's training runs, with their defaults."""
    parser.add_argument(
        "--models",
        default=models,
        help=f"comma-separated, of {MODELS}; or static, recurrent, all (default: {models})",
    )
    add_seeds(parser, seeds)
    add_training(parser)
    add_target(parser, "--checkpoints", "DIR", "write a checkpoint after each epoch; a second call resumes from it")
    parser.set_defaults(checkpoint_option=("checkpoints", "DIR"))
    add_workers(parser)


def add_seeds(parser: argparse.ArgumentParser, seeds: int) -> None:
    """Add the argument for the number of seeds."""
    parser.add_argument("--seeds", type=int, default=seeds, metavar="N", help=f"number of seeds (default: {seeds})")


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add the argument for the number of processes."""
    parser.add_argument(
        "--workers", type=int, metavar="N", help="number of processes that train in parallel (default: one a core)"
    )


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """Add the argument that turns progress off."""
    parser.add_argument("--quiet", action="store_true", help="show no progress")
