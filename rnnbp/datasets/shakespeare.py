"""Tiny Shakespeare: a megabyte of plays, for models that write letter by letter."""

from rnnbp.datasets.bundled import bundled
from rnnbp.runtime import number, opened_text


def load_shakespeare(train: float = 0.9) -> tuple[str, str]:
    """Load scenes of Shakespeare's plays, 1,115,394 characters of 65 kinds.

    Parameters
    ----------
    train : float, default 0.9
        The part of the text that comes first and is for training, between 0 and 1; the rest is for the test.

    Returns
    -------
    train, test : str

    Raises
    ------
    ValueError
        If `train` is not between 0 and 1, or leaves a part without a character.

    References
    ----------
    A. Karpathy (2015), "The unreasonable effectiveness of recurrent neural networks": the selection, from which every
    model of this text has been trained since. The plays are in the public domain.

    Examples
    --------
    >>> train, test = load_shakespeare()
    >>> len(train), len(test)
    (1003854, 111540)
    >>> print(train[:44])
    First Citizen:
    Before we proceed any further
    """
    with opened_text(bundled("shakespeare.txt.gz"), encoding="ascii") as file:
        text = file.read()
    cut = int(len(text) * number("train", train, 0, 1))
    if not 0 < cut < len(text):
        raise ValueError(f"train must leave characters for both parts, got {train}")
    return text[:cut], text[cut:]
