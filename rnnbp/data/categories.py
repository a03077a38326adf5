"""Order of class names from ordered pandas categories."""

from typing import Any

import pandas as pd
from pandas.api.types import is_numeric_dtype


def ordered_names(labels: Any) -> tuple[str, ...] | None:
    """Return the categories, in order, of an ordered Categorical or of a list of them; None for all other labels.

    Raises
    ------
    ValueError
        If they differ between sequences.

    Examples
    --------
    >>> ordered_names(pd.Categorical(["high", "low"], categories=["low", "high"], ordered=True))
    ('low', 'high')
    """
    whole = _categories(labels)
    if whole is not None or hasattr(labels, "__array__"):
        return whole
    found = {_categories(one) for one in labels}
    if len(found) > 1:
        raise ValueError("targets have different ordered categories in different sequences: say classes=")
    return found.pop() if found else None


def _categories(labels: Any) -> tuple[str, ...] | None:
    dtype = getattr(labels, "dtype", None)
    if not isinstance(dtype, pd.CategoricalDtype) or not dtype.ordered or is_numeric_dtype(dtype.categories):
        return None
    return tuple(map(str, dtype.categories))
