"""A training on disk, from which it goes on as if it had never stopped."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnbp.config import to_config
from rnnbp.stopping import Best
from rnnbp.storage import read_archive, write_archive

if TYPE_CHECKING:
    from rnnbp.training import Trainer

CHECKPOINT_FILE = "rnnbp checkpoint"


def checkpoint_in(folder: Path | None, name: str) -> Path | None:
    """The file for one of many trainings, or None where there is no folder.

    Examples
    --------
    >>> checkpoint_in(Path("kept"), "bigru, seed 0").name
    'bigru-seed-0.npz'
    """
    return None if folder is None else folder / f"{name.replace(', ', '-').replace(' ', '-')}.npz"


def write_checkpoint(path: str | Path, trainer: "Trainer") -> None:
    """Parameters, the optimizer's and the random generator's state, history and best epoch, in one file."""
    numbers, arrays = _parted(trainer.optimizer.state_dict())
    best = trainer.best or Best()
    header = {
        "model": [to_config(layer) for layer in trainer.model.layers],
        "optimizer": type(trainer.optimizer).__name__,
        "numbers": numbers,
        "rng": trainer.rng.bit_generator.state,
        "rows": trainer.rows,
        "best": {"value": best.value, "epoch": best.epoch},
    }
    arrays |= {"parameters": trainer.model.params.vector}
    if best.vector is not None:
        arrays |= {"best": best.vector}
    write_archive(path, CHECKPOINT_FILE, header, arrays)


def _parted(state: dict[str, Any]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """An optimizer's state as numbers for the header, and arrays."""
    arrays = {f"optimizer.{k}": v for k, v in state.items() if isinstance(v, np.ndarray)}
    return {k: v for k, v in state.items() if not isinstance(v, np.ndarray)}, arrays


def read_checkpoint(path: str | Path, trainer: "Trainer") -> None:
    """Put back what `write_checkpoint` wrote.

    Raises
    ------
    ValueError
        If the file is damaged, or of another model or optimizer.
    """
    header, arrays = read_archive(path, CHECKPOINT_FILE)
    mine = [to_config(layer) for layer in trainer.model.layers], type(trainer.optimizer).__name__
    if (header.get("model"), header.get("optimizer")) != mine:
        raise ValueError(
            f"{str(path)!r} is of another model or optimizer: make the trainer as the one that wrote the checkpoint"
        )
    prefix = "optimizer."
    state = {k[len(prefix) :]: v for k, v in arrays.items() if k.startswith(prefix)}
    try:
        trainer.model.params.vector[:] = arrays["parameters"]
        trainer.optimizer.load_state_dict(header["numbers"] | state)
        trainer.rng.bit_generator.state = header["rng"]
        trainer.rows = header["rows"]
        trainer.best = Best(header["best"]["value"], header["best"]["epoch"], arrays.get("best"))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{str(path)!r} does not hold a whole checkpoint: {error}") from error
