from rnnbp.training.checkpoint import checkpoint_in as checkpoint_in
from rnnbp.training.data_checks import check_dataset as check_dataset
from rnnbp.training.early_stopping import EarlyStopping as EarlyStopping
from rnnbp.training.epoch import TrainingDivergedError as TrainingDivergedError
from rnnbp.training.evaluation import outputs_of as outputs_of
from rnnbp.training.parallel.ranks import RankError as RankError
from rnnbp.training.trainer import Callback as Callback
from rnnbp.training.trainer import Trainer as Trainer
