from rnnbp.training.parallel.joining import ranks_of as ranks_of
from rnnbp.training.parallel.ranks import ONE_PROCESS as ONE_PROCESS
from rnnbp.training.parallel.ranks import RankError as RankError
from rnnbp.training.parallel.ranks import Ranks as Ranks
