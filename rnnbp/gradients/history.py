"""A bounded record of what an algorithm that is used for many batches did."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar, overload

Record = TypeVar("Record")


class History(Sequence[Record]):
    """The newest records, oldest first, and how many there were in all.

    Parameters
    ----------
    records : iterable, default ()
        To begin with.
    limit : int, default 1000
        How many of the newest are kept.

    Attributes
    ----------
    total : int
        How many were added, those that are no longer kept included.

    Examples
    --------
    >>> history = History(range(5), limit=3)
    >>> history, history.total, history[-1], len(history)
    (History([2, 3, 4], total=5), 5, 4, 3)
    """

    def __init__(self, records: Iterable[Record] = (), limit: int = 1000) -> None:
        self._kept: deque[Record] = deque(maxlen=limit)
        self.total = 0
        for record in records:
            self.append(record)

    def append(self, record: Record) -> None:
        """Add a record; the oldest one is dropped where there are more than `limit`."""
        self._kept.append(record)
        self.total += 1

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: Any) -> Any:
        return list(self._kept)[index] if isinstance(index, slice) else self._kept[index]

    def __iter__(self) -> Iterator[Record]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"History({list(self._kept)}, total={self.total})"
