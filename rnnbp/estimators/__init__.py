"""scikit-learn estimators over sequences of different lengths, and their static twins.

A label or a value for each sequence: `SequenceClassifier` and `SequenceRegressor`; for each step: `SequenceTagger`; a
sequence of labels: `SequenceTranscriber`; the next steps: `SequenceForecaster`. `MLPClassifier` and `MLPRegressor` are
static: they see a view of each sequence. What is taken as X is listed in `rnnbp.estimators.containers`, and adapters
for aeon are in `rnnbp.estimators.aeon`.
"""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
