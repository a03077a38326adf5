"""Robustness of a recogniser to noise: its score over signal-to-noise ratios."""

from collections.abc import Sequence

import pandas as pd

from rnnbp.data import SequenceDataset
from rnnbp.datasets.varied import PLAIN, with_evaluation_variation
from rnnbp.features import Variation
from rnnbp.features.variation import NOISES
from rnnbp.losses import Loss
from rnnbp.models import Sequential
from rnnbp.runtime import of_type, refuses_by_name
from rnnbp.training import Trainer

SNRS = (20.0, 10.0, 5.0, 0.0)


@refuses_by_name
def noise_table(
    model: Sequential,
    loss: Loss,
    data: SequenceDataset,
    snrs: Sequence[float] = SNRS,
    noises: Sequence[str] = NOISES,
) -> pd.DataFrame:
    """Compute the score on recordings without noise, and with several noises and signal-to-noise ratios.

    Parameters
    ----------
    model : Sequential
    loss : Loss
        The loss that defines the score: accuracy, or the token error rate for `rnnbp.CTC`.
    data : ResampledDataset
        From `rnnbp.datasets.load_digit_strings` or `rnnbp.datasets.varied.varied`.
    snrs : sequence of float, default (20, 10, 5, 0)
        Signal-to-noise ratios over a whole recording, in dB.
    noises : sequence of str, default ('white', 'speech')
        See `rnnbp.features.Variation`.

    Returns
    -------
    DataFrame
        A row for each noise, a column 'clean' and one for each ratio. The noise is the same at each call.

    Raises
    ------
    ValueError
        If `data` is not of recordings, or a noise is unknown.

    Examples
    --------
    >>> import numpy as np, rnnbp
    >>> from rnnbp.datasets.varied import varied
    >>> from rnnbp.features import MFCC
    >>> waveforms = rnnbp.data.LazySequences(lambda place: np.sin(np.arange(800.0))[:, None], 2)
    >>> data = varied(rnnbp.SequenceDataset(waveforms, targets=[0, 0]), MFCC(sr=8000), Variation(), sr=8000)
    >>> model = rnnbp.Sequential(rnnbp.MeanOverTime(), rnnbp.Dense(13, 1))
    >>> noise_table(model, rnnbp.CrossEntropy(), data, snrs=[10, 0])
            clean  10 dB  0 dB
    noise
    white     1.0    1.0   1.0
    speech    1.0    1.0   1.0
    """
    of_type("snrs", snrs, Sequence[float])
    of_type("noises", noises, Sequence[str])
    trainer = Trainer(model, loss)

    def score(variation: Variation) -> float:
        return trainer.evaluate(with_evaluation_variation(data, variation))[loss.metric]

    clean = score(PLAIN)
    rows = {
        noise: [clean, *(score(Variation(speed=0, tempo=0, noises=(noise,), snr=(snr, snr))) for snr in snrs)]
        for noise in noises
    }
    columns = ["clean", *(f"{snr:g} dB" for snr in snrs)]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("noise")
