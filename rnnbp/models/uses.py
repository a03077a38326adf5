"""Uses: what a model is used for besides predictions: to look inside it, to write, and to forecast."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.losses import Loss
from rnnbp.models.forecast_result import Forecast
from rnnbp.models.forecasting import ForecastOptions, forecast
from rnnbp.models.generation import Start, Stop, check_writes, generate
from rnnbp.models.inference import Inference
from rnnbp.models.layer_values import LayerValues, by_gate
from rnnbp.models.prediction import BATCH_SIZE, Data, batch_outputs, in_order
from rnnbp.runtime import refuses_by_name


class Uses(Inference):
    """Layers in a row whose inner values are read, and whose outputs are fed back as inputs.

    Base of `rnnbp.Sequential`, which has the attributes.

    Examples
    --------
    >>> import rnnbp
    >>> issubclass(rnnbp.Sequential, Uses)
    True
    """

    loss: Loss | None = None
    stateful: bool = False

    @refuses_by_name
    def transform(
        self,
        data: Data,
        layer: int | str | None = None,
        what: Literal["outputs", "states", "gates"] = "outputs",
        batch_size: int = BATCH_SIZE,
    ) -> Any:
        """Compute what a layer does at every step, in evaluation mode, in the order of `data`.

        Parameters
        ----------
        data : SequenceDataset, SequenceBatch, or list of array_like (T_i, F)
            Its resets are followed; the state is carried through a stream if it was in training.
        layer : int or str, optional
            The layer by its number, negative ones counted from the last; ``"0.1"`` is the second layer of a layer 0 of
            several layers. Default: for outputs the last one, else the only one with a cell.
        what : {'outputs', 'states', 'gates'}
            The outputs of the layer; or the states of its cell after each step, an LSTM's is [h | c]; or its gates.
        batch_size : int, default 256
            Sequences per batch; does not affect the result.

        Returns
        -------
        list of ndarray (T_i, ...), or ndarray (N, ...), or dict
            A list of N arrays; an array where the layer has one output a sequence. Of both directions of a
            bidirectional layer, [forward | backward]. For gates a dict of such lists by the gates' names, ``"forget"``,
            the candidate state included; those of the direction backward in time are named ``"forget_reverse"``, those
            of the second cell of a `rnnbp.cells.Stack` ``"1.forget"``.

        Raises
        ------
        ValueError
            If there is no such layer, or it has no such values; the message lists those that have.

        Examples
        --------
        >>> import rnnbp
        >>> model = rnnbp.Sequential(rnnbp.LSTM(2, 3), rnnbp.Last(), rnnbp.Dense(3, 1))
        >>> x = [np.zeros((5, 2)), np.zeros((7, 2))]
        >>> model.transform(x).shape, [h.shape for h in model.transform(x, layer=0)]
        ((2, 1), [(5, 3), (7, 3)])
        >>> [s.shape for s in model.transform(x, what="states")], list(model.transform(x, what="gates"))
        ([(5, 6), (7, 6)], ['input', 'forget', 'cell', 'output'])
        """
        reader = LayerValues(self, layer, what)
        batches = batch_outputs(reader, data, batch_size, self.stateful)
        values = in_order(batches, lambda values: values, reader)
        return by_gate(reader.columns, values) if what == "gates" else values

    @refuses_by_name
    def generate(
        self,
        start: Start,
        steps: int,
        temperature: float = 1.0,
        *,
        top_k: int | None = None,
        top_p: float | None = None,
        rng: int | np.random.Generator = 0,
        stop: Stop = None,
    ) -> Any:
        """Continue sequences of tokens: each one is sampled from the outputs and is the next input.

        The same as a loop over `step`, and a token takes the time of a step and of sampling. The sequences are run side
        by side.

        Parameters
        ----------
        start : str, or integers (T,), or a list of either
            What is to be continued, of any lengths; text for a model with a `tokenizer`.
        steps : int
            Number of tokens to write.
        temperature : float, default 1
            Below 1 probable tokens become more probable; at 0 the most probable one is taken.
        top_k : int, optional
            Only the k most probable tokens. Default: all.
        top_p : float, optional
            Only the most probable tokens that have together the probability p: nucleus sampling. Default: all.
        rng : int or numpy.random.Generator, default 0
            A seed gives the same tokens at every call.
        stop : str or int, or several, optional
            Text or tokens at which a sequence ends, before `steps` tokens; what is returned ends before them.

        Returns
        -------
        str, ndarray of int (n,), or a list of either
            As `start`, which is not part of it.

        Raises
        ------
        ValueError
            If the model is not one of tokens, is non-causal, or has no tokenizer for a text; or an argument is out of
            range.

        See Also
        --------
        rnnbp.decoding.sample_tokens : the sampling of a token.
        forecast : continues sequences of values.

        Examples
        --------
        >>> import rnnbp
        >>> data = rnnbp.SequenceDataset.from_text("abcd" * 200, batch_size=4, steps=20)
        >>> model = rnnbp.Sequential(rnnbp.Embedding(4, 4), rnnbp.GRU(4, 8), rnnbp.Dense(8, 4))
        >>> trainer = rnnbp.Trainer(model, rnnbp.CrossEntropy(), optimizer=rnnbp.Adam(0.05), stateful=True)
        >>> _ = trainer.fit(data, epochs=8, batch_size=4, progress=False)
        >>> model.generate("ab", 6, temperature=0), model.generate(["d", "bcd"], 9, temperature=0, stop="d")
        ('cdabcd', ['abc', 'abc'])
        """
        check_writes(self, self.loss)
        return generate(self, start, steps, temperature, top_k, top_p, rng, stop, self.tokenizer)

    @refuses_by_name
    def forecast(
        self,
        history: Any,
        steps: int,
        *,
        samples: int = 200,
        residuals: Any = None,
        block: int = 1,
        quantiles: tuple[float, float] = (0.05, 0.95),
        future: ArrayLike | None = None,
        features: str | int | Sequence[str | int] | None = None,
        rng: int | np.random.Generator = 0,
    ) -> Forecast | list[Forecast]:
        """Continue sequences of values: the outputs, the next values, are fed back as inputs.

        A model whose outputs are the next h steps, from ``data.shifted(h)``, is fed h steps at a time. There is a band
        where paths are sampled: with `residuals`, or where the loss has a distribution (`sample`); or by
        `rnnbp.forecast_ensemble`. Each path is fed back its own values, so that uncertainty accumulates as it should.

        Parameters
        ----------
        history : array_like (T, F) or DataFrame, or a list of such, or SequenceDataset
            What is known of each sequence, of any length.
        steps : int
            Number of steps to forecast.
        samples : int, default 200
            Number of paths, where they are sampled.
        residuals : array_like (N, K), or list of such, optional
            Those of the model on data that it was not trained on, `rnnbp.forecast_residuals(model, validation)`: to
            each prediction one of them is added.
        block : int, default 1
            Number of consecutive residuals that are taken together: above 1 where they depend on each other.
        quantiles : (float, float), default (0.05, 0.95)
            Levels of the band.
        future : array_like (steps, E), or one for each sequence, optional
            The future of the features that are inputs but not predicted: arrays in their order, or a DataFrame, of
            which they are found by name, as those of `history` are.
        features : str or int, or several, optional
            The predicted features, in the order of the outputs. Default: the first ones, all but the last E; of
            a DataFrame, those that `future` does not have.
        rng : int or numpy.random.Generator, default 0
            A seed gives the same samples at every call.

        Returns
        -------
        Forecast, or list of Forecast
            With `mean`, `low`, `high` (steps, D), `samples` (n, steps, D), `quantile(q)` and `to_frame()`.

        Raises
        ------
        ValueError
            If the model is non-causal, or its outputs are not next values; or an argument does not fit it.

        See Also
        --------
        rnnbp.SequenceDataset.shifted : the dataset to train on.
        generate : continues sequences of tokens.

        Examples
        --------
        >>> import rnnbp
        >>> wave = np.sin(np.arange(300) / 5)[:, None]
        >>> model = rnnbp.Sequential(rnnbp.GRU(1, 16), rnnbp.Dense(16, 1))
        >>> trainer = rnnbp.Trainer(model, rnnbp.MeanSquaredError(), optimizer=rnnbp.Adam(0.02))
        >>> _ = trainer.fit(rnnbp.SequenceDataset([wave]).shifted(), epochs=200, progress=False)
        >>> forecast = model.forecast(wave[:250], steps=20)
        >>> bool(np.abs(forecast.mean - wave[250:270]).max() < 0.2)
        True
        """
        options = ForecastOptions(samples, residuals, block, quantiles, future, features, rng)
        return forecast(self, history, steps, options, self.loss, self.feature_names)
