"""Keras baseline, with the PyTorch backend: other backends compute gradients by another interface."""

from typing import Any

from rnnbp.benchmark.workloads import Library, Passes, Sequences

LAYERS = {"rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}


class Keras(Library):
    """Keras with the PyTorch backend (optional; KERAS_BACKEND=torch)."""

    name = "keras"
    limited = True

    def __init__(self) -> None:
        import keras

        if keras.backend.backend() != "torch":
            raise ImportError(f"Keras is benchmarked with KERAS_BACKEND=torch, not {keras.backend.backend()}")
        import torch

        self.keras, self.torch = keras, torch

    def use_threads(self, threads: int) -> None:
        self.torch.set_num_threads(threads)

    def sequences(self, work: Sequences) -> Passes:
        if work.cell not in LAYERS:
            return {}
        torch, layer = self.torch, getattr(self.keras.layers, LAYERS[work.cell])(work.hidden, return_sequences=True)
        x, dy = torch.randn(work.batch, work.steps, work.inputs), torch.randn(work.batch, work.steps, work.hidden)

        def forward() -> Any:
            with torch.no_grad():
                return layer(x)

        def training() -> None:
            layer.zero_grad(set_to_none=True)
            layer(x, training=True).backward(dy)

        return {"forward": forward, "training": training}
