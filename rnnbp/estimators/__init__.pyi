from rnnbp.estimators.classification import MLPClassifier as MLPClassifier
from rnnbp.estimators.classification import SequenceClassifier as SequenceClassifier
from rnnbp.estimators.regression import MLPRegressor as MLPRegressor
from rnnbp.estimators.regression import SequenceRegressor as SequenceRegressor
