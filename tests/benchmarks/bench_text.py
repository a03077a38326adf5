"""A network that learns to write Shakespeare, letter by letter, beside the same loop in PyTorch.

    python tests/benchmarks/bench_text.py [--hidden 256] [--epochs 2] [--threads 1]

Both start from the same weights and take the same steps over the same stream (an embedding, an LSTM, one output a
character; truncated backpropagation through time with the state carried on; Adam), so that their bits per character on
the last tenth of the text, which neither has seen, agree but for rounding. Their updates are timed in turns; then the
latency of one step of one sequence, of which writing consists.
"""

import argparse
import time
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import torch

import rnnbp
from rnnbp.benchmark.measure import TimedCall, best_times
from rnnbp.data.batch import stream_batches

EMBEDDED, ROWS, STEPS, RATE = 64, 32, 64, 0.002
WRITTEN, TURN = 200, 50  # characters; batches
Array = np.ndarray


def texts() -> tuple[Array, Array, int]:
    """Return the tokens for training and for the test, and the number of kinds."""
    parts = rnnbp.datasets.load_shakespeare()
    letters = sorted(set("".join(parts)))
    train, test = (np.searchsorted(letters, list(text)) for text in parts)
    return train, test, len(letters)


def batches(tokens: Array) -> Iterator[rnnbp.SequenceBatch]:
    """Iterate over a stream of tokens, each with the next one as its target, in batches that continue one another."""
    return stream_batches(tokens[:-1], tokens[1:], ROWS, STEPS)


class Ours:
    """An embedding, an LSTM and a dense layer of this package, trained step by step."""

    def __init__(self, kinds: int, hidden: int) -> None:
        self.model = rnnbp.Sequential(
            rnnbp.Embedding(kinds, EMBEDDED), rnnbp.LSTM(EMBEDDED, hidden), rnnbp.Dense(hidden, kinds), seed=0
        )
        self.loss, self.gradient, self.optimizer = rnnbp.CrossEntropy(), rnnbp.BPTT(), rnnbp.Adam(RATE)
        self.state = None

    def update(self, batch: rnnbp.SequenceBatch) -> float:
        (g,) = self.gradient.gradients(self.model, batch, self.loss, self.state)
        self.optimizer.step(self.model.params, g.vector)
        self.state = g.state
        return g.loss

    def bits(self, tokens: Array) -> float:
        """Return the bits per character of a text."""
        state, sums, count = None, 0.0, 0
        for batch in batches(tokens):
            outputs, state = self.model.forward_from(batch, state)
            sums += self.loss(outputs, batch.targets)[0] * batch.targets.size
            count += batch.targets.size
        return sums / count / np.log(2)

    def writer(self) -> Callable[[], None]:
        """Return a function that takes one step of one sequence."""
        state, token = self.model.start(), np.array([7])

        def step() -> None:
            nonlocal state
            _, state = self.model.step(token, state)

        return step


class Torch:
    """The same in PyTorch, from the same weights."""

    def __init__(self, ours: Ours) -> None:
        embedding, lstm, _ = ours.model.layers
        self.embed = torch.nn.Embedding(embedding.tokens, EMBEDDED)
        self.lstm = torch.nn.LSTM(EMBEDDED, lstm.hidden_size)
        self.dense = torch.nn.Linear(lstm.hidden_size, embedding.tokens)
        own = [self.embed.weight, *self.lstm.parameters(), self.dense.weight, self.dense.bias]
        for theirs, (_, values) in zip(own, ours.model.params.items(), strict=True):
            theirs.data.copy_(torch.from_numpy(values))
        self.optimizer = torch.optim.Adam(own, RATE)
        self.state = None

    def outputs(self, x: Array) -> torch.Tensor:
        y, (h, c) = self.lstm(self.embed(torch.from_numpy(x)), self.state)
        self.state = h.detach(), c.detach()
        return self.dense(y)

    def loss(self, batch: rnnbp.SequenceBatch) -> torch.Tensor:
        outputs = self.outputs(batch.x).flatten(0, 1)
        return torch.nn.functional.cross_entropy(outputs, torch.from_numpy(batch.targets).flatten())

    def update(self, batch: rnnbp.SequenceBatch) -> float:
        loss = self.loss(batch)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def bits(self, tokens: Array) -> float:
        """Return the bits per character of a text."""
        self.state, sums, count = None, 0.0, 0
        for batch in batches(tokens):
            sums += self.loss(batch).item() * batch.targets.size
            count += batch.targets.size
        return sums / count / np.log(2)

    def writer(self) -> Callable[[], None]:
        """Return a function that takes one step of one sequence."""
        self.state, token = None, np.array([[7]])

        def step() -> None:
            with torch.no_grad():
                self.outputs(token)

        return step


def train(learners: dict[str, Ours | Torch], tokens: Array, epochs: int) -> dict[str, float]:
    """Train all in turns of `TURN` batches, and return the seconds of each.

    The threads of one library spin for some time after its last call: turns are long, so that this does not slow the
    next.
    """
    seconds = dict.fromkeys(learners, 0.0)
    stream = list(batches(tokens))
    for _ in range(epochs):
        for learner in learners.values():
            learner.state = None
        for first in range(0, len(stream), TURN):
            for name, learner in learners.items():
                time.sleep(0.3)
                start = time.perf_counter()
                for batch in stream[first : first + TURN]:
                    learner.update(batch)
                seconds[name] += time.perf_counter() - start
    return seconds


def main() -> None:
    """Print bits per character, seconds of training and microseconds of a step."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("hidden", 256), ("epochs", 2), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    rnnbp.set_num_threads(options.threads)
    torch.set_num_threads(options.threads)
    tokens, test, kinds = texts()
    ours = Ours(kinds, options.hidden)
    learners: dict[str, Ours | Torch] = {"rnnbp": ours, "PyTorch": Torch(ours)}
    train(learners, tokens[: 3 * ROWS * STEPS + 1], 1)  # compiles
    seconds = train(learners, tokens, options.epochs)
    bits = {name: learner.bits(test) for name, learner in learners.items()}
    calls = [TimedCall(learner.writer(), options.threads) for learner in learners.values()]
    calls.append(TimedCall(lambda: ours.model.generate([7], WRITTEN), options.threads))
    *steps, written = best_times(calls, lambda threads: None, 3.0)
    table = pd.DataFrame({"bits per character": bits, "seconds": seconds})
    table["us a step"] = [1e6 * best for best in steps]
    print(table.round(3).to_string())
    print(f"a character that `generate` writes takes {1e6 * written / WRITTEN:.0f} us")
    print(f"PyTorch takes {seconds['PyTorch'] / seconds['rnnbp']:.2f} times as long to train")


if __name__ == "__main__":
    main()
