"""Tables with one row a step, .csv or .parquet, as datasets: columns that the command line or a model names."""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rnnbp
from rnnbp.cli.arguments import COLUMN_LISTS, COLUMNS, TABLES

if TYPE_CHECKING:
    import pandas as pd

OPTIONS = {"sequence": "sequence", "step": "time", "target": "target", "features": "features", "weight": "weight"}
MOST_CELLS, CELLS_A_BYTE = 2**22, 100  # of a .parquet file, in which equal values take next to nothing
OPTIONS |= {"info": "groups"}  # arguments of SequenceDataset.from_frame, and the options that give them


def is_table(path: Any) -> bool:
    """Return whether a file is a table, by its name.

    Examples
    --------
    >>> is_table("my.CSV"), is_table("my.ts")
    (True, False)
    """
    return str(path).lower().endswith(TABLES)


def read_table(path: str | Path) -> "pd.DataFrame":
    """Read a .csv or .parquet file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If pyarrow, which reads .parquet files, is not installed.
    ValueError
        If it cannot be read.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    return _read_parquet(path) if str(path).lower().endswith(".parquet") else _read_csv(path)


def _read_csv(path: str | Path) -> "pd.DataFrame":
    """Read a .csv file, in whose columns of text nothing but an empty cell is missing: None and NA may be classes."""
    import pandas as pd
    from pandas.api.types import is_numeric_dtype

    from rnnbp.runtime import read_csv

    frame = read_csv(path)
    empty = frame.isna().all().to_numpy()
    texts = [k for k, dtype in enumerate(frame.dtypes) if empty[k] or not is_numeric_dtype(dtype)]
    if not texts or not len(frame):
        return frame
    again = read_csv(path, dtype=str, keep_default_na=False, na_values=[""])  # whole, so that names are the same
    names = frame.columns
    return pd.concat([frame.drop(columns=names[texts]), again.iloc[:, texts]], axis=1)[list(names)]


def _read_parquet(path: str | Path) -> "pd.DataFrame":
    """Read a .parquet file, whose header may claim more cells than a table of the file's size has."""
    import pandas as pd

    from rnnbp.runtime import require

    parquet = require("pyarrow.parquet", extra="parquet")
    most = MOST_CELLS + CELLS_A_BYTE * Path(path).stat().st_size
    try:
        found = parquet.read_metadata(path)
        cells = found.num_rows * found.num_columns
        frame = pd.read_parquet(path) if cells <= most else None
    except Exception as error:  # pyarrow and pandas raise many types for damaged files
        raise ValueError(f"{str(path)!r} cannot be read as a table: {' '.join(str(error).split())}") from None
    if frame is None:
        raise ValueError(f"{str(path)!r} cannot be read as a table: it claims {cells} cells, at most {most} are taken")
    return frame


def given_columns(options: argparse.Namespace) -> dict[str, str]:
    """Return the columns that the command line names, by option."""
    return {option: getattr(options, option) for option in COLUMNS if getattr(options, option) is not None}


