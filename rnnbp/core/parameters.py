"""Parameters: one flat vector, and named views of it."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rnnbp.core.layout import Layout, Shape, layout_of, scope_of
from rnnbp.core.masks import Mask
from rnnbp.runtime import as_array, did_you_mean, floating, got, natural_int, refuses_by_name, zeros

SMALL = 2**16  # bytes, below which memory from the pool takes longer than fresh memory


@refuses_by_name
class Parameters:
    """Parameters of a model: one contiguous vector, of which every named array is a view.

    Views are created on access and never stored, so the arrays of a copy are always views of the copy's own vector. An
    optimizer is arithmetic on `vector`, a checkpoint is one array and `shapes`.

    Some entries may be fixed at zero by a mask, as the missing connections of a sparse network (`set_mask`): every
    gradient algorithm yields zero for them, no optimizer changes them, and the mask is saved with a model and in
    checkpoints. Values written into a view or into `vector` are not checked; `apply_mask` sets the masked ones to zero.
    Others may be frozen at their values (`frozen_vector`, `rnnbp.Sequential.freeze`), in the same way.

    Parameters
    ----------
    shapes : mapping of str to tuple of int
        The names, in the order of the vector, and their shapes.
    vector : ndarray (P,), optional
        The memory to use, not copied. Default: zeros.
    dtype : dtype, default float32
        Of the zeros made where no vector is given.

    Raises
    ------
    ValueError
        If `vector` has not the shape (P,) that `shapes` add up to.

    Examples
    --------
    >>> p = Parameters({"w": (2, 3), "b": (2,)})
    >>> p["b"] = [1, 2]
    >>> p.vector
    array([0., 0., 0., 0., 0., 0., 1., 2.], dtype=float32)
    >>> p["w"][0, 0] = 5
    >>> float(p.vector[0])
    5.0
    """

    _mask: Mask | None = None
    _start = 0  # of this vector in the vector of the mask

    def __init__(
        self, shapes: Mapping[str, Shape], vector: np.ndarray | None = None, dtype: DTypeLike = np.float32
    ) -> None:
        _check_shapes(shapes)
        floating("dtype", dtype)
        self._layout = layout_of(tuple((name, tuple(shape)) for name, shape in shapes.items()))
        self.vector = self._fitting(np.zeros(self._layout.size, dtype) if vector is None else vector)
        self._mask = Mask(self._layout.size)

    def _fitting(self, vector: np.ndarray) -> np.ndarray:
        if np.shape(vector) != (self._layout.size,):
            raise ValueError(f"vector must have shape (P,) = ({self._layout.size},), got {np.shape(vector)}")
        return vector

    @staticmethod
    def _over(layout: Layout, vector: np.ndarray, mask: Mask | None = None, start: int = 0) -> "Parameters":
        made = Parameters.__new__(Parameters)
        made._layout, made.vector, made._mask, made._start = layout, vector, mask, start
        return made

    @property
    def shapes(self) -> dict[str, Shape]:
        """Names, in the order of the vector, and shapes; read only."""
        return self._layout.shapes

    @property
    def dtype(self) -> np.dtype:
        """Data type of the vector and all its views."""
        return self.vector.dtype

    @property
    def size(self) -> int:
        """P, the number of parameters."""
        return self._layout.size

    def __getitem__(self, name: str) -> np.ndarray:
        layout = self._layout
        place = layout.places[name] if name in layout.places else self._place(name)
        return self.vector[place].reshape(layout.shapes[name])

    def __setitem__(self, name: str, value: ArrayLike) -> None:
        value, here = np.asarray(value), self[name]
        if value.shape not in ((), here.shape):
            raise ValueError(f"parameter {name!r} has shape {here.shape}, got {value.shape}")
        if self.mask_vector is not None:
            self._check_masked(name, value)
        here[...] = value

    def _check_masked(self, name: str, value: np.ndarray) -> None:
        fixed = ~self.mask(name)
        wrong = np.count_nonzero(np.broadcast_to(value, fixed.shape)[fixed])
        if wrong:
            raise ValueError(
                f"the mask of parameter {name!r} fixes {np.count_nonzero(fixed)} of its {fixed.size} at zero, but "
                f"{wrong} of those given there are not: multiply by params.mask({name!r}), or change it by set_mask"
            )

    def _place(self, name: str) -> slice:
        try:
            return self._layout.places[name]
        except KeyError:
            raise KeyError(f"name: there is no parameter {name!r}.{did_you_mean(name, self._layout.places)}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._layout.places

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)

    def keys(self) -> Iterator[str]:
        """Iterate over the names, in the order of the vector."""
        return iter(self.shapes)

    def items(self) -> Iterator[tuple[str, np.ndarray]]:
        """Iterate over names and views, in the order of the vector."""
        vector, shapes = self.vector, self._layout.shapes
        return ((name, vector[place].reshape(shapes[name])) for name, place in self._layout.places.items())

    @refuses_by_name
    def place(self, name: str) -> slice:
        """Return the slice of the vector that is the array called `name`.

        Examples
        --------
        >>> Parameters({"w": (2, 3), "b": (2,)}).place("b")
        slice(6, 8, None)
        """
        return self._place(name)

    @property
    def mask_vector(self) -> np.ndarray | None:
        """Mask (P,) of bools, False where an entry is fixed at zero; None without a mask.

        Setting it also sets the masked entries to zero.

        Raises
        ------
        ValueError
            When set to anything but bools (P,) or None.
        """
        return None if self._mask is None else self._mask.part(self._start, self.size)

    @mask_vector.setter
    def mask_vector(self, mask: np.ndarray | None) -> None:
        given = self._flags("mask_vector", mask, True)
        if mask is not None or self.mask_vector is not None:
            self._writable_mask()[:] = given
            self.apply_mask()

    def _flags(self, name: str, given: np.ndarray | None, default: bool) -> np.ndarray:
        """Return the flags (P,) given for an attribute, or the default for all; raise unless they are bools (P,)."""
        flags = np.full(self.size, default) if given is None else np.asarray(given)
        if flags.dtype != bool or flags.shape != (self.size,):
            raise ValueError(
                f"{name} must be bools of shape (P,) = ({self.size},), or None, "
                f"got {flags.dtype} of shape {flags.shape}"
            )
        return flags

    @refuses_by_name
    def set_mask(self, name: str, mask: ArrayLike) -> None:
        """Fix entries of an array at zero: they are set to zero and stay zero in every training.

        Parameters
        ----------
        name : str
        mask : array_like of bool
            Of the array's shape, or broadcast to it; False where an entry is fixed at zero. A single True removes the
            mask.

        Raises
        ------
        KeyError
            If there is no such array.
        ValueError
            If `mask` is not of bools, or does not fit the shape.

        See Also
        --------
        rnnbp.initializers.Sparse : a random mask of recurrent weights.

        Examples
        --------
        A network in which each unit is connected to its neighbours only:

        >>> import rnnbp
        >>> model = rnnbp.Sequential(rnnbp.Elman(2, 4), rnnbp.Last(), rnnbp.Dense(4, 2))
        >>> i = np.arange(4)
        >>> model.params.set_mask("0.w_hh", abs(i[:, None] - i) <= 1)
        >>> batch = rnnbp.SequenceDataset([np.ones((5, 2))], targets=[1]).batch()
        >>> (g,) = rnnbp.BPTT().gradients(model, batch, rnnbp.CrossEntropy())
        >>> rnnbp.Adam(0.01, weight_decay=0.1).step(model.params, g.vector)
        >>> (model.params["0.w_hh"] != 0).astype(int)
        array([[1, 1, 0, 0],
               [1, 1, 1, 0],
               [0, 1, 1, 1],
               [0, 0, 1, 1]])
        """
        place, shape, given = self._place(name), self.shapes[name], as_array("mask", mask)
        if given.dtype != bool:
            raise ValueError(f"mask must be bools, False where an entry is fixed at zero, got {given.dtype}")
        try:
            whole = np.broadcast_to(given, shape)
        except ValueError:
            raise ValueError(f"parameter {name!r} has shape {shape}, which mask {given.shape} does not fit") from None
        if self.mask_vector is not None or not whole.all():
            self._writable_mask()[place] = whole.ravel()
            self.apply_mask()

    @refuses_by_name
    def mask(self, name: str) -> np.ndarray:
        """Return the mask of the array called `name`: bools of its shape, False where an entry is fixed at zero.

        Examples
        --------
        >>> p = Parameters({"w": (2, 2)})
        >>> p.set_mask("w", [[True, False], [True, True]])
        >>> p.mask("w")
        array([[ True, False],
               [ True,  True]])
        """
        place, shape, mask = self._place(name), self.shapes[name], self.mask_vector
        return np.ones(shape, bool) if mask is None else mask[place].reshape(shape).copy()

    def masked(self, vector: np.ndarray) -> np.ndarray:
        """Return `vector` (P,) with zeros where the mask is False; `vector` itself without a mask.

        Examples
        --------
        >>> p = Parameters({"w": (3,)})
        >>> p.set_mask("w", [True, False, True])
        >>> p.masked(np.array([1.0, 2.0, 3.0]))
        array([1., 0., 3.])
        """
        return vector if self.mask_vector is None else np.where(self.mask_vector, vector, vector.dtype.type(0))

    @property
    def frozen_vector(self) -> np.ndarray | None:
        """Bools (P,), True where an entry is frozen at its value: no training changes it; None where none is.

        Raises
        ------
        ValueError
            When set to anything but bools (P,) or None.

        Examples
        --------
        >>> p = Parameters({"w": (2,)}, np.array([1.0, 2.0]))
        >>> p.frozen_vector = np.array([True, False])
        >>> p.trainable(np.array([5.0, 6.0])), p.with_fixed(np.array([5.0, 6.0]))
        (array([0., 6.]), array([1., 6.]))
        """
        return None if self._mask is None else self._mask.frozen_part(self._start, self.size)

    @frozen_vector.setter
    def frozen_vector(self, frozen: np.ndarray | None) -> None:
        given = self._flags("frozen_vector", frozen, False)
        if self._mask is None:
            raise ValueError("a gradient is not frozen: freeze the model's parameters, model.freeze(...)")
        self._mask.set_frozen(self._start, given)

    def trainable(self, vector: np.ndarray) -> np.ndarray:
        """Return `vector` (P,), a gradient or a direction, with zeros where an entry is masked or frozen."""
        vector = self.masked(self._fitting(vector))
        return vector if self.frozen_vector is None else np.where(self.frozen_vector, vector.dtype.type(0), vector)

    def with_fixed(self, vector: np.ndarray) -> np.ndarray:
        """Return `vector` (P,), values of parameters, with zeros where masked, and the present values where frozen."""
        vector = self.masked(self._fitting(vector))
        return vector if self.frozen_vector is None else np.where(self.frozen_vector, self.vector, vector)

    def apply_mask(self) -> None:
        """Set the masked entries of `vector` to zero."""
        if self.mask_vector is not None:
            self.vector[~self.mask_vector] = 0

    def _writable_mask(self) -> np.ndarray:
        if self._mask is None:
            raise ValueError("a gradient takes no mask: set that of the model's parameters, model.params")
        return self._mask.writable(self._start, self.size)

    @refuses_by_name
    def like(self, vector: np.ndarray) -> "Parameters":
        """Return the same layout over another vector (P,) of any dtype, which is not copied; without the mask."""
        return self._over(self._layout, self._fitting(vector))

    def zeros(self) -> "Parameters":
        """Return the same layout over zeros, without the mask."""
        size, dtype = self.size, self.dtype
        return self.like(np.zeros(size, dtype) if size * dtype.itemsize < SMALL else zeros((size,), dtype))

    def copy(self) -> "Parameters":
        """Return a copy, of the mask too."""
        return self.astype(self.dtype)

    def astype(self, dtype: DTypeLike) -> "Parameters":
        """Return a copy in another dtype, with a copy of the mask and of what is frozen."""
        mask = Mask(self.size)
        if self.mask_vector is not None:
            mask.values = self.mask_vector.copy()
        if self.frozen_vector is not None:
            mask.frozen = self.frozen_vector.copy()
        return self._over(self._layout, self.vector.astype(floating("dtype", dtype)), mask)

    @refuses_by_name
    def scope(self, prefix: str = "", suffix: str = "") -> "Parameters":
        """Return a view of the parameters whose names begin with `prefix` and end with `suffix`, both removed.

        Raises
        ------
        ValueError
            If they are not contiguous in the vector.

        Examples
        --------
        >>> p = Parameters({"0.w": (2,), "1.w": (3,), "1.b": (1,)})
        >>> list(p.scope("1.")), p.scope("1.").size
        (['w', 'b'], 4)
        """
        layout, place = scope_of(self._layout, prefix, suffix)
        return self._over(layout, self.vector[place], self._mask, self._start + place.start)

    @refuses_by_name
    def renamed(self, shapes: Mapping[str, Shape], start: int = 0) -> "Parameters":
        """Return a view of consecutive arrays of the vector under other names.

        Parameters
        ----------
        shapes : mapping of str to tuple of int
            In the order of the vector.
        start : int, default 0
            Index of the first entry.

        Raises
        ------
        ValueError
            If the vector ends before they do.

        Examples
        --------
        >>> p = Parameters({"w_l0": (2,), "w_l1": (3,)})
        >>> p.renamed({"w": (3,)}, start=2)["w"] += 1
        >>> p.vector
        array([0., 0., 1., 1., 1.], dtype=float32)
        """
        natural_int("start", start)
        _check_shapes(shapes)
        layout = layout_of(tuple(shapes.items()))
        if start + layout.size > self.size:
            raise ValueError(f"from {start} on there are {self.size - start} numbers, but shapes need {layout.size}")
        return self._over(layout, self.vector[start : start + layout.size], self._mask, self._start + start)

    def __eq__(self, other: Any) -> bool:
        return (
            isinstance(other, Parameters)
            and list(self.shapes.items()) == list(other.shapes.items())
            and np.array_equal(self.vector, other.vector)
            and all(np.array_equal(self.mask(name), other.mask(name)) for name in self)
            and np.array_equal(_none_as_zeros(self), _none_as_zeros(other))
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        rows = [f"  {name}: {shape}{self._masked_count(name)}" for name, shape in self.shapes.items()]
        return "\n".join([f"Parameters: {self.size} {self.vector.dtype} numbers", *rows])

    def _masked_count(self, name: str) -> str:
        fixed = int(np.count_nonzero(~self.mask(name)))
        frozen = self.frozen_vector is not None and self.frozen_vector[self._place(name)].all()
        return (f", {fixed} fixed at zero" if fixed else "") + (", frozen" if frozen else "")


def _none_as_zeros(params: Parameters) -> np.ndarray:
    frozen = params.frozen_vector
    return np.zeros(params.size, bool) if frozen is None else frozen


def _check_shapes(shapes: Mapping[str, Shape]) -> None:
    if not isinstance(shapes, Mapping) or not all(isinstance(shape, tuple | list) for shape in shapes.values()):
        raise ValueError(f"shapes must be a mapping of names to shapes, {got(shapes)}")
