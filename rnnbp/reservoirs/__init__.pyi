from rnnbp.reservoirs.echo_state import echo_state_network as echo_state_network
from rnnbp.reservoirs.echo_state import reservoir_layers as reservoir_layers
from rnnbp.reservoirs.force_learning import ForceRun as ForceRun
from rnnbp.reservoirs.force_learning import force as force
from rnnbp.reservoirs.memory import MemoryCapacity as MemoryCapacity
from rnnbp.reservoirs.memory import memory_capacity as memory_capacity
from rnnbp.reservoirs.recursive_least_squares import RecursiveLeastSquares as RecursiveLeastSquares
