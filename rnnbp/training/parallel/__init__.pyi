from rnnbp.training.parallel.joining import ranks_of as ranks_of
from rnnbp.training.parallel.joining import started_rank as started_rank
from rnnbp.training.parallel.joining import started_ranks as started_ranks
from rnnbp.training.parallel.joining import world as world
from rnnbp.training.parallel.ranks import ONE_PROCESS as ONE_PROCESS
from rnnbp.training.parallel.ranks import RankError as RankError
from rnnbp.training.parallel.ranks import Ranks as Ranks
