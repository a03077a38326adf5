"""Labels of a dataset as indices into the class names of a model."""

from rnnbp.data import SequenceDataset, listed

Classes = tuple[str, ...]


def matched(name: str, data: SequenceDataset, classes: Classes | None) -> SequenceDataset:
    """Return `data` with its labels renumbered by name as indices into `classes`, those a model was trained on.

    Parameters
    ----------
    name : str
        Name of the dataset in error messages.
    data : SequenceDataset
        Integer classes without names are unchanged.
    classes : tuple of str, or None

    Raises
    ------
    ValueError
        If `data` has names that are not among them, or they are None and `data` has names; the message lists them.

    Examples
    --------
    >>> import numpy as np
    >>> data = SequenceDataset([np.ones((3, 1))], targets=["no"])
    >>> matched("validation", data, ("a", "b"))
    Traceback (most recent call last):
    ValueError: validation: the classes 'no' are not among 'a', 'b'. These are the model's, ...
    """
    if data.classes is None or data.classes == classes:
        return data
    if classes is None:
        raise ValueError(
            f"{name} has the classes {listed(data.classes)}, and the model is trained without names, so that the "
            "labels cannot be matched: give the training data the same names by classes=[...], or say what the model's "
            "outputs stand for by model.classes = [...]; model.loss = None lets it be trained on other labels"
        )
    try:
        return data.with_classes(classes)
    except ValueError as error:
        raise ValueError(
            f"{name}: {error} These are the model's, from the data that it was trained on; "
            "model.classes = model.loss = None lets it be trained on others"
        ) from None
