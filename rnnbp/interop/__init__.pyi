from rnnbp.interop.from_torch_modules import from_torch as from_torch
from rnnbp.interop.parameter_names import torch_names as torch_names
from rnnbp.interop.state_dicts import load_state_dict as load_state_dict
from rnnbp.interop.state_dicts import state_dict as state_dict
from rnnbp.interop.to_torch_modules import to_torch as to_torch
from rnnbp.interop.torch_states import state_from_torch as state_from_torch
from rnnbp.interop.torch_states import state_to_torch as state_to_torch
from rnnbp.interop.weight_layouts import gate_orders as gate_orders