def table_dataset(
    path: str | Path,
    given: Mapping[str, str],
    model: "rnnbp.Sequential | None" = None,
    *,
    targeted: bool = True,
    classes: Sequence[str] | None = None,
) -> "rnnbp.SequenceDataset":
    """Return the dataset of a table; integer targets that are not 0, 1, ..., K - 1 are names of classes.

    Parameters
    ----------
    path : str or Path
    given : mapping of str to str
        The columns that the command line names, by option.
    model : Sequential, optional
        A trained model: columns that are not given are those of its training, where the table has them.
    targeted : bool, default True
        Whether targets are needed.
    classes : sequence of str, optional
        Those that integers may be the names of, as of the training set of a test set. Default: any.

    Raises
    ------
    ValueError
        If a column is missing or does not fit; the message names the option.
    """
    frame = read_table(path)
    chosen = _chosen(path, frame, given, model)
    features = _listed(chosen.get("features"))
    if "features" not in given and model is not None and model.feature_names is not None:
        for name in model.feature_names:  # which may have commas in them
            _check_column(path, frame, "a feature that the model was trained on is missing", name)
        features = list(model.feature_names)
    if targeted and not {*_listed(chosen.get("target", "target")), "target0"} & set(frame):
        _check_column(path, frame, "--target must name the column of the class or value", "target")
    for column in _listed(chosen.get("target", "target")):
        if targeted and column in frame and frame[column].isna().all():
            raise ValueError(f"--target: column {column!r} of {str(path)!r} is empty")
    target = _listed(chosen.get("target")) or ["target"]
    if len(target) == 1 and target[0] in frame:
        frame = frame.assign(**{target[0]: with_names(frame[target[0]], classes)})
    try:
        return rnnbp.SequenceDataset.from_frame(
            frame,
            sequence=chosen["sequence"],
            step=chosen.get("time", "step" if "step" in frame else None) or None,
            target="target" if target == ["target"] else target,
            features=features or None,
            info=chosen.get("groups"),
            weight=chosen.get("weight", "sample_weight"),
        )
    except ValueError as error:
        raise ValueError(f"{path}: {as_options(str(error))}") from None


def with_names(labels: "pd.Series", classes: Sequence[str] | None) -> "pd.Series":
    """Return integer labels as names of classes, in their order, unless they are 0, 1, ..., K - 1, or -1 for none.

    Parameters
    ----------
    labels : Series
    classes : sequence of str, or None
        Integers are names if they are all among these, and only then.

    Examples
    --------
    >>> import pandas as pd
    >>> with_names(pd.Series([1, 10, 2, 1]), None).tolist(), with_names(pd.Series([1, 0, -1]), None).tolist()
    (['1', '10', '2', '1'], [1, 0, -1])
    """
    import pandas as pd

    if labels.dtype.kind not in "iu":
        return labels
    found = sorted(set(labels.tolist()))
    names = list(map(str, found))
    counted = [label for label in found if label != -1]
    numbers = counted == list(range(len(counted)))
    if numbers if classes is None else not set(names) <= set(classes):
        return labels
    return labels.astype(str).astype(pd.CategoricalDtype(names, ordered=True))


def _chosen(
    path: str | Path, frame: "pd.DataFrame", given: Mapping[str, str], model: "rnnbp.Sequential | None"
) -> dict[str, str]:
    """Return the columns of a table by option: those given, and those of the training of a model that it has."""
    for option, columns in given.items():
        for column in _listed(columns) if option in COLUMN_LISTS else [columns]:
            if column or option != "time":
                _check_column(path, frame, f"--{option}", column)
    trained = {} if model is None else model.info.get("columns", {})
    known = {option: columns for option, columns in trained.items() if set(_listed(columns)) <= set(frame)}
    chosen = {"sequence": "sequence", **known, **given}
    if "sequence" not in given:
        about = "--sequence must name the column that says which sequence a row is of"
        _check_column(path, frame, about, chosen["sequence"])
    return chosen


def _listed(columns: str | None) -> list[str]:
    return columns.split(",") if columns else []


def _check_column(path: str | Path, frame: "pd.DataFrame", what: str, column: str) -> None:
    """Raise unless a table has a column."""
    from rnnbp.runtime import did_you_mean, some

    if column not in frame:
        names = list(map(str, frame.columns))
        raise ValueError(
            f"{what}: {str(path)!r} has no column {column!r}.{did_you_mean(column, names)} It has {some(names)}"
        )


def as_options(message: str) -> str:
    """Return an error of `rnnbp.SequenceDataset.from_frame` with the options of the command line in it.

    Examples
    --------
    >>> as_options("frame has two columns 'x': name it in target= or in features=, or step=None to take rows in order")
    "the table has two columns 'x': name it in --target or in --features, or --time '' to take rows in order"
    """
    found = re.sub(r"\b([a-z]+)=(?=[\s,:;.]|$)", lambda m: f"--{OPTIONS[m[1]]}" if m[1] in OPTIONS else m[0], message)
    return re.sub("^frame ", "the table ", found).replace("step=None", "--time ''")
