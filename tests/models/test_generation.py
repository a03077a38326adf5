"""Models that write: `generate` is a loop over `step` with sampling."""

from pathlib import Path

import numpy as np
import pytest

import rnnbp
from rnnbp.data import CharTokenizer
from rnnbp.decoding import sample_tokens

MODELS = {
    "GRU": lambda: rnnbp.Sequential(rnnbp.Embedding(6, 4), rnnbp.GRU(4, 8), rnnbp.Dense(8, 6), seed=3),
    "two LSTM layers": lambda: rnnbp.Sequential(
        rnnbp.Embedding(6, 4), rnnbp.LSTM(4, 8, num_layers=2), rnnbp.Dense(8, 6), seed=3
    ),
    "last state": lambda: rnnbp.Sequential(rnnbp.Embedding(6, 4), rnnbp.GRU(4, 8), rnnbp.Last(), rnnbp.Dense(8, 6)),
}


def by_steps(
    model: rnnbp.Sequential, prompts: np.ndarray, steps: int, rng: np.random.Generator, **options
) -> np.ndarray:
    """The loop that `generate` stands for, over prompts (B, T) of one length."""
    state = model.start(len(prompts))
    for t in range(prompts.shape[1]):
        y, state = model.step(prompts[:, t], state)
    written = []
    for _ in range(steps):
        written.append(sample_tokens(y, rng, **options))
        y, state = model.step(written[-1], state)
    return np.stack(written, axis=1)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    "options", [{}, {"temperature": 0}, {"temperature": 0.5}, {"top_k": 2}, {"top_p": 0.6}, {"top_k": 3, "top_p": 0.7}]
)
def test_writing_is_a_loop_over_step(name: str, options: dict) -> None:
    model = MODELS[name]()
    prompts = np.array([[1, 2, 3], [5, 0, 0]])
    found = model.generate(list(prompts), 12, rng=7, **options)
    np.testing.assert_array_equal(np.stack(found), by_steps(model, prompts, 12, np.random.default_rng(7), **options))


def test_prompts_of_unequal_lengths_are_continued_each_from_its_own_end() -> None:
    model = MODELS["GRU"]()
    prompts = [[1, 2], [3], [4, 5, 0, 1]]
    for prompt, found in zip(prompts, model.generate(prompts, 8, temperature=0), strict=True):
        np.testing.assert_array_equal(found, model.generate(prompt, 8, temperature=0))


def test_the_same_seed_writes_the_same_and_a_generator_goes_on() -> None:
    model = MODELS["GRU"]()
    np.testing.assert_array_equal(model.generate([1], 30), model.generate([1], 30))
    rng = np.random.default_rng(0)
    first, second = (model.generate([1], 30, rng=rng) for _ in range(2))
    assert (first != second).any()


def test_a_sequence_ends_before_what_stops_it() -> None:
    model = MODELS["GRU"]()
    model.tokenizer = CharTokenizer("abcdef")
    whole = model.generate(["a", "fa"], 40, rng=1)
    for stop in ("c", "ef", ["d", "ef"], 2):
        found = model.generate(["a", "fa"], 40, rng=1, stop=stop)
        ends = stop if isinstance(stop, list) else [stop if isinstance(stop, str) else "abcdef"[stop]]
        for text, cut in zip(whole, found, strict=True):
            assert cut == text[: min(text.find(end) % 41 for end in ends)]
    assert all("c" in text for text in whole), "the test stops something"


def test_sampled_frequencies_are_the_probabilities() -> None:
    logits = np.log([[0.5, 0.3, 0.15, 0.05]])
    rng = np.random.default_rng(0)

    def frequencies(**options: object) -> np.ndarray:
        return np.bincount(sample_tokens(np.repeat(logits, 40000, axis=0), rng, **options), minlength=4) / 40000

    np.testing.assert_allclose(frequencies(), [0.5, 0.3, 0.15, 0.05], atol=0.01)
    np.testing.assert_allclose(frequencies(top_k=2), [0.625, 0.375, 0, 0], atol=0.01)
    np.testing.assert_allclose(frequencies(top_p=0.9), np.array([50, 30, 15, 0]) / 95, atol=0.01)
    np.testing.assert_allclose(frequencies(top_p=0.5), [1, 0, 0, 0])
    squared = np.array([0.5, 0.3, 0.15, 0.05]) ** 2
    np.testing.assert_allclose(frequencies(temperature=0.5), squared / squared.sum(), atol=0.01)
    np.testing.assert_array_equal(sample_tokens(np.zeros((3, 4)), rng, temperature=0), 0)
    assert np.isin(sample_tokens(np.full((50, 4), 1e5) * [1, 0, -1, 1], rng), [0, 3]).all()


