"""Keras 3: layers of its layers (`from_models`, `from_layers`), its layers of them (`to_models`), weights (`cells`)."""
