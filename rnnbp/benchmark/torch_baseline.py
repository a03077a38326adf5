"""PyTorch baseline, in its fastest form.

Inputs are contiguous, gradients are those of the weights only, and sequences of different lengths are packed.
"""

from itertools import pairwise
from typing import Any

import numpy as np

from rnnbp import datasets
from rnnbp.benchmark.workloads import Epoch, Library, Passes, Sequences, Static

LAYERS = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}


class Torch(Library):
    """PyTorch (optional)."""

    name = "torch"
    limited = True

    def __init__(self) -> None:
        import torch

        self.torch = torch
        torch.manual_seed(0)

    def use_threads(self, threads: int) -> None:
        self.torch.set_num_threads(threads)

    def sequences(self, work: Sequences) -> Passes:
        if work.cell not in LAYERS:
            return {}
        torch = self.torch
        layer = getattr(torch.nn, LAYERS[work.cell])(work.inputs, work.hidden)
        x, dy = torch.randn(work.steps, work.batch, work.inputs), torch.randn(work.steps, work.batch, work.hidden)
        return self._passes(layer, lambda: layer(x)[0], lambda y: y.backward(dy))

    def static(self, work: Static) -> Passes:
        torch, widths = self.torch, work.widths
        modules = [module for a, b in pairwise(widths) for module in (torch.nn.Linear(a, b), torch.nn.ReLU())]
        layers, loss = torch.nn.Sequential(*modules[:-1]), torch.nn.CrossEntropyLoss()
        x, labels = torch.randn(work.batch, widths[0]), torch.randint(widths[-1], (work.batch,))
        return self._passes(layers, lambda: layers(x), lambda y: loss(y, labels).backward())

    def _passes(self, layer: Any, run: Any, backward: Any) -> Passes:
        def forward() -> Any:
            with self.torch.no_grad():
                return run()

        def training() -> None:
            layer.zero_grad(set_to_none=True)
            backward(run())

        return {"forward": forward, "training": training}

    def epoch(self, work: Epoch) -> Passes:
        torch, rnn = self.torch, self.torch.nn.utils.rnn
        train, _ = datasets.load_japanese_vowels()
        sequences = [torch.from_numpy(np.asarray(s, np.float32)) for s in train.sequences]
        labels = torch.from_numpy(np.asarray(train.targets))
        lstm, dense = torch.nn.LSTM(12, work.hidden), torch.nn.Linear(work.hidden, 9)
        optimizer = torch.optim.Adam([*lstm.parameters(), *dense.parameters()], 0.001)
        loss = torch.nn.CrossEntropyLoss()

        def epoch() -> float:
            order, total = torch.randperm(len(sequences)).tolist(), 0.0
            for first in range(0, len(order), work.batch):
                chosen = sorted(order[first : first + work.batch], key=lambda i: -len(sequences[i]))
                _, (h, _) = lstm(rnn.pack_sequence([sequences[i] for i in chosen]))
                optimizer.zero_grad()
                value = loss(dense(h[0]), labels[chosen])
                value.backward()
                optimizer.step()
                total += value.item()
            return total

        return {"epoch": epoch}
