"""Nested parameters: `get_params` and `set_params` reach the constructor arguments of the package's objects."""

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Self

from rnnbp.estimators.scikit import BaseEstimator
from rnnbp.runtime import did_you_mean, flag, unknown
from rnnbp.runtime.serialization import is_own

Names = Mapping[str, Mapping[Any, Callable[[], Any]]]


class NestedParameters(BaseEstimator):
    """Base class of estimators with parameters that are optimizers, losses, gradient algorithms, layers or cells.

    These objects are no estimators: they store their constructor arguments as attributes, as everything that a model
    file describes does, and setting an argument makes another object. A parameter that is None or a name stands for an
    object too, whose arguments have names as well.

    Attributes
    ----------
    names : mapping of str to mapping
        For each such parameter, what constructs the object of a name; None is the name of the default.

    Examples
    --------
    >>> from rnnbp.estimators import SequenceClassifier
    >>> classifier = SequenceClassifier().set_params(optimizer__learning_rate=0.1, gradient="truncated", gradient__k1=5)
    >>> classifier.optimizer, classifier.gradient
    (Adam(learning_rate=0.1, beta1=0.9, beta2=0.999, eps=1e-08, weight_decay=0.0), TruncatedBPTT(k1=5, k2=10))
    >>> SequenceClassifier().get_params()["optimizer__beta1"]
    0.9
    """

    names: ClassVar[Names] = {}

    def component(self, name: str) -> Any:
        """Return the object that a parameter stands for.

        Raises
        ------
        ValueError
            If it is a text that is none of the names.

        Examples
        --------
        >>> from rnnbp.estimators import SequenceRegressor
        >>> SequenceRegressor(optimizer="sgd").component("optimizer")
        SGD(learning_rate=0.01, weight_decay=0.0)
        """
        value, known = getattr(self, name), self.names.get(name, {})
        if value is None and None in known:
            return known[None]()
        if isinstance(value, str) and known:
            if value not in known:
                raise unknown(name, value, [key for key in known if key is not None])
            return known[value]()
        return value

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name.

        Parameters
        ----------
        deep : bool, default True
            Whether to include the arguments of parameters that are objects, as ``optimizer__learning_rate``.

        Returns
        -------
        dict
        """
        flag("deep", deep)
        params: dict[str, Any] = super().get_params(deep=False)
        if deep:
            params |= {key: value for name in [*params] for key, value in self._arguments(name)}
        return params

    def _arguments(self, name: str) -> Iterator[tuple[str, Any]]:
        """Yield the nested parameters of a parameter."""
        try:
            found = self.component(name)
        except ValueError:  # a name that is none is reported by `fit`, as scikit-learn wants it
            return
        yield from nested(name, found)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of nested objects as ``optimizer__learning_rate=0.1``.

        Parameters
        ----------
        **params
            By name. A nested one replaces the object by another with this argument.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If there is no such parameter.
        """
        own = self.get_params(deep=False)
        inner: dict[str, dict[str, Any]] = defaultdict(dict)
        for key, value in params.items():
            name, _, rest = key.partition("__")
            if name not in own:
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {type(self).__name__}.{did_you_mean(name, own)} "
                    f"Valid parameters are: {sorted(own)}"
                )
            if rest:
                inner[name][rest] = value
            else:
                setattr(self, name, value)
        for name, given in inner.items():
            setattr(self, name, rebuilt(name, self.component(name), given))
        return self


def constructor_arguments(value: Any) -> dict[str, Any]:
    """Return the arguments an object of the package was made with; of other objects none.

    Examples
    --------
    >>> from rnnbp.gradients import TruncatedBPTT
    >>> constructor_arguments(TruncatedBPTT(5, 10)), constructor_arguments(3.5)
    ({'k1': 5, 'k2': 10}, {})
    """
    if isinstance(value, type) or not any(is_own(cls) for cls in type(value).__mro__):
        return {}
    names = inspect.signature(type(value)).parameters
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def nested(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield ``(name__argument, argument)`` of an object, recursively.

    Examples
    --------
    >>> from rnnbp.layers import Dense
    >>> dict(nested("layer", Dense(3, 2)))
    {'layer__input_size': 3, 'layer__output_size': 2, 'layer__activation': 'linear'}
    """
    inner = value.get_params(deep=False) if isinstance(value, BaseEstimator) else constructor_arguments(value)
    for key, argument in inner.items():
        yield f"{name}__{key}", argument
        yield from nested(f"{name}__{key}", argument)


def rebuilt(name: str, value: Any, given: Mapping[str, Any]) -> Any:
    """Return an object like `value` with other arguments.

    Parameters
    ----------
    name : str
        Of the object in error messages.
    value : object
    given : mapping of str to object
        Arguments by name, those of arguments as ``inner__name``.

    Raises
    ------
    ValueError
        If it has no such argument.

    Examples
    --------
    >>> from rnnbp.optimizers import SGD
    >>> rebuilt("optimizer", SGD(0.1), {"learning_rate": 0.5})
    SGD(learning_rate=0.5, weight_decay=0.0)
    >>> rebuilt("optimizer", SGD(0.1), {"rate": 0.5})
    Traceback (most recent call last):
    ValueError: Invalid parameter 'optimizer__rate': SGD has the arguments learning_rate, weight_decay...
    """
    if isinstance(value, BaseEstimator):
        return value.set_params(**given)
    arguments = constructor_arguments(value)
    inner: dict[str, dict[str, Any]] = defaultdict(dict)
    for key, argument in given.items():
        first, _, rest = key.partition("__")
        if first not in arguments:
            has = f"has the arguments {', '.join(arguments)}" if arguments else "has no arguments that can be set"
            raise ValueError(
                f"Invalid parameter '{name}__{first}': {type(value).__name__} {has}.{did_you_mean(first, arguments)}"
            )
        if rest:
            inner[first][rest] = argument
        else:
            arguments[first] = argument
    for first, deeper in inner.items():
        arguments[first] = rebuilt(f"{name}__{first}", arguments[first], deeper)
    return type(value)(**arguments)
