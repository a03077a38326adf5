from rnnbp.models.prediction import BATCH_SIZE as BATCH_SIZE
from rnnbp.models.prediction import Data as Data
from rnnbp.models.prediction import batch_outputs as batch_outputs
from rnnbp.models.prediction import in_order as in_order
from rnnbp.models.prediction import matched as matched
from rnnbp.models.prediction import predictions as predictions
from rnnbp.models.sequential import Sequential as Sequential
from rnnbp.models.sequential import load as load
