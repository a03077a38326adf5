from rnnbp.losses.base import Loss as Loss
from rnnbp.losses.by_name import LOSSES as LOSSES
from rnnbp.losses.by_name import from_config as from_config
from rnnbp.losses.cross_entropy import BinaryCrossEntropy as BinaryCrossEntropy
from rnnbp.losses.cross_entropy import CrossEntropy as CrossEntropy
from rnnbp.losses.ctc import CTC as CTC
from rnnbp.losses.natural import natural_loss as natural_loss
from rnnbp.losses.squared_error import MeanSquaredError as MeanSquaredError
