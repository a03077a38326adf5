"""Trainings that are killed: all pairs of optimizer, gradient algorithm, schedule, early stopping, state and level."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from allpairspy import AllPairs

import rnnbp
from rnnbp.optimizers.schedules import OnPlateau
from rnnbp.runtime import read_archive
from rnnbp.training.checkpoint import CHECKPOINT_FILE

F, K, ROWS, EPOCHS = 3, 2, 4, 4
MINIMIZERS = {"LBFGS": lambda: rnnbp.LBFGS(4), "NewtonCG": lambda: rnnbp.NewtonCG(2), "Ridge": rnnbp.Ridge}
OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "SGD": lambda: rnnbp.SGD(0.1),
    "Momentum": lambda: rnnbp.Momentum(0.05),
    "Nesterov": lambda: rnnbp.Nesterov(0.05),
    "Adam": lambda: rnnbp.Adam(0.02),
    "AdamW": lambda: rnnbp.AdamW(0.02),
    "RMSprop": lambda: rnnbp.RMSprop(0.01),
    "Rprop": rnnbp.Rprop,
}
GRADIENTS = {
    "full": rnnbp.BPTT,
    "truncated": lambda: rnnbp.TruncatedBPTT(2, 3),
    "online": rnnbp.RTRL,
    "online, random": rnnbp.UORO,
    "forward, random": rnnbp.ForwardGradient,
}
SCHEDULES = {
    "none": lambda: None,
    "cosine": lambda: rnnbp.Cosine(EPOCHS),
    "plateau": lambda: OnPlateau("loss", patience=1),
}
STOPPING = {"none": None, "early": rnnbp.EarlyStopping(patience=2, monitor="validation_loss", least=0.02)}
STATES = ("stateless", "stateful")
LEVELS = ("epoch", "batch")


@dataclass(frozen=True)
class Run:
    """One training: names of the values of each axis."""

    optimizer: str
    gradient: str
    schedule: str
    stopping: str
    state: str
    level: str

    def trainer(self) -> rnnbp.Trainer:
        """Return the trainer, at the beginning; a model with dropout, except where the optimizer solves."""
        if self.optimizer == "Ridge":
            model = rnnbp.Sequential(rnnbp.Elman(F, 8), rnnbp.Dense(8, K), seed=1)
            model.freeze("0.*")
        else:
            layers = (rnnbp.Elman(F, 8), rnnbp.Dropout(0.2), rnnbp.Dense(8, K))
            model = rnnbp.Sequential(*layers, seed=1)
        return rnnbp.Trainer(
            model,
            rnnbp.CrossEntropy(),
            GRADIENTS[self.gradient](),
            (MINIMIZERS | OPTIMIZERS)[self.optimizer](),
            schedule=SCHEDULES[self.schedule](),
            stateful=self.state == "stateful",
        )

    def train(self, path: Path) -> None:
        """Train to the end, from the checkpoint where there is one."""
        train, validation = data()
        self.trainer().fit_up_to(
            EPOCHS,
            train,
            validation,
            batch_size=ROWS,
            progress=False,
            stopping=STOPPING[self.stopping],
            checkpoint=path,
            checkpoint_every=0.0 if self.level == "batch" else None,
        )

    def __str__(self) -> str:
        axes = (self.optimizer, self.gradient, self.schedule, self.stopping, self.state, self.level)
        return " | ".join(axes)


def data() -> tuple[rnnbp.SequenceDataset, rnnbp.SequenceDataset]:
    """Return a stream of 5 batches for training, which is shuffled where no state is carried, and one of 2."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(140, F))
    y = (np.convolve(x[:, 0], [1, 1, 1], "same") > 0).astype(int)
    make = rnnbp.SequenceDataset.from_stream
    return make(x[:100], y[:100], batch_size=ROWS, steps=5), make(x[100:], y[100:], batch_size=ROWS, steps=5)


def runs() -> list[Run]:
    """Return runs in which any two values of two axes meet; those of full-batch optimizers have fewer axes."""
    steps = AllPairs([list(axis) for axis in (OPTIMIZERS, GRADIENTS, SCHEDULES, STOPPING, STATES, LEVELS)])
    whole = [
        Run(optimizer, "full", "none", stopping, "stateless", level)
        for optimizer in MINIMIZERS
        for stopping, level in zip(STOPPING, LEVELS, strict=True)
    ]
    return [*(Run(*row) for row in steps), *whole]


def final_state(path: Path) -> bytes:
    """Return the last checkpoint of a training, all of it but the seconds of its epochs."""
    header, arrays = read_archive(path, CHECKPOINT_FILE)
    for row in header["rows"]:
        del row["seconds"]
    parts = [json.dumps(header, sort_keys=True).encode()]
    for name in sorted(arrays):
        parts += [name.encode(), str(arrays[name].dtype).encode(), arrays[name].tobytes()]
    return b"\n".join(parts)
