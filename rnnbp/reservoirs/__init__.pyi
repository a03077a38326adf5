from rnnbp.reservoirs.echo_state import echo_state_network as echo_state_network
from rnnbp.reservoirs.echo_state import reservoir_layers as reservoir_layers