def test_a_saved_model_writes_the_same_text(tmp_path: Path) -> None:
    data = rnnbp.SequenceDataset.from_text("hello world, hello moon. " * 8, 4, 10)
    K = len(data.tokenizer)
    model = rnnbp.Sequential(rnnbp.Embedding(K, 6), rnnbp.GRU(6, 16), rnnbp.Dense(16, K))
    trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy(), optimizer=rnnbp.Adam(0.03), stateful=True)
    trainer.fit(data, epochs=12, batch_size=4, progress=False)
    text = model.generate("hello w", 12, temperature=0)
    assert text.startswith("orld, hello")
    model.save(tmp_path / "writer.npz")
    loaded = rnnbp.load(tmp_path / "writer.npz")
    assert loaded.tokenizer == data.tokenizer
    assert loaded.classes == data.tokenizer.characters
    assert loaded.generate("hello w", 12, temperature=0) == text
    assert trainer.evaluate(data)["accuracy"] > 0.8


def test_feature_names_are_saved_with_the_model(tmp_path: Path) -> None:
    data = rnnbp.SequenceDataset([np.ones((3, 2))], [0], feature_names=["load", "sun"])
    model = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last(), rnnbp.Dense(3, 2))
    rnnbp.Trainer(model, rnnbp.CrossEntropy()).fit(data, epochs=1, progress=False)
    model.save(tmp_path / "m.npz")
    assert rnnbp.load(tmp_path / "m.npz").feature_names == ("load", "sun")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": "ab"}, "start is text, and the model has no tokenizer: train it on SequenceDataset.from_text"),
        ({"start": []}, r"start must be text or integer tokens \(T,\), at least one"),
        ({"start": [[1], []]}, r"start\[1\] must be text or integer tokens"),
        ({"start": [0.5]}, "start.* must be text or integer tokens"),
        ({"start": [[1], "a"]}, "start must be texts or tokens, not both"),
        ({"start": [9]}, "tokens must be between 0 and 5, got 9"),
        ({"steps": 0}, "steps must be a positive integer, got 0"),
        ({"temperature": -1}, "temperature must be a number of 0 or more, got -1"),
        ({"top_k": 0}, "top_k must be a positive integer, got 0"),
        ({"top_p": 0}, "top_p must be a number above 0 and at most 1, got 0"),
        ({"rng": -1}, "rng must be an integer of 0 or more, got -1"),
        ({"stop": "a"}, "stop must be tokens, or text for a model with a tokenizer, got 'a'"),
        ({"stop": [1.5]}, "stop must be tokens"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MODELS["GRU"]().generate(**{"start": [1], "steps": 3} | arguments)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (rnnbp.Sequential(rnnbp.GRU(3, 3)), "takes a model of tokens, whose first layer is an Embedding, got GRU"),
        (rnnbp.Sequential(rnnbp.Embedding(3, 3), rnnbp.GRU(3, 4)), "an output for each of its 3 tokens, got 4 outputs"),
        (rnnbp.Sequential(rnnbp.Embedding(6, 3), rnnbp.GRU(3, 3, bidirectional=True)), "is non-causal"),
    ],
)
def test_a_model_that_does_not_write_is_refused(model: rnnbp.Sequential, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model.generate([1], 3)


def test_a_diverged_model_is_refused() -> None:
    model = MODELS["GRU"]()
    model.params["2.b"] = np.nan
    with pytest.raises(ValueError, match="logits must be finite"):
        model.generate([1], 3)


def test_no_temperature_and_no_difference_of_logits_is_too_extreme_to_sample() -> None:
    for logits, temperature in (([[1.0, 2.0]], 1e-320), ([[-1e308, 1e308]], 1.0)):
        assert sample_tokens(np.array(logits), np.random.default_rng(0), temperature).tolist() == [1]


def test_logits_of_another_shape_are_refused() -> None:
    for shape in ((3,), (2, 0), (2, 3, 4)):
        with pytest.raises(ValueError, match=r"logits must have shape \(B, K\)"):
            sample_tokens(np.zeros(shape), np.random.default_rng(0))


@pytest.mark.parametrize("unknown", ["", "c"])
def test_what_is_never_written_stops_nothing_and_is_refused(unknown: str) -> None:
    model = MODELS["GRU"]()
    model.tokenizer = CharTokenizer("abcdef", unknown)
    with pytest.raises(ValueError, match="stop='xa' is never written: 'x' is not in the vocabulary"):
        model.generate("ab", 5, stop=["b", "xa"])
    for token in (6, -1):
        with pytest.raises(ValueError, match=f"stop must be tokens from 0 to 5, got {token}"):
            model.generate("ab", 5, stop=token)
