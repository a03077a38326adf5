"""Random variation of recordings during training."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from rnnbp.features.augmentation import add_noise, change_speed, spec_augment
from rnnbp.features.noise import speech_noise
from rnnbp.features.pipelines import LogMel
from rnnbp.features.signals import checked_features, checked_signal
from rnnbp.runtime import choice, function_of, generator, got, natural_int, number

Array = np.ndarray
NOISES = ("white", "speech")


def stretch(x: Array, factor: float) -> Array:
    """Stretch features (T, F) in time to a tempo `factor` times as fast, with pitch and formants unchanged.

    Frames are interpolated linearly; at least two remain.

    Parameters
    ----------
    x : ndarray (T, F)
    factor : float, 0.001 to 1000
        2 gives half as many frames.

    Returns
    -------
    ndarray (T', F)

    Raises
    ------
    ValueError
        If `factor` is out of its range or `x` is not (T, F).

    Examples
    --------
    >>> stretch(np.arange(5.0)[:, None], 2.0)[:, 0]
    array([0., 2., 4.])
    """
    x = checked_features(x)
    last = len(x) - 1
    at = np.linspace(0, last, max(2, round(last / number("factor", factor, 1e-3, 1e3)) + 1))
    low = np.minimum(at.astype(np.int64), max(last - 1, 0))
    fraction = (at - low)[:, None].astype(x.dtype)
    return (1 - fraction) * x[low] + fraction * x[np.minimum(low + 1, last)]


@dataclass(frozen=True, kw_only=True)
class Variation:
    """Random variation of recordings during training (data augmentation).

    A recording is resampled to another speed, which scales its pitch and its formants; noise is added; its features are
    computed for another vocal tract length, which scales formants alone; their tempo is changed, and parts of them are
    masked. All random draws use the generator passed.

    Parameters
    ----------
    speed : float, 0 to 1, default 0.2
        The factor is log-uniform between ``exp(-speed)`` and ``exp(speed)``; see `change_speed`.
    warp : float, 0 to 0.5, default 0
        The same for the warping of the features' mel filters; see `mel`. Features without mel filters need 0.
    tempo : float, 0 to 1, default 0.3
        The same for the tempo of the features; see `stretch`.
    noisy : float, 0 to 1, default 1
        Probability that a recording gets noise.
    noises : tuple of str, default ('white', 'speech')
        Equally probable noises: 'white', or 'speech', which is `speech_noise`.
    snr : (float, float), default (5, 35)
        Lowest and highest signal-to-noise ratio, in dB; uniform between them.
    masks : int, default 0
        Greatest width of a mask, in features; see `spec_augment`. There is one mask in frequency and one in time.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    N. Jaitly & G. E. Hinton (2013), "Vocal tract length perturbation (VTLP) improves speech recognition", ICML workshop
    on deep learning for audio, speech and language processing, for the warp; T. Ko et al. (2015),
    doi:10.21437/Interspeech.2015-711, for speed; D. S. Park et al. (2019), doi:10.21437/Interspeech.2019-2680, for
    masks.

    Examples
    --------
    >>> from rnnbp.features import MFCC
    >>> y, rng = np.sin(np.arange(4000.0)), np.random.default_rng(0)
    >>> [len(Variation().features(y, MFCC(sr=8000), 8000, rng)) for _ in range(4)]
    [46, 73, 47, 38]
    """

    speed: float = 0.2
    warp: float = 0.0
    tempo: float = 0.3
    noisy: float = 1.0
    noises: tuple[str, ...] = NOISES
    snr: tuple[float, float] = (5.0, 35.0)
    masks: int = 0

    def __post_init__(self) -> None:
        for name in ("speed", "tempo", "noisy"):
            number(name, getattr(self, name), 0, 1)
        number("warp", self.warp, 0, 0.5)
        if not isinstance(self.noises, tuple | list):
            raise ValueError(f"noises must be a tuple of names, {got(self.noises)}")
        if not self.noises:
            raise ValueError("noises must have at least one noise, got none")
        for name in self.noises:
            choice("noises", name, NOISES)
        if not isinstance(self.snr, tuple | list) or len(self.snr) != 2:
            raise ValueError(f"snr must be the lowest and the highest ratio, in dB, {got(self.snr)}")
        low, high = self.snr
        number("snr", low, high=number("snr", high))
        natural_int("masks", self.masks)

    def sound(self, y: Array, sr: float, rng: np.random.Generator) -> Array:
        """Vary the speed of a recording (n,) and add noise; a silent one gets none."""
        y, sr = checked_signal(y), number("sr", sr, 0, open_low=True)
        y = change_speed(y, _factor(self.speed, rng))
        if rng.random() >= self.noisy or not y.any():
            return y
        name = self.noises[int(rng.integers(len(self.noises)))]
        noise = speech_noise(len(y), sr=sr, rng=rng) if name == "speech" else None
        return add_noise(y, snr=rng.uniform(*self.snr), rng=rng, noise=noise)

    def frames(self, x: Array, rng: np.random.Generator) -> Array:
        """Vary the tempo of features (T, F) and mask them."""
        x = stretch(checked_features(x), _factor(self.tempo, rng))
        if not self.masks:
            return x
        return spec_augment(x, rng=rng, freq_masks=1, freq_width=self.masks, time_masks=1, time_width=self.masks)

    def features(self, y: Array, feature: Callable[[Array], Array], sr: float, rng: np.random.Generator) -> Array:
        """Compute varied features (T, F) of a recording (n,)."""
        function_of("feature", feature, 1)
        sound = self.sound(y, sr, rng)
        if self.warp:
            feature = warped(feature, round(_factor(self.warp, rng), 2))
        return self.frames(feature(sound), rng)


@lru_cache(maxsize=256)
def warped(feature: Callable[[Array], Array], factor: float) -> LogMel:
    """Return the feature extractor with its mel filters warped further; the result is cached.

    Parameters
    ----------
    feature : LogMel or MFCC
    factor : float, 0.5 to 2
        See `mel`.

    Raises
    ------
    ValueError
        If `feature` is of another type.

    Examples
    --------
    >>> warped(LogMel(sr=8000), 1.1).warp
    1.1
    """
    if not isinstance(feature, LogMel):
        raise ValueError(f"warp must be 0 for features without mel filters that can be warped, which {feature!r} are")
    return replace(feature, warp=feature.warp * factor)


def _factor(most: float, rng: np.random.Generator) -> float:
    return float(np.exp(generator("rng", rng).uniform(-most, most)))
