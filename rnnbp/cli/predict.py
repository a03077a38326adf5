"""Predict with a saved model: classes and their probabilities, or values; a row a sequence, or a row a step."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import rnnbp
from rnnbp.cli.arguments import add_data, add_saved_model, add_target
from rnnbp.cli.inputs import load_parts, needed, saved_model
from rnnbp.cli.output import check_table_target, write_table

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

EXAMPLE = "rnnbp predict gru.npz my.csv > predictions.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_saved_model(parser)
    add_data(parser, split=0)
    add_target(parser, "--output", "FILE", "the .csv or .parquet file to write (default: print as CSV)")


def run(options: argparse.Namespace) -> None:
    if options.output is not None:
        check_table_target("--output", options.output)
    model, loss = saved_model(options.model)
    data = needed(load_parts(options, model, targeted=False)[1], "test set")
    ids = data.ids if len(set(data.ids)) == len(data) else None  # of Reber's grammar they are words, some of them twice
    table = as_table(model.predict(data), ids, _details(model, loss, data))
    if options.output is None:
        table.to_csv(sys.stdout, lineterminator="\n")
    else:
        write_table(table.reset_index(), options.output)


def _details(
    model: "rnnbp.Sequential", loss: "rnnbp.Loss", data: "rnnbp.SequenceDataset"
) -> "dict[str, np.ndarray | list[np.ndarray]]":
    """Return further columns: the probability of each class, or the quantiles of each value, by name."""
    from rnnbp.models import batch_outputs, in_order

    if isinstance(loss, rnnbp.CrossEntropy | rnnbp.BinaryCrossEntropy):
        found = model.predict_proba(data)
        names = [f"p_{name}" for name in _class_names(model, loss, found)]
    elif isinstance(loss, rnnbp.Quantile):
        found = in_order(
            batch_outputs(model, data), lambda outputs: loss.bands(outputs).reshape(len(outputs), -1), model
        )
        Q, K = len(loss.quantiles), _width(found)
        names = [f"q_{loss.quantiles[k % Q]:g}" + (f"_{k // Q}" if K > Q else "") for k in range(K)]
    else:
        return {}
    if isinstance(found, list):
        wide = [one.reshape(len(one), -1) for one in found]
        return {name: [one[:, k] for one in wide] for k, name in enumerate(names)}
    return dict(zip(names, found.reshape(len(found), -1).T, strict=True))


def _class_names(model: "rnnbp.Sequential", loss: "rnnbp.Loss", found: Any) -> list[str]:
    """Return the names of what has the probabilities: of two classes told apart by one output, the second."""
    K = _width(found)
    if isinstance(loss, rnnbp.BinaryCrossEntropy):
        return [str((model.classes or ("0", "1"))[-1])] if K == 1 else list(map(str, range(K)))
    return list(model.classes or map(str, range(K)))[:K]


def _width(found: "np.ndarray | list[np.ndarray]") -> int:
    """Return the number of columns of an array (N,) or (N, K), or of a list of such."""
    one: Any = found[0] if isinstance(found, list) else found
    return 1 if one.ndim == 1 else int(one.shape[1])


def as_table(
    predicted: "np.ndarray | list[Any]",
    ids: Sequence[Any] | None = None,
    further: "dict[str, np.ndarray | list[np.ndarray]] | None" = None,
) -> "pd.DataFrame":
    """Return predictions as a table, one row per sequence or, with an output at every step, per step.

    Parameters
    ----------
    predicted : ndarray (N, ...), or list of ndarray (T_i, ...)
    ids : sequence, optional
        Of the sequences. Default: 0, 1, ...
    further : dict of str to ndarray (N,), or list of ndarray (T_i,), optional
        Further columns by their names.
    """
    import numpy as np
    import pandas as pd

    index = pd.DataFrame({"sequence": pd.Series(list(range(len(predicted)) if ids is None else ids))})
    further = further or {}
    if isinstance(predicted, list):
        lengths = [len(steps) for steps in predicted]
        index = index.loc[index.index.repeat(lengths)]
        index["step"] = np.concatenate([np.arange(n) for n in lengths])
        predicted = np.concatenate(predicted)
        further = {name: np.concatenate(column) for name, column in further.items()}
    values = predicted.reshape(len(predicted), -1)
    columns = ["predicted"] if values.shape[1] == 1 else [f"predicted_{k}" for k in range(values.shape[1])]
    table = pd.DataFrame(values, pd.MultiIndex.from_frame(index), columns)
    return table.assign(**{name: np.asarray(column) for name, column in further.items()})
