"""Names of scikit-learn that the estimators build on; where it is missing, an error that names the extra."""

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin, clone
    from sklearn.metrics import accuracy_score, r2_score
    from sklearn.utils import check_array, check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import _check_sample_weight as check_sample_weight
    from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
except ImportError as error:
    raise ImportError(f'rnnbp.estimators needs scikit-learn 1.6 ({error}): pip install "rnnbp[sklearn]"') from error

__all__ = [
    "BaseEstimator",
    "ClassifierMixin",
    "RegressorMixin",
    "TransformerMixin",
    "accuracy_score",
    "check_array",
    "check_classification_targets",
    "check_is_fitted",
    "check_random_state",
    "check_sample_weight",
    "clone",
    "column_or_1d",
    "r2_score",
    "validate_data",
]
