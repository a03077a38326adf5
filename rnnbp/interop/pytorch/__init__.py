"""PyTorch: models, states and weights, by its names.

`parameter_names` is the table of names and `state_dicts` translates by it, without PyTorch. `from_modules` and
`from_layers` make layers of modules, `to_modules` modules of layers, of which `torch_layers` and `torch_modules` define
those that PyTorch does not have; `states` has the states of both.
"""
