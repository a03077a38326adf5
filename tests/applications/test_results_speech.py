"""README's results for spoken digits, where there are the recordings; one seed each, some minutes of training."""

import os
from pathlib import Path

import numpy as np
import pytest

import rnnbp
from rnnbp import comparison
from rnnbp.datasets import load

REAL = Path(os.environ.get("RNNBP_TEST_DATA", "no folder")) / "fsdd"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not REAL.is_dir(), reason="RNNBP_TEST_DATA names no folder that has fsdd"),
]


def trained(name, dataset, epochs, batch_size, parameters=None, **options):
    train, test = load(dataset, path=REAL, **options)
    trainer = rnnbp.Trainer(
        comparison.model_factory(name, train, parameters)(0),
        comparison.loss_for(train),
        rnnbp.BPTT(),
        comparison.baselines_for(train)[name].optimizer(),
        seed=0,
        schedule=rnnbp.Cosine(epochs),
    )
    trainer.fit(train, epochs=epochs, batch_size=batch_size, progress=False)
    return trainer, test


def test_single_digits_of_known_speakers():
    trainer, test = trained("bigru", "spoken-digits", 25, 16, 190_000)
    assert trainer.evaluate(test)["accuracy"] >= 0.985


def test_strings_of_known_speakers_and_the_times_of_their_digits():
    from rnnbp.applications.spoken_digits import Transcriber
    from rnnbp.datasets import feature_of

    trainer, test = trained("bigru", "connected-digits", 20, 8)
    assert trainer.evaluate(test)["token_error_rate"] <= 0.02
    transcriber = Transcriber(trainer.model, feature_of("connected-digits"), test.classes)
    errors = []
    for place in range(40):
        y, spans = test.draw.sound(place)
        found = transcriber(y, 8000)
        if found["label"].tolist() == [test.classes[k] for k in test.targets[place]]:
            errors += [found["start"] - spans[:, 0], found["end"] - spans[:, 1]]
    assert len(errors) > 60
    assert np.quantile(np.abs(np.concatenate(errors)), 0.9) < 0.15


@pytest.mark.parametrize("speaker", ["jackson", "nicolas"])
def test_accuracy_on_a_held_out_speaker(speaker):
    trainer, test = trained("bigru", "spoken-digits", 25, 16, 190_000, split="speaker", speaker=speaker)
    assert trainer.evaluate(test)["accuracy"] > 0.65
