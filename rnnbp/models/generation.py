"""Tokens that a model writes: each is sampled from its outputs, and is its next input."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnbp.data import CharTokenizer
from rnnbp.decoding.sampling import check_sampling, sampled
from rnnbp.layers import Embedding
from rnnbp.layers.base import Array
from rnnbp.losses import CrossEntropy, Loss
from rnnbp.models.inference import Inference
from rnnbp.models.prompts import run_prompts
from rnnbp.runtime import positive_int, seed_or_generator

Tokens = Array | Sequence[int]
Start = str | Tokens | Sequence[str] | Sequence[Tokens]
Stop = str | int | Sequence[str | int] | None


def generate(
    model: Inference,
    start: Start,
    steps: int,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    rng: int | np.random.Generator,
    stop: Stop,
    tokenizer: CharTokenizer | None,
) -> Any:
    """Continue sequences of tokens or texts; see `rnnbp.Sequential.generate`."""
    positive_int("steps", steps)
    check_sampling(temperature, top_k, top_p)
    seed_or_generator("rng", rng)
    rng = np.random.default_rng(rng)
    prompts, several = as_prompts(start, tokenizer)
    logits, state = run_prompts(model, prompts)
    ends = stops(stop, tokenizer, logits.shape[1])
    written, lengths = np.empty((len(prompts), steps), np.int64), np.full(len(prompts), steps)
    for t in range(steps):
        written[:, t] = sampled(logits, rng, temperature, top_k, top_p)
        mark_ends(written[:, : t + 1], ends, lengths)
        if t + 1 == steps or (ends and (lengths <= t).all()):
            break
        logits, state = model.step(written[:, t], state)
    found: list[Any] = [row[:n] for row, n in zip(written, lengths.tolist(), strict=True)]
    if isinstance(start[0] if several else start, str):
        assert tokenizer is not None, "as_prompts refuses text without one"
        found = [tokenizer.decode(row) for row in found]
    return found if several else found[0]


def check_writes(model: Inference, loss: Loss | None) -> None:
    """Raise unless the outputs of a model are logits of the tokens that it takes.

    Raises
    ------
    ValueError
        If its inputs are no tokens, its outputs are not as many as there are tokens, or its loss reads them otherwise.

    Examples
    --------
    >>> import rnnbp
    >>> check_writes(rnnbp.Sequential(rnnbp.Embedding(5, 3), rnnbp.GRU(3, 4), rnnbp.Dense(4, 3)), None)
    Traceback (most recent call last):
    ValueError: generate takes a model with an output for each of its 5 tokens, got 3 outputs
    """
    first = model.layers[0]
    if not isinstance(first, Embedding):
        raise ValueError(
            f"generate takes a model of tokens, whose first layer is an Embedding, got {type(first).__name__}: "
            "forecast(history, steps) continues sequences of values"
        )
    if model.out_shape[-1] != first.tokens:
        got = model.out_shape[-1]
        raise ValueError(
            f"generate takes a model with an output for each of its {first.tokens} tokens, got {got} outputs"
        )
    if loss is not None and not isinstance(loss, CrossEntropy):
        raise ValueError(f"generate takes a model trained by CrossEntropy, whose outputs are logits, got {loss!r}")


def as_prompts(start: Any, tokenizer: CharTokenizer | None) -> tuple[list[Array], bool]:
    """Return the tokens of what is to be continued, and whether it is several sequences.

    Raises
    ------
    ValueError
        If it is neither tokens nor text, is empty, or is text and there is no tokenizer.

    Examples
    --------
    >>> as_prompts(["ab", "b"], CharTokenizer("ab"))
    ([array([0, 1]), array([1])], True)
    >>> as_prompts([1, 0], None)
    ([array([1, 0])], False)
    """
    several = isinstance(start, list | tuple) and len(start) > 0 and not isinstance(start[0], int | np.integer)
    given, prompts = start if several else [start], []
    for i, one in enumerate(given):
        name = f"start[{i}]" if several else "start"
        if isinstance(one, str) != isinstance(given[0], str):
            raise ValueError(f"start must be texts or tokens, not both: {name} is {type(one).__name__}")
        if isinstance(one, str) and tokenizer is None:
            raise ValueError(
                f"{name} is text, and the model has no tokenizer: train it on SequenceDataset.from_text(text, ...), or "
                "set model.tokenizer = rnnbp.data.CharTokenizer.fit(text)"
            )
        tokens = tokenizer.encode(one) if isinstance(one, str) and tokenizer is not None else np.asarray(one)
        if tokens.ndim != 1 or tokens.dtype.kind not in "iu" or not len(tokens):
            got = f"{tokens.dtype} of shape {tokens.shape}"
            raise ValueError(f"{name} must be text or integer tokens (T,), at least one, got {got}")
        prompts.append(tokens)
    return prompts, several


def stops(stop: Stop, tokenizer: CharTokenizer | None, tokens: int) -> list[Array]:
    """Return the tokens, one or several in a row, before which a sequence ends: the longest first.

    Raises
    ------
    ValueError
        If one is neither text nor a token, is empty, is never written, or is text and there is no tokenizer.

    Examples
    --------
    >>> stops([0, "ba"], CharTokenizer("ab"), tokens=2)
    [array([1, 0]), array([0])]
    """
    found = []
    for one in [] if stop is None else [stop] if isinstance(stop, str | int | np.integer) else stop:
        if isinstance(one, str) and one and tokenizer is not None:
            strange = [c for c in one if c not in tokenizer.characters]
            if strange:
                raise ValueError(f"stop={one!r} is never written: {strange[0]!r} is not in the vocabulary")
            found.append(tokenizer.encode(one))
        elif isinstance(one, int | np.integer) and not 0 <= one < tokens:
            raise ValueError(f"stop must be tokens from 0 to {tokens - 1}, got {one}")
        elif isinstance(one, int | np.integer) and not isinstance(one, bool):
            found.append(np.array([one]))
        else:
            raise ValueError(f"stop must be tokens, or text for a model with a tokenizer, got {one!r}")
    return sorted(found, key=len, reverse=True)


def mark_ends(written: Array, ends: Sequence[Array], lengths: Array) -> None:
    """Set the lengths of sequences (B, n) that end with their last token: to the number of tokens before the end.

    Examples
    --------
    >>> lengths = np.array([9, 9])
    >>> mark_ends(np.array([[1, 2, 3], [1, 1, 3]]), [np.array([2, 3])], lengths)
    >>> lengths
    array([1, 9])
    """
    n = written.shape[1]
    for end in ends:
        if len(end) <= n:
            ended = (written[:, n - len(end) :] == end).all(axis=1) & (lengths >= n)
            lengths[ended] = n - len(end)
