"""Training on a model's own outputs: scheduled sampling, between teacher forcing and free running."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from rnnbp.core import Parameters
from rnnbp.data import SequenceBatch, part_of, whole_generator
from rnnbp.gradients.base import (
    Cost,
    Gradient,
    GradientAlgorithm,
    check_targets,
    repeated_steps,
    require_causal,
    require_no_resets,
    residual_bytes,
    whole_loss,
)
from rnnbp.gradients.sampling_schedules import SamplingSchedule
from rnnbp.gradients.seeding import generator_of
from rnnbp.layers import Embedding, Run
from rnnbp.layers.base import Array, Residuals, State
from rnnbp.losses import Loss
from rnnbp.models import Sequential
from rnnbp.runtime import flag, natural_int, number, seed_or_generator


@dataclass(frozen=True)
class ScheduledSampling(GradientAlgorithm):
    """Compute the gradient of the mean loss of a model that is fed some of its own outputs, by full BPTT.

    For models of the next step, as ``data.shifted()`` trains them. At every step but the first of a batch, and of each
    sequence on its own, the input is with `probability` the model's output at the step before, else that of the data:
    0 is teacher forcing, 1 free running. A `rnnbp.Trainer` follows a schedule from batch to batch.

    The output that is fed back is what the loss predicts, a value; or where the loss has a distribution, a sample: the
    next token of `rnnbp.CrossEntropy`, a value of `rnnbp.MixtureDensity`. A value that is the output itself, as of
    `rnnbp.MeanSquaredError`, is a function of the parameters, and the gradient flows through it: it is the exact
    gradient of the loss that is computed. A sample is not differentiable, and the gradient stops there, as in the
    paper: it is that of the loss at fixed inputs.

    Parameters
    ----------
    probability : float or callable, default 1
        Of a fed-back output; or a function of the epochs since the beginning of the training: `LinearSampling`,
        `ExponentialSampling`, `InverseSigmoidSampling`. Outside of a Trainer its value at 0 is taken.
    through : bool, default True
        Whether the gradient flows through values that are fed back.
    warm_up : int, default 0
        Number of steps at the beginning of each sequence at which the input is always that of the data.
    seed : int or numpy.random.Generator, default 0
        Seed of what is fed back where, and of samples. With the generator of a Trainer each batch has its own.

    Raises
    ------
    ValueError
        If an argument is out of range; when used, if the model has a non-causal layer or no output for every step, or
        its outputs are not inputs: as many tokens, or values of the first features.

    Notes
    -----
    After a reset the input is that of the data. Steps between two at which a sequence is fed back are run together.

    References
    ----------
    S. Bengio, O. Vinyals, N. Jaitly & N. Shazeer (2015), "Scheduled sampling for sequence prediction with recurrent
    neural networks", NeurIPS 28, arXiv:1506.03099. R. J. Williams & D. Zipser (1989), Neural Computation 1(2), 270-280:
    teacher forcing, doi:10.1162/neco.1989.1.2.270

    Examples
    --------
    >>> import rnnbp
    >>> data = rnnbp.SequenceDataset([np.sin(np.arange(60) / 4)[:, None]]).shifted()
    >>> model = rnnbp.Sequential(rnnbp.GRU(1, 8), rnnbp.Dense(8, 1))
    >>> gradient = ScheduledSampling(rnnbp.LinearSampling(epochs=20))
    >>> trainer = rnnbp.Trainer(model, rnnbp.MeanSquaredError(), gradient, rnnbp.Adam(0.01))
    >>> len(trainer.fit(data, epochs=3, progress=False))
    3
    """

    probability: float | SamplingSchedule = 1.0
    through: bool = True
    warm_up: int = 0
    seed: int | np.random.Generator = field(default=0, kw_only=True)

    random = True

    def __post_init__(self) -> None:
        self._probability(0.0)
        flag("through", self.through)
        natural_int("warm_up", self.warm_up)
        seed_or_generator("seed", self.seed)

    def at_epoch(self, epoch: float) -> "ScheduledSampling":
        """Return the algorithm with the probability that a schedule has at an epoch, counted from 0.

        Raises
        ------
        ValueError
            If it is not between 0 and 1.
        """
        return replace(self, probability=self._probability(epoch))

    def _probability(self, epoch: float) -> float:
        p = self.probability
        return number("probability", p(epoch) if callable(p) else p, 0, 1)

    def gradients(
        self,
        model: Sequential,
        batch: SequenceBatch,
        loss: Loss,
        state: Sequence[State] | None = None,
        rng: np.random.Generator | None = None,
    ) -> Iterator[Gradient]:
        require_causal(model, "ScheduledSampling")
        check_targets(batch)
        check_feeds(model)
        own = generator_of(self.seed, rng)
        fed, sampled = self.fed(batch, own)
        ran = FedRun(model, batch, loss, fed, sampled, state, rng, own)
        value, d_outputs = whole_loss(model, loss, ran.outputs, batch)
        grad = ran.backward(d_outputs, self.through)
        cost = Cost(int(batch.lengths.sum()) + ran.repeated, residual_bytes([span.residuals for span in ran.spans]))
        vector = model.params.trainable(grad.vector)
        yield Gradient(value, vector, ran.outputs, list(ran.state or []), cost, (0, batch.steps))

    def fed(self, batch: SequenceBatch, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return where the input is the model's own output, bool (T, B), and the steps at which it is for any sequence.

        Of a batch that is divided over processes, the steps are those of all its sequences.
        """
        lengths, columns, resets = batch.lengths, np.arange(batch.size), batch.reset
        if (part := part_of(rng)) is not None:
            require_no_resets(batch, "ScheduledSampling of a batch that is divided over processes")
            lengths, columns, resets = part.lengths, part.columns, None
        fed = whole_generator(rng).random((batch.steps, len(lengths))) < self._probability(0.0)
        since = np.zeros(len(lengths), np.int64)
        for t in range(batch.steps):
            if resets is not None:
                since[resets[t]] = 0
            fed[t] &= since >= max(1, self.warm_up)
            since += 1
        fed &= np.arange(batch.steps)[:, None] < lengths
        return fed[:, columns], np.flatnonzero(fed.any(axis=1))


