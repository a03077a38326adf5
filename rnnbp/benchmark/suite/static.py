"""Static training: epochs of a small multi-layer perceptron, on the optical digits."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np

from rnnbp.benchmark.suite.base import Contest
from rnnbp.data import SequenceDataset
from rnnbp.datasets import load_digits
from rnnbp.gradients import Backprop
from rnnbp.layers import Dense, Flatten
from rnnbp.losses import CrossEntropy
from rnnbp.models import Sequential
from rnnbp.optimizers import Adam
from rnnbp.training import Trainer

EPOCHS, BATCH_SIZE, HIDDEN, RATE = 10, 32, 100, 0.001
LEAST_ACCURACY = 0.9  # on the training set, after these epochs
Array = np.ndarray


def contests() -> Iterator[Contest]:
    """Yield the contest of the digits, after a check that all networks learn them."""
    train, _ = load_digits()
    x, labels = np.concatenate(list(train.sequences)), np.asarray(train.targets)
    learners: dict[str, Callable[[], Callable[[Array], Array]]] = {"rnnbp": lambda: _rnnbp(train)}
    if find_spec("sklearn"):
        learners["scikit-learn"] = lambda: _sklearn(x, labels)
    if find_spec("torch"):
        learners["PyTorch"] = lambda: _torch(x, labels)
    for name, learn in learners.items():
        accuracy = float((learn()(x) == labels).mean())
        if accuracy < LEAST_ACCURACY:
            raise ValueError(f"digits: {name} learns {accuracy:.1%} of the training set, not {LEAST_ACCURACY:.0%}")
    yield Contest(f"digits, MLP 64-{HIDDEN}-10, batches of {BATCH_SIZE}, an epoch", learners, per=EPOCHS)


def _rnnbp(train: SequenceDataset) -> Callable[[Array], Array]:
    """Train this package's network from new weights and return its prediction."""
    hidden = Dense(64, HIDDEN, activation="relu")
    model = Sequential(Flatten(1), hidden, Dense(HIDDEN, 10), seed=0)
    trainer = Trainer(model, CrossEntropy(), Backprop(), Adam(RATE), seed=0)
    trainer.fit(train, epochs=EPOCHS, batch_size=BATCH_SIZE, progress=False)
    return lambda x: model.forward(x[None]).argmax(axis=1)


def _sklearn(x: Array, labels: Array) -> Callable[[Array], Array]:
    """Train scikit-learn's network, without its penalty and its test of convergence."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    network = MLPClassifier(
        (HIDDEN,),
        batch_size=BATCH_SIZE,
        learning_rate_init=RATE,
        max_iter=EPOCHS,
        alpha=0,
        tol=0,
        n_iter_no_change=10**6,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it ends after the last epoch, as all do here
        network.fit(x, labels)
    return network.predict


def _torch(x: Array, labels: Array) -> Callable[[Array], Array]:
    """Train the network in PyTorch by the usual loop."""
    import torch

    torch.manual_seed(0)
    inputs, targets = torch.from_numpy(x), torch.from_numpy(labels)
    network = torch.nn.Sequential(torch.nn.Linear(64, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, 10))
    optimizer, loss = torch.optim.Adam(network.parameters(), RATE), torch.nn.CrossEntropyLoss()
    for _ in range(EPOCHS):
        order = torch.randperm(len(inputs))
        for i in range(0, len(order), BATCH_SIZE):
            places = order[i : i + BATCH_SIZE]
            optimizer.zero_grad()
            loss(network(inputs[places]), targets[places]).backward()
            optimizer.step()

    def predict(x: Array) -> Any:
        with torch.no_grad():
            return network(torch.from_numpy(x)).argmax(dim=1).numpy()

    return predict
