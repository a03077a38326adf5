"""State of an epoch between two of its batches, from which it continues bit for bit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from rnnbp.metrics import ErrorRate
from rnnbp.runtime import flatten, natural_int, number, unflatten
from rnnbp.training.evaluation import Sums

Array = np.ndarray
RECORDS = (Sums, ErrorRate)  # dataclasses in a file


@dataclass
class PartialEpoch:
    """What an epoch of gradient steps has accumulated between two of its batches.

    Attributes
    ----------
    began : dict
        State of the random generator when the epoch began, with which its batches are drawn again.
    learning_rate : float
        That of the last step.
    batches : int
        Number of batches done.
    of : int
        Number of batches of the whole epoch; 0 before the first.
    sums : Sums
        Of loss and score.
    norms : list of float
        Gradient norms.
    steps : int
        Number of time steps processed.
    state : list, or None
        State of each layer in which the next batch of a stream starts.
    seconds : float
        Duration so far.
    """

    began: dict[str, Any]
    learning_rate: float
    batches: int = 0
    of: int = 0
    sums: Sums = field(default_factory=Sums)
    norms: list[float] = field(default_factory=list)
    steps: int = 0
    state: Sequence[Any] | None = None
    seconds: float = 0.0

    def to_file(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return a form of it that JSON can represent, and the arrays that belong to it.

        Raises
        ------
        ValueError
            If the loss keeps anything for its score that cannot be stored.
        """
        nested, arrays = flatten([self.sums, self.norms, self.state if self.state is None else list(self.state)])
        numbers = {name: getattr(self, name) for name in ("learning_rate", "batches", "of", "steps", "seconds")}
        return {"began": self.began, "nested": nested} | numbers, arrays

    @classmethod
    def from_file(cls, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """Return the state that `to_file` returned.

        Raises
        ------
        ValueError, LookupError, TypeError, AttributeError
            If it is none.
        """
        sums, norms, state = unflatten(header["nested"], arrays, RECORDS)
        if not isinstance(sums, Sums) or not isinstance(norms, list) or not isinstance(state, list | None):
            raise ValueError("sums, norms and states must be such, a list, and a list or null")
        number("the loss of a part of an epoch", sums.loss)
        number("the weight of a part of an epoch", sums.total, 0)
        batches = natural_int("batches", header["batches"])
        if not 0 < batches <= natural_int("of", header["of"]):
            raise ValueError(f"batches must be from 1 to {header['of']}, got {batches}")
        return cls(
            dict(header["began"]),
            number("learning_rate", header["learning_rate"], 0),
            batches,
            header["of"],
            sums,
            [number("a gradient norm", size, 0) for size in norms],
            natural_int("steps", header["steps"]),
            state,
            number("seconds", header["seconds"], 0),
        )

    def check_batches(self, sequences: int, batch_size: int) -> None:
        """Raise unless the rest of the epoch can be of a number of sequences in batches of this size.

        Raises
        ------
        ValueError
            If the epoch was begun with other ones.
        """
        if self.of not in (0, found := -(-sequences // batch_size)):
            raise ValueError(
                f"the run was interrupted after {self.batches} of the {self.of} batches of an epoch, and train has "
                f"{found} of batch_size = {batch_size}: give the dataset and the batch_size with which it began"
            )
