"""Layout of named arrays that follow each other in one vector."""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Layout:
    """Layout of named arrays in a vector (P,): their shapes and slices; cached for equal names and shapes."""

    shapes: dict[str, Shape]
    places: dict[str, slice]
    spans: frozenset[tuple[int, int]]
    size: int


@lru_cache(maxsize=4096)
def layout_of(items: tuple[tuple[str, Shape], ...]) -> Layout:
    """Return the layout of arrays that follow each other in one vector.

    Examples
    --------
    >>> layout_of((("w", (2, 3)), ("b", (2,)))).places
    {'w': slice(0, 6, None), 'b': slice(6, 8, None)}
    """
    sizes = [math.prod(shape) for _, shape in items]
    ends = list(accumulate(sizes, initial=0))
    places = {name: slice(lo, hi) for (name, _), lo, hi in zip(items, ends[:-1], ends[1:], strict=True)}
    return Layout(dict(items), places, frozenset(pairwise(ends)), ends[-1])


@lru_cache(maxsize=4096)
def scope_of(layout: Layout, prefix: str, suffix: str) -> tuple[Layout, slice]:
    """Return the layout under the short names and the slice of the vector that `Parameters.scope` is a view of."""
    names = [n for n in layout.shapes if n.startswith(prefix) and n.endswith(suffix)]
    inner = layout_of(tuple((n[len(prefix) : len(n) - len(suffix)], layout.shapes[n]) for n in names))
    if not names:
        return inner, slice(0, 0)
    start, stop = layout.places[names[0]].start, layout.places[names[-1]].stop
    if stop - start != inner.size:
        raise ValueError(f"the parameters {prefix}...{suffix} are not contiguous in the vector: {', '.join(names)}")
    return inner, slice(start, stop)
