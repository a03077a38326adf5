"""Arguments that several commands of `rnnbp` take; nothing here imports NumPy, so that help is quick."""

import argparse
from pathlib import Path

from rnnbp.runtime.files import check_target, check_target_folder

DEFAULT_DATASET = "japanese-vowels"
EPOCHS, BATCH_SIZE = 25, 16
TS_FILES, TABLES = (".ts", ".ts.gz"), (".csv", ".csv.gz", ".parquet")
FILES = TS_FILES + TABLES
COLUMNS = {
    "sequence": "which sequence a row is of (default: sequence)",
    "time": "order of the rows of a sequence (default: step, or else as they are; '': as they are)",
    "target": "class or value of the sequence, or of each step if it changes within one; integers are classes, unless "
    "--loss is one of values (default: target)",
    "features": "inputs (default: all columns of numbers that no other option names)",
    "groups": "no value of it is on both sides of the split, as of a speaker",
    "weight": "weight of the sequence, or of each step, in the loss and the score",
}
COLUMN_LISTS = {"features": "COLUMN,COLUMN", "target": "COLUMN[,COLUMN]"}
MODELS = (
    "window-mlp, statistics-mlp, resampled-mlp, elman, lstm, gru, bielman, bilstm, bigru, esn, esn-bptt, "
    "conv-gru, lstm-fcn"
)


def is_shards(path: str | Path) -> bool:
    """Return whether a folder is one of shards, by its index.

    Examples
    --------
    >>> is_shards("my.csv")
    False
    """
    return Path(path, "index.npz").is_file()


def is_data(path: str | Path) -> bool:
    """Return whether a path is a file of data, by its name, or a folder of shards.

    Examples
    --------
    >>> is_data("my.csv"), is_data("japanese-vowels")
    (True, False)
    """
    return str(path).lower().endswith(FILES) or is_shards(path)


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


def add_data(parser: argparse.ArgumentParser, *, split: float = 0.8) -> None:
    """Add the arguments that name a dataset; `split` is the default fraction of a table for training."""
    parser.add_argument(
        "dataset",
        metavar="DATASET",
        nargs="?",
        help="a name from `rnnbp datasets`, a .csv, .parquet or .ts file, or a folder of shards (rnnbp.write_shards), "
        f"larger than memory (default: {DEFAULT_DATASET})",
    )
    parser.add_argument(
        "--data", metavar="PATH", type=Path, help="such a file; with a dataset of recordings: the folder they are in"
    )
    parser.add_argument("--speaker", metavar="NAME", help="with recordings: the speaker of the test set")
    parser.add_argument("--test", metavar="FILE", type=Path, help="with a file: the test set (default: as --split)")
    default = (
        "all of a table or of shards, a fifth of a .ts file"
        if split == 0
        else "a fifth; with a model, as in its training"
    )
    parser.add_argument(
        "--split",
        type=float,
        metavar="FRACTION",
        help=f"with a file: the fraction to train on, 0 to 1; the rest is the test set (default: {default})",
    )
    table = parser.add_argument_group(
        "columns of a .csv or .parquet file, which has one row a step; with a saved model, those of its training"
    )
    for option, about in COLUMNS.items():
        table.add_argument(f"--{option}", metavar=COLUMN_LISTS.get(option, "COLUMN"), help=about)
    parser.set_defaults(takes_files=True, default_split=split)


def resolve_dataset(options: argparse.Namespace) -> None:
    """Let --data, or MODEL where it has a default, name a file as DATASET does, and fill in the default dataset.

    Raises
    ------
    FileNotFoundError
        If --data alone names a path, and there is none.
    ValueError
        If --data alone names something else than data, both name a dataset, or --suite stands beside an argument that
        is of one dataset.
    """
    if not getattr(options, "takes_files", False):
        return
    if getattr(options, "suite", None) is not None:
        _check_nothing_of_one_dataset(options)
        return
    if options.data is not None and is_data(options.data):
        if options.dataset is not None:
            raise ValueError(
                f"--data names the file {str(options.data)!r}, and DATASET is {options.dataset!r}: give one of them"
            )
        options.dataset, options.data = str(options.data), None
    if hasattr(options, "default_model") and is_data(options.model):
        if options.dataset is not None:
            raise ValueError(f"MODEL must be of {MODELS}; got {options.model!r}, a dataset, which comes after it")
        options.dataset, options.model = options.model, options.default_model
    if options.data is not None and options.dataset is None:
        raise no_data("--data", options.data)
    options.dataset = options.dataset or DEFAULT_DATASET


def no_data(name: str, path: str | Path) -> Exception:
    """Return the error of a path that is neither a file of data nor a folder of shards."""
    wanted = f"{name} must be a file of {', '.join(FILES)} or a folder of shards, got {str(path)!r}"
    if not Path(path).exists():
        return FileNotFoundError(f"{wanted}: there is none")
    what = "it has no index.npz, as rnnbp.write_shards writes" if Path(path).is_dir() else "it has another ending"
    return ValueError(f"{wanted}: {what}; a folder of recordings goes with the name of their dataset")


def _check_nothing_of_one_dataset(options: argparse.Namespace) -> None:
    for name in ("dataset", "data", "speaker", "test", "split", *COLUMNS, "epochs", "batch_size", "season"):
        given = getattr(options, name, None)
        if given is not None:
            option = "DATASET" if name == "dataset" else f"--{name.replace('_', '-')}"
            raise ValueError(
                f"--suite {options.suite} has its own datasets and settings, and {option} is {str(given)!r}: give one "
                "of them"
            )


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
    parser.add_argument("--epochs", type=int, default=EPOCHS, metavar="N", help=f"of each training (default: {EPOCHS})")
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE, metavar="N", help=f"default: {BATCH_SIZE}")
    parser.add_argument(
        "--parameters", type=int, metavar="N", help="approximate number for every model (default: each model's own)"
    )
    add_quiet(parser)


def add_comparison(parser: argparse.ArgumentParser, *, models: str, seeds: int | str) -> None:
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


def add_seeds(parser: argparse.ArgumentParser, seeds: int | str) -> None:
    """Add the argument for the number of seeds, with its default, or the words for one that the command sets."""
    parser.add_argument("--seeds", type=int, default=seeds, metavar="N", help=f"number of seeds (default: {seeds})")


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add the argument for the number of processes."""
    parser.add_argument(
        "--workers", type=int, metavar="N", help="number of processes that train in parallel (default: one a core)"
    )


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """Add the argument that turns progress off."""
    parser.add_argument("--quiet", action="store_true", help="show no progress")