def check_feeds(model: Sequential) -> None:
    """Raise unless a model has an output for every step.

    Raises
    ------
    ValueError
        If it has not.
    """
    if not model.per_step:
        raise ValueError("ScheduledSampling takes a model with an output for every step, got one for each sequence")


@dataclass(frozen=True)
class Fed:
    """The forward pass of steps of which the first takes outputs of the model.

    Attributes
    ----------
    steps : slice
    residuals
        Of the model's layers.
    differentiable : bool
        Whether what was fed back are the outputs themselves.
    """

    steps: slice
    residuals: Residuals
    differentiable: bool


class FedRun:
    """A forward pass in which a model is fed some of its own outputs, and its backward pass.

    Parameters
    ----------
    model, batch, loss, state, rng
        As `GradientAlgorithm.gradients` is given them.
    fed : ndarray of bool (T, B)
        Where the input is the output at the step before.
    sampled : ndarray of int
        The steps at which it may be.
    samples : numpy.random.Generator
        Of what is sampled.
    """

    def __init__(
        self,
        model: Sequential,
        batch: SequenceBatch,
        loss: Loss,
        fed: Array,
        sampled: Array,
        state: Sequence[State] | None,
        rng: np.random.Generator | None,
        samples: np.random.Generator,
    ) -> None:
        self.model, self.fed, self.state = model, fed, state
        self.spans: list[Fed] = []
        x = model.cast(batch.x)
        parts: list[Array] = []
        at = set(sampled.tolist())
        bounds = sorted({0, *at, batch.steps})
        for start, stop in pairwise(bounds):
            here, differentiable = x[start:stop], False
            if start in at:
                values, differentiable = fed_back(model, loss, parts[-1][-1], samples)
                here = _with_values(here, values, fed[start])
            y, residuals, self.state = model.unroll(model.params, here, Run.of(batch, rng, start, stop), self.state)
            parts.append(y)
            self.spans.append(Fed(slice(start, stop), residuals, differentiable))
        self.outputs = np.concatenate(parts)
        assert self.state is not None

    @property
    def repeated(self) -> int:
        """Cell steps beyond one per time step."""
        return sum(repeated_steps(span.residuals) for span in self.spans)

    def backward(self, d_outputs: Array, through: bool) -> Parameters:
        """Return the gradient with respect to the parameters, for that with respect to the outputs (T, B, K).

        Parameters
        ----------
        d_outputs : ndarray (T, B, K)
        through : bool
            Whether it flows through outputs that are fed back.
        """
        params, grad, d_states = self.model.params, self.model.params.zeros(), None
        d_outputs = d_outputs.copy()
        for span in reversed(self.spans):
            start, given = span.steps.start, (params, span.residuals, d_outputs[span.steps], grad, d_states)
            if not (span.differentiable and through):
                d_states = self.model.backward_params(*given)
                continue
            dx, d_states = self.model.backward(*given)
            rows = self.fed[start]
            d_outputs[start - 1, rows] += dx[0, rows, : d_outputs.shape[2]]
        return grad


def fed_back(model: Sequential, loss: Loss, outputs: Array, rng: np.random.Generator) -> tuple[Array, bool]:
    """Return what is fed back for outputs (B, K): values (B, D) or tokens (B,), and whether it is the outputs.

    Raises
    ------
    ValueError
        If the model does not take it as its input.
    """
    if type(loss).sample is not Loss.sample:
        values, same = np.asarray(loss.sample(outputs.real, rng)), False
    else:
        predicted = np.asarray(loss.predict(outputs.real))
        same = predicted.shape == outputs.shape and bool((predicted == outputs.real).all())
        values = outputs if same else predicted
    tokens = isinstance(model.layers[0], Embedding)
    if values.ndim != 2 - tokens or (tokens and values.dtype.kind not in "iu"):
        raise ValueError(
            f"ScheduledSampling takes a model whose outputs are its next inputs, tokens (B,) or values (B, D): "
            f"{loss!r} predicts {values.dtype} of shape {values.shape}, and layer 0 is {type(model.layers[0]).__name__}"
        )
    return values, same


def _with_values(x: Array, values: Array, rows: Array) -> Array:
    """Return inputs (T, B, F), or tokens (T, B), with values in the first features of some rows at the first step.

    Raises
    ------
    ValueError
        If there are more values than features.
    """
    if x.ndim == 2:
        found = x.copy()
        found[0, rows] = values[rows]
        return found
    if values.shape[1] > x.shape[2]:
        raise ValueError(
            f"ScheduledSampling takes a model whose outputs are its next inputs, got {values.shape[1]} values for "
            f"{x.shape[2]} features: a model of the next step, trained on data.shifted()"
        )
    found = x.astype(np.result_type(x, values))
    found[0, rows, : values.shape[1]] = values[rows]
    return found
