"""Learning-rate schedules: pure functions of the epoch and of the training history."""

import math
from collections.abc import Iterable, Mapping, Sequence

from rnnbp.metrics import check_monitor, less_is_better
from rnnbp.runtime import got, natural_int, number, of_type, positive_int, refuses_by_name

History = Sequence[Mapping[str, float]]


class Schedule:
    """Base class of the schedules: the factor that multiplies the base learning rate, by epoch.

    A schedule has no state, so there is nothing to save: a run resumed from a checkpoint, with its history, has the
    same learning rates. A subclass defines `__call__`.

    Examples
    --------
    >>> class Inverse(Schedule):
    ...     def __call__(self, epoch, history=()):
    ...         return 1 / (1 + epoch)
    >>> 0.1 * Inverse()(epoch=1)
    0.05
    """

    def __call__(self, epoch: float, history: History = ()) -> float:
        """Return the factor at an epoch.

        Parameters
        ----------
        epoch : float
            Number of completed epochs, with the fraction of the current one: 0 at the start, 1.5 in mid-second.
        history : sequence of mappings, default ()
            A row for every completed epoch, in order, such as ``{"validation_loss": 0.2}``. Only schedules that
            monitor a column use it.

        Returns
        -------
        float
            0 or more.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define __call__")

    @refuses_by_name
    def check_columns(self, columns: Iterable[str]) -> None:
        """Raise if the schedule monitors a column that the history does not have."""
        of_type("columns", columns, Iterable[str])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in vars(self).items())})"


def _epoch(epoch: float, history: History) -> float:
    """Return the epoch, 0 or more; it and the history are checked."""
    if not isinstance(history, Sequence) or isinstance(history, str | bytes):
        raise ValueError(f"history must be a list of a row for each epoch, {got(history)}")
    return number("epoch", epoch, 0)


class Constant(Schedule):
    """Constant learning rate.

    Examples
    --------
    >>> Constant()(7)
    1.0
    """

    def __call__(self, epoch: float, history: History = ()) -> float:
        _epoch(epoch, history)
        return 1.0


class StepDecay(Schedule):
    """Step decay: ``factor ** floor(epoch / every)``.

    Parameters
    ----------
    every : int
        Number of epochs between two reductions.
    factor : float, above 0 to 1, default 0.1

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> schedule = StepDecay(every=10, factor=0.5)
    >>> [schedule(epoch) for epoch in (0, 9, 10, 20)]
    [1.0, 1.0, 0.5, 0.25]
    """

    def __init__(self, every: int, factor: float = 0.1) -> None:
        self.every = positive_int("every", every)
        self.factor = number("factor", factor, 0, 1, open_low=True)

    def __call__(self, epoch: float, history: History = ()) -> float:
        return self.factor ** math.floor(_epoch(epoch, history) / self.every)


class Cosine(Schedule):
    """Cosine annealing: ``final + (1 - final) * (1 + cos(pi * epoch / epochs)) / 2``, then `final`.

    Parameters
    ----------
    epochs : int
        Number of epochs until the factor reaches `final`.
    final : float, 0 to 1, default 0

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Loshchilov and Hutter (2017), "SGDR: stochastic gradient descent with warm restarts", ICLR, eq. 5.
    arXiv:1608.03983

    Examples
    --------
    >>> schedule = Cosine(epochs=10)
    >>> [round(schedule(epoch), 3) for epoch in (0, 5, 9, 10, 11)]
    [1.0, 0.5, 0.024, 0.0, 0.0]
    """

    def __init__(self, epochs: int, final: float = 0.0) -> None:
        self.epochs = positive_int("epochs", epochs)
        self.final = number("final", final, 0, 1)

    def __call__(self, epoch: float, history: History = ()) -> float:
        fraction = min(_epoch(epoch, history) / self.epochs, 1.0)
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * fraction)) / 2


class WarmUp(Schedule):
    """Linear warm-up from `start` to 1, then another schedule, whose epochs count from there.

    Parameters
    ----------
    epochs : int
        Number of warm-up epochs.
    after : Schedule, default Constant()
    start : float, 0 to 1, default 0.1
        The factor of the first epoch.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Goyal et al. (2017), "Accurate, large minibatch SGD: training ImageNet in 1 hour", section 2.2.
    arXiv:1706.02677

    Examples
    --------
    >>> schedule = WarmUp(2, after=StepDecay(every=1, factor=0.5), start=0.5)
    >>> [schedule(epoch) for epoch in range(5)]
    [0.5, 0.75, 1.0, 0.5, 0.25]
    """

    def __init__(self, epochs: int, after: Schedule | None = None, start: float = 0.1) -> None:
        if after is not None and not isinstance(after, Schedule):
            raise ValueError(f"after must be a Schedule, got {after!r}")
        self.epochs = positive_int("epochs", epochs)
        self.after = Constant() if after is None else after
        self.start = number("start", start, 0, 1)

    def __call__(self, epoch: float, history: History = ()) -> float:
        if _epoch(epoch, history) < self.epochs:
            return self.start + (1 - self.start) * epoch / self.epochs
        return self.after(epoch - self.epochs, history[self.epochs :])

    def check_columns(self, columns: Iterable[str]) -> None:
        self.after.check_columns(columns)


class OnPlateau(Schedule):
    """Reduction on a plateau: lower the rate after more than `patience` epochs without improvement.

    A loss or error rate improves when it falls, a score when it rises, by more than the fraction `threshold`. The rule,
    with its defaults, is PyTorch's `ReduceLROnPlateau`.

    Parameters
    ----------
    monitor : str, default 'validation_loss'
        A column of the history. As in `rnnbp.EarlyStopping`, less is better for losses, error rates, the gradient
        norm and seconds.
    factor : float, above 0 and at most 1, default 0.1
        Multiplies the rate at each reduction.
    patience : int >= 0, default 10
    threshold : float >= 0, default 1e-4
    cooldown : int >= 0, default 0
        Number of epochs after a reduction that do not count towards `patience`.
    smallest : float, 0 to 1, default 0
        Lower bound of the factor.

    Raises
    ------
    ValueError
        If an argument is out of its range; when called, if the history has no such column or not a row for
        every epoch.

    Examples
    --------
    >>> schedule = OnPlateau(factor=0.5, patience=1)
    >>> history = [{"validation_loss": loss} for loss in (1.0, 0.8, 0.9, 0.9)]
    >>> [schedule(epoch, history) for epoch in range(5)]
    [1.0, 1.0, 1.0, 1.0, 0.5]
    """

    def __init__(
        self,
        monitor: str = "validation_loss",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        smallest: float = 0.0,
    ) -> None:
        self.monitor = of_type("monitor", monitor, str)
        self.factor = number("factor", factor, 0, 1, open_low=True)
        self.patience = natural_int("patience", patience)
        self.threshold = number("threshold", threshold, 0)
        self.cooldown = natural_int("cooldown", cooldown)
        self.smallest = number("smallest", smallest, 0, 1)

    def __call__(self, epoch: float, history: History = ()) -> float:
        """Return the factor at an epoch, computed from the whole history of the epochs before."""
        if math.floor(_epoch(epoch, history)) > len(history):
            raise ValueError(f"history must have a row for each of the {math.floor(epoch)} epochs, got {len(history)}")
        best = math.inf if less_is_better(self.monitor) else -math.inf
        rate, waited, resting = 1.0, 0, 0
        for row in history[: math.floor(epoch)]:
            value = self._monitored(row)
            if self._better(value, best):
                best, waited = value, 0
            else:
                waited += 1
            if resting > 0:
                resting, waited = resting - 1, 0
            if waited > self.patience:
                rate, resting, waited = max(rate * self.factor, self.smallest), self.cooldown, 0
        return rate

    def check_columns(self, columns: Iterable[str]) -> None:
        """Raise if the history does not have the column `monitor`."""
        check_monitor(self.monitor, of_type("columns", columns, Iterable[str]))

    def _monitored(self, row: Mapping[str, float]) -> float:
        check_monitor(self.monitor, row)
        return float(row[self.monitor])

    def _better(self, value: float, best: float) -> bool:
        if less_is_better(self.monitor):
            return value < best * (1 - self.threshold)
        return value > best * (1 + self.threshold)


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "step": StepDecay,
    "cosine": Cosine,
    "warm_up": WarmUp,
    "on_plateau": OnPlateau,
}

__all__ = [
    "SCHEDULES",
    "Constant",
    "Cosine",
    "OnPlateau",
    "Schedule",
    "StepDecay",
    "WarmUp",
]


def __dir__() -> list[str]:
    """Return the public names, for tab completion."""
    return __all__
