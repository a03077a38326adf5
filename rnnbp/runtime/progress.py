"""Progress of a training: a tqdm bar if tqdm is installed, else one line per epoch."""

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self


class Progress:
    """Context that shows the progress through `total` epochs.

    Parameters
    ----------
    total : int
    show : bool
        False shows nothing.
    label : str, default 'epoch'

    Examples
    --------
    >>> with Progress(2, show=False) as bar:
    ...     bar.update({"loss": 0.5})
    """

    def __init__(self, total: int, *, show: bool, label: str = "epoch") -> None:
        self.total, self.label = total, label
        self._bar = _tqdm_bar(total, label) if show else None
        self._lines = show and self._bar is None
        self._done = 0

    def __enter__(self) -> Self:
        return self

    def update(self, row: Mapping[str, float]) -> None:
        """Count one more as completed and show its losses and scores."""
        self._done += 1
        shown = {k: f"{v:.4g}" for k, v in row.items() if k.endswith(("loss", "accuracy", "r2", "d2", "error_rate"))}
        if self._bar is not None:
            self._bar.set_postfix(shown)
            self._bar.update()
        elif self._lines:
            values = "  ".join(f"{k} {v}" for k, v in shown.items())
            print(f"{self.label} {self._done}/{self.total}  {values}", file=sys.stderr)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()


def _tqdm_bar(total: int, label: str) -> Any:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm(total=total, desc=label)
