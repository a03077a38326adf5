from rnnbp.interop.weight_layouts import gate_orders as gate_orders
