"""Japanese Vowels: speaker identification from recorded speech of nine men."""

from rnnbp.data import SequenceDataset
from rnnbp.datasets.bundled import bundled
from rnnbp.datasets.ts import read_ts


def load_japanese_vowels() -> tuple[SequenceDataset, SequenceDataset]:
    """Load Japanese Vowels: nine speakers say the vowels /ae/; a frame is 12 LPC cepstral coefficients.

    Returns
    -------
    train, test : SequenceDataset
        The official split: 270 utterances of 7 to 26 frames (30 a speaker), and 370 of 7 to 29 (24 to 88 a speaker).
        Classes are the speakers '1' to '9'.

    References
    ----------
    M. Kudo, J. Toyama & M. Shimbo (1999), "Multidimensional curve classification using passing-through regions",
    Pattern Recognition Letters 20, 1103-1111. Data: UCI, doi:10.24432/C5NS47, CC BY 4.0.

    Examples
    --------
    >>> train, test = load_japanese_vowels()
    >>> train
    SequenceDataset: 270 sequences of 7 to 26 steps, 12 features; 9 classes
    """
    return read_ts(bundled("JapaneseVowels_TRAIN.ts.gz")), read_ts(bundled("JapaneseVowels_TEST.ts.gz"))
