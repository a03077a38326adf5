"""Print a saved model's predictions for a dataset's test set as CSV: a row a sequence, or a row a step."""

import argparse
from typing import TYPE_CHECKING, Any

from rnnbp.cli.arguments import add_data, add_saved_model
from rnnbp.cli.inputs import load_data, saved_model

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

EXAMPLE = "rnnbp predict gru.npz japanese-vowels > predictions.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_saved_model(parser)
    add_data(parser)


def run(options: argparse.Namespace) -> None:
    model, _ = saved_model(options.model)
    _, test = load_data(options)
    print(as_table(model.predict(test)).to_csv(lineterminator="\n"), end="")


def as_table(predicted: "np.ndarray | list[Any]") -> "pd.DataFrame":
    """Return predictions as a table, one row per sequence or, with an output at every step, per step."""
    import numpy as np
    import pandas as pd

    index = pd.RangeIndex(len(predicted), name="sequence").to_frame()
    if isinstance(predicted, list):
        lengths = [len(steps) for steps in predicted]
        index = index.loc[index.index.repeat(lengths)]
        index["step"] = np.concatenate([np.arange(n) for n in lengths])
        predicted = np.concatenate(predicted)
    values = predicted.reshape(len(predicted), -1)
    columns = ["predicted"] if values.shape[1] == 1 else [f"predicted_{k}" for k in range(values.shape[1])]
    return pd.DataFrame(values, pd.MultiIndex.from_frame(index), columns)
