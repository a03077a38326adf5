"""Cross-validation within the training set of a comparison."""

import numpy as np

from rnnbp.data import SequenceDataset


def splits(data: SequenceDataset, folds: int) -> list[tuple[SequenceDataset, SequenceDataset]]:
    """Return the (rest, fold) splits of the cross-validation; with one fold the first of five."""
    return _folds(data, folds) if folds > 1 else _folds(data, 5)[:1]


def _folds(data: SequenceDataset, folds: int) -> list[tuple[SequenceDataset, SequenceDataset]]:
    """Return the (rest, fold) splits of a dataset, stratified by class.

    Where there are fewer sequences than folds, the sequences are cut.
    """
    if len(data) < folds:
        if not data.per_step:
            raise ValueError(f"train must have at least one sequence for each of the {folds} folds, got {len(data)}")
        data = data.cut(-(-int(data.lengths.sum()) // folds))
    order = np.random.default_rng(0).permutation(len(data))
    if isinstance(data.targets, np.ndarray) and data.targets.ndim == 1:
        order = order[np.argsort(data.targets[order], kind="stable")]
    fold_of = np.empty(len(data), int)
    fold_of[order] = np.arange(len(data)) % folds
    return [
        (data.subset(np.flatnonzero(fold_of != k)), data.subset(np.flatnonzero(fold_of == k))) for k in range(folds)
    ]
