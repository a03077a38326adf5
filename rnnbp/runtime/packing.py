"""Objects packed into one array of bytes, in which the arrays that several of them share are stored once."""

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray

ALIGNMENT = 64  # of every array in bytes, as of NumPy's own


def packed(objects: Sequence[Any]) -> Array:
    """Return objects as an array of bytes, from which `unpacked` restores each by itself.

    Functions of a notebook, lambdas and closures are packed whole.

    Parameters
    ----------
    objects : sequence

    Returns
    -------
    ndarray (N,) of uint8
        For each object a list of places: of its pickled form, and of the arrays in it, which are outside of it.

    Raises
    ------
    Exception
        What pickling raises.

    Examples
    --------
    >>> shared = np.arange(100000.0)
    >>> len(packed([shared, {"the same": shared}])) < 1.01 * shared.nbytes
    True
    >>> unpacked(packed([shared, {"the same": shared}]), 1)["the same"].sum() == shared.sum()
    np.True_
    """
    try:
        import cloudpickle
    except ImportError:  # before joblib 1.6, which is installed with it, it was a part of joblib
        from joblib.externals import cloudpickle

    chunks, end = [], 16 * len(objects)
    known: dict[tuple[int, int], tuple[int, int]] = {}  # chunks are kept, so that no address is used again

    def stored(chunk: Any) -> tuple[int, int]:
        nonlocal end
        flat = np.frombuffer(chunk, np.uint8)
        key = flat.__array_interface__["data"][0], flat.nbytes
        if key not in known:
            start = -(-end // ALIGNMENT) * ALIGNMENT
            end = start + flat.nbytes
            chunks.append(flat)
            known[key] = start, end
        return known[key]

    header = []
    for one in objects:
        buffers: list[pickle.PickleBuffer] = []
        stream = cloudpickle.dumps(one, protocol=5, buffer_callback=buffers.append)
        header.append(stored(np.array([stored(stream), *(stored(buffer.raw()) for buffer in buffers)])))
    everything = np.zeros(end, np.uint8)
    everything[: 16 * len(objects)] = np.array(header, np.int64).view(np.uint8).ravel()
    for (start, stop), chunk in zip(known.values(), chunks, strict=True):
        everything[start:stop] = chunk
    return everything


def unpacked(everything: Array, place: int) -> Any:
    """Return a new copy of one of the objects, whose arrays are views of the packed bytes.

    Parameters
    ----------
    everything : ndarray of uint8
    place : int
        Which of the objects.
    """

    def chunk(span: Array) -> Array:
        return everything[int(span[0]) : int(span[1])]

    header = chunk(np.array([16 * place, 16 * place + 16])).view(np.int64)
    stream, *buffers = chunk(header).view(np.int64).reshape(-1, 2)
    return pickle.loads(chunk(stream).data, buffers=[chunk(span) for span in buffers])
