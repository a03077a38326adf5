"""Arguments that the commands of `rnnbp` share, and the datasets and models that they name."""

import argparse
from pathlib import Path
from typing import Any, TypeAlias

import rnnbp
from rnnbp import datasets
from rnnbp.comparison import BASELINES, model_factory
from rnnbp.data import SequenceDataset
from rnnbp.models import Sequential
from rnnbp.runtime import check_target, check_target_folder, cores

DEFAULT_DATASET = "japanese-vowels"

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def command(commands: Commands, name: str, about: str, example: str) -> argparse.ArgumentParser:
    """Add a subcommand with its help and an example."""
    return commands.add_parser(
        name,
        help=about,
        description=about,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_target(
    added: argparse.ArgumentParser, option: str, metavar: str, about: str, *, required: bool = False
) -> None:
    """Add an option that names a file to write, or, with a metavar of DIR, a folder to write to."""
    target = added.add_argument(option, type=Path, metavar=metavar, help=about, required=required).dest
    check = check_target_folder if metavar == "DIR" else check_target
    added.set_defaults(targets={**(added.get_default("targets") or {}), target: check})


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


def add_data(added: argparse.ArgumentParser) -> None:
    """Add the arguments that name a dataset."""
    added.add_argument(
        "dataset",
        metavar="DATASET",
        nargs="?",
        default=DEFAULT_DATASET,
        help=f"a name from `rnnbp datasets`, or a .ts file (default: {DEFAULT_DATASET})",
    )
    added.add_argument(
        "--test", metavar="FILE", type=Path, help="with a .ts file: the test set (default: a fifth of the file)"
    )
    added.add_argument("--data", metavar="DIR", type=Path, help="with a dataset of recordings: where they are")
    added.add_argument("--speaker", metavar="NAME", help="with such a dataset: leave out this one, for the test set")


def add_trainings(added: argparse.ArgumentParser, *, models: str, seeds: int) -> None:
    """Add the arguments of a comparison's training runs, with their defaults."""
    added.add_argument(
        "--models",
        default=models,
        help=f"comma-separated, of {', '.join(BASELINES)}; or static, recurrent, all (default: {models})",
    )
    added.add_argument("--seeds", type=int, default=seeds, metavar="N", help=f"how many (default: {seeds})")
    added.add_argument("--epochs", type=int, default=25, metavar="N", help="of each run (default: 25)")
    added.add_argument("--batch-size", type=int, default=16, metavar="N", help="default: 16")
    added.add_argument("--parameters", type=int, metavar="N", help="give every model about so many parameters")
    add_target(added, "--checkpoints", "DIR", "write there after each epoch; a second call goes on from it")
    added.set_defaults(kept_by=("checkpoints", "DIR"))
    add_workers(added)


def add_workers(added: argparse.ArgumentParser) -> None:
    """Add the argument for the number of processes."""
    added.add_argument(
        "--workers", type=int, default=cores(), metavar="N", help="processes that train at once (default: the cores)"
    )


def model_for(options: argparse.Namespace, train: SequenceDataset) -> tuple[Sequential, SequenceDataset]:
    """Return the model that the command line names, saved or new, and the dataset with the model's classes."""
    if not options.model.endswith(".npz") and not Path(options.model).is_file():
        return new_model(options, train), train
    model = rnnbp.load(options.model)
    return model, model.as_trained("dataset", train)


def new_model(options: argparse.Namespace, train: SequenceDataset, seed: int = 0) -> Sequential:
    """Return a new model of the name, and of the number of parameters, that the command line gives."""
    if options.model.endswith((".ts", ".ts.gz")):
        raise ValueError(
            f"model must be of {', '.join(BASELINES)}; got {options.model!r}, a dataset, which comes after it"
        )
    return model_factory(options.model, train, options.parameters)(seed)


def load(options: argparse.Namespace) -> tuple[SequenceDataset, SequenceDataset]:
    """Return the training and the test set that the command line names."""
    if not options.dataset.lower().endswith((".ts", ".ts.gz")):
        if options.test is not None:
            raise ValueError(f"--test goes with a .ts file, but the dataset is {options.dataset!r}")
        return datasets.load(options.dataset, **_recorded(options))
    if options.data is not None or options.speaker is not None:
        raise ValueError(
            f"--data and --speaker go with a dataset of recordings, but the dataset is {options.dataset!r}"
        )
    whole = datasets.read_ts(options.dataset)
    if options.test is None:
        train, test = whole.split(0.8, seed=0)
        return train, test
    return whole, datasets.read_ts(options.test)


def _recorded(options: argparse.Namespace) -> dict[str, Any]:
    """Return the keyword arguments for the loader of a dataset of recordings."""
    given: dict[str, Any] = {} if options.data is None else {"path": options.data}
    return given if options.speaker is None else given | {"split": "speaker", "speaker": options.speaker}


def numbers(option: str, given: str) -> list[float]:
    """Parse numbers separated by commas."""
    try:
        return [float(one) for one in given.split(",")]
    except ValueError:
        raise ValueError(f"{option} must be numbers separated by commas, got {given!r}") from None
