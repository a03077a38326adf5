"""The score of an epoch is that of all its outputs together, and of classes takes no memory for them."""

import numpy as np
import pytest

import rnnbp


class Recall(rnnbp.CrossEntropy):
    """Cross entropy with a score of its own."""

    def score(self, outputs, targets, lengths=None, weights=None):
        labels = self.predict(outputs)
        return float((labels[targets == 1] == 1).mean())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", [rnnbp.CrossEntropy(ignore=2), rnnbp.BinaryCrossEntropy(), Recall()])
def test_the_score_of_batches_is_that_of_all_of_them_together(rng, loss, weighted):
    parts, batches = [], []
    for T in (3, 5, 1):
        outputs, due = rng.normal(size=(T, 4, 3)), rng.random((T, 4)) < 0.8
        due[0] = True
        binary = isinstance(loss, rnnbp.BinaryCrossEntropy)
        targets = rng.integers(0, 2, (T, 4, 3)).astype(float) if binary else rng.integers(-1, 3, (T, 4))
        if binary:
            targets[rng.random(targets.shape) < 0.2] = np.nan
            targets[0, 0, 0] = 0.5  # which counts as 0
        weights = rng.random(4) if weighted else None
        batches.append(loss.evidence(outputs, targets, due, weights))
        spread = np.broadcast_to(np.ones(4) if weights is None else weights, due.shape)[due]
        parts.append((outputs[due], targets[due], spread))
    outputs, targets, weights = map(np.concatenate, zip(*parts))
    expected = loss.score(outputs, targets, weights=weights if weighted else None)
    assert loss.pooled_score(batches) == pytest.approx(expected, rel=1e-14)
    assert 0 < expected < 1


def test_what_a_batch_leaves_for_the_accuracy_does_not_grow_with_its_steps(rng):
    loss = rnnbp.CrossEntropy()
    found = loss.evidence(rng.normal(size=(1000, 4, 3)), np.zeros((1000, 4), int), np.ones((1000, 4), bool))
    assert sum(part.nbytes for part in found) == 16
    assert np.isnan(loss.pooled_score([loss.evidence(np.ones((1, 3)), np.array([-1]), np.ones(1, bool))]))
