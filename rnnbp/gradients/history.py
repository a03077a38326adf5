"""A bounded history of the records that an algorithm writes, one for each batch."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar, overload

Record = TypeVar("Record")


class History(Sequence[Record]):
    """The newest records, oldest first, and the number of all records.

    Parameters
    ----------
    records : iterable, default ()
        Initial records.
    limit : int, default 1000
        Largest number of records stored.

    Attributes
    ----------
    total : int
        Number of records added, dropped ones included.

    Examples
    --------
    >>> history = History(range(5), limit=3)
    >>> history, history.total, history[-1], len(history)
    (History([2, 3, 4], total=5), 5, 4, 3)
    """

    def __init__(self, records: Iterable[Record] = (), limit: int = 1000) -> None:
        self._records: deque[Record] = deque(maxlen=limit)
        self.total = 0
        for record in records:
            self.append(record)

    def append(self, record: Record) -> None:
        """Add a record; the oldest is dropped if there are more than `limit`."""
        self._records.append(record)
        self.total += 1

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: Any) -> Any:
        return list(self._records)[index] if isinstance(index, slice) else self._records[index]

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"History({list(self._records)}, total={self.total})"
