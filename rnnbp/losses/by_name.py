"""Table of losses by name, and their construction from a config."""

from collections.abc import Mapping
from typing import Any

from rnnbp.losses.absolute_error import MeanAbsoluteError
from rnnbp.losses.base import Loss
from rnnbp.losses.binary_cross_entropy import BinaryCrossEntropy
from rnnbp.losses.cross_entropy import CrossEntropy
from rnnbp.losses.ctc import CTC
from rnnbp.losses.huber import Huber
from rnnbp.losses.mixture_density import MixtureDensity
from rnnbp.losses.quantile import Quantile
from rnnbp.losses.squared_error import MeanSquaredError
from rnnbp.runtime import got, refuses_by_name
from rnnbp.runtime import serialization as _config

OF_CLASSES: tuple[type[Loss], ...] = (CrossEntropy, BinaryCrossEntropy, CTC)
OF_VALUES: tuple[type[Loss], ...] = (MeanSquaredError, MeanAbsoluteError, Huber, Quantile, MixtureDensity)
LOSSES: dict[str, type[Loss]] = {loss.name: loss for loss in (*OF_CLASSES, *OF_VALUES)}


@refuses_by_name
def from_config(config: Mapping[str, Any]) -> Loss:
    """Return the loss described by `Loss.to_config`.

    Parameters
    ----------
    config : mapping of str to object
        The loss's name and arguments.

    Raises
    ------
    ValueError
        If no loss has this name.

    Examples
    --------
    >>> from_config(CrossEntropy(class_weight=[1, 2]).to_config())
    CrossEntropy(class_weight=[1.0, 2.0], ignore=-1, label_smoothing=0.0)
    """
    if not isinstance(config, Mapping) or "type" not in config:
        raise ValueError(f"config must be a mapping with the type of a loss, {got(config)}")
    return _config.from_config(dict(config), _config.by_name(LOSSES.values()))
