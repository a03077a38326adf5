"""Random generator of one of several processes that compute a batch together."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from rnnbp.data.parts import BatchPart

Array = np.ndarray

SIZE_AT = {  # where the methods of a generator take `size`
    **dict.fromkeys(("random", "standard_cauchy", "standard_exponential", "standard_normal"), 0),
    **dict.fromkeys(("chisquare", "exponential", "geometric", "logseries", "pareto", "poisson", "power"), 1),
    **dict.fromkeys(("rayleigh", "standard_gamma", "standard_t", "weibull", "zipf"), 1),
    **dict.fromkeys(("beta", "binomial", "f", "gamma", "gumbel", "integers", "laplace", "logistic", "lognormal"), 2),
    **dict.fromkeys(("negative_binomial", "noncentral_chisquare", "normal", "uniform", "vonmises", "wald"), 2),
    **dict.fromkeys(("hypergeometric", "noncentral_f", "triangular"), 3),
}


class PartGenerator(np.random.Generator):
    """Random generator that draws for a whole batch and returns what belongs to one process's part of it.

    All processes have generators in the same state. Where one process would draw an array (B, F) or (T, B, F) for the
    whole batch, each of several asks for one of its own number of sequences, (b, F) or (T, b, F): the same numbers are
    drawn, and those of its sequences are returned. A single number is the same for all.

    Parameters
    ----------
    bit_generator : numpy.random.BitGenerator
        Advanced by the draws.
    part : BatchPart
    resets : bool, default False
        Whether the batch has reset flags, at which a model's random layers draw again: then arrays are refused, as this
        process does not know those of the others.

    Raises
    ------
    ValueError
        When drawing, if it is an array of other axes, or the batch has reset flags.

    Examples
    --------
    >>> part = BatchPart.of(np.array([5, 4, 4]), (1, 2))
    >>> whole, own = np.random.default_rng(0), PartGenerator(np.random.default_rng(0).bit_generator, part)
    >>> np.array_equal(whole.random((5, 3, 2))[:, part.columns], own.random((5, 2, 2)))
    True
    >>> whole.random() == own.random()
    True
    """

    def __init__(self, bit_generator: np.random.BitGenerator, part: BatchPart, resets: bool = False) -> None:
        super().__init__(bit_generator)
        self.part, self.resets = part, resets

    def __deepcopy__(self, memo: dict[int, Any]) -> "PartGenerator":
        return PartGenerator(copy.deepcopy(self.bit_generator, memo), self.part, self.resets)

    def own(self, name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Return what the method `name` of a plain generator returns for the whole batch, for the own sequences."""
        place, given, rest = SIZE_AT[name], list(arguments), dict(options)
        size = rest.pop("size", None) if len(given) <= place else given.pop(place)
        shape = () if size is None else tuple(np.atleast_1d(size).tolist())
        method = getattr(whole_generator(self), name)
        if shape:
            self._check(shape)
            rest["size"] = (*shape[:-2], len(self.part.lengths), shape[-1])
            given, named = given[:place], given[place:]
            if named:
                raise ValueError(f"{name} takes what comes after size by name where a batch is divided over processes")
        found = method(*given, **rest)
        if not shape and np.ndim(found):
            raise ValueError(f"{name} needs size where a batch is divided over processes, (B, F) or (T, B, F)")
        return found[..., self.part.columns, :] if shape else found

    def _check(self, shape: tuple[int, ...]) -> None:
        if self.resets:
            raise ValueError(
                "random layers draw again at every reset, and a batch with reset flags that is divided over processes "
                "has those of all: cut the sequences at their resets, or train in one process"
            )
        if len(shape) < 2 or shape[-2] != len(self.part.columns):
            raise ValueError(
                f"random numbers of a batch that is divided over processes must be (B, F) or (T, B, F) with B = "
                f"{len(self.part.columns)}, its number of sequences here, got {shape}: draw numbers that all sequences "
                "share by rnnbp.data.whole_generator(rng)"
            )


def _dealt(name: str) -> Callable[..., Any]:
    def draw(self: PartGenerator, *arguments: Any, **options: Any) -> Any:
        return self.own(name, arguments, options)

    draw.__name__, draw.__doc__ = name, f"Return the own numbers of those that `{name}` draws for the whole batch."
    return draw


for _name in SIZE_AT:
    setattr(PartGenerator, _name, _dealt(_name))


def whole_generator(rng: np.random.Generator) -> np.random.Generator:
    """Return the generator whose draws are the same in all processes; a plain generator itself.

    Parameters
    ----------
    rng : numpy.random.Generator

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> whole_generator(rng) is rng
    True
    >>> own = PartGenerator(np.random.default_rng(0).bit_generator, BatchPart.of(np.array([5]), (1, 2)))
    >>> np.array_equal(whole_generator(own).random(7), rng.random(7))
    True
    """
    return np.random.Generator(rng.bit_generator) if isinstance(rng, PartGenerator) else rng


def part_of(rng: np.random.Generator | None) -> BatchPart | None:
    """Return the part of a batch for which a generator draws, None of a plain generator.

    Parameters
    ----------
    rng : numpy.random.Generator, optional

    Examples
    --------
    >>> part_of(np.random.default_rng(0)) is None
    True
    """
    return rng.part if isinstance(rng, PartGenerator) else None


def for_part_of(rng: np.random.Generator | None, own: np.random.Generator) -> np.random.Generator:
    """Return the generator `own`, drawing for the same part of a batch as `rng` does.

    Parameters
    ----------
    rng : numpy.random.Generator, optional
    own : numpy.random.Generator

    Examples
    --------
    >>> own = np.random.default_rng(1)
    >>> for_part_of(np.random.default_rng(0), own) is own
    True
    """
    return PartGenerator(own.bit_generator, rng.part, rng.resets) if isinstance(rng, PartGenerator) else own
