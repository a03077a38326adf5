"""Models and weights to and from PyTorch, Keras, ONNX and safetensors."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
