"""ONNX: models as graphs of operators, written and read.

`exporting` writes a model layer by layer (`export_layers`, `export_recurrent`, and `scan` for cells that no operator
has), `builder` collects the nodes. `importing` follows a graph from its input to its output by one rule an operator
(`rules`, `axis_rules`, `size_rules`, `import_recurrent`), each of which takes `values` and makes layers.
"""
