"""Keras over PyTorch; over another backend it is left out, as its gradients are then taken by that backend's means."""

from typing import Any

from rnnbp.benchmark.workloads import Epoch, Passes, Sequences, Static

LAYERS = {"rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}


class Keras:
    """Keras with the backend 'torch', which must be installed (KERAS_BACKEND=torch)."""

    name = "keras"
    limited = True

    def __init__(self) -> None:
        import keras

        if keras.backend.backend() != "torch":
            raise ImportError(f"Keras takes part with KERAS_BACKEND=torch, not {keras.backend.backend()}")
        import torch

        self.keras, self.torch = keras, torch

    def use_threads(self, threads: int) -> None:
        """PyTorch's."""
        self.torch.set_num_threads(threads)

    def sequences(self, work: Sequences) -> Passes:
        """keras.layers.SimpleRNN, LSTM or GRU."""
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

    def static(self, work: Static) -> Passes:
        """Left out: it would be PyTorch's."""
        return {}

    def epoch(self, work: Epoch) -> Passes:
        """Left out."""
        return {}
