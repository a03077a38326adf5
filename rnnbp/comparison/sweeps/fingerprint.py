"""What tells one sweep from another: its folder has it, and is refused to another sweep."""

from collections.abc import Sequence

from rnnbp.comparison.sweeps.described import dataset_digest, described, digest, function_source
from rnnbp.comparison.sweeps.space import Parameters
from rnnbp.comparison.sweeps.training_settings import Settings, Trial
from rnnbp.runtime import to_config

SHOWN = ("epochs", "batch_size", "loss", "gradient", "optimizer", "schedule", "clip", "stopping", "monitor")


def fingerprint(settings: Settings, spaces: Sequence[Parameters], probe: Trial | None, search: str) -> dict[str, str]:
    """Return what the results of a sweep depend on, as texts and hashes.

    The number of trials and the seeds are not part of it: more of them continue a sweep.

    Parameters
    ----------
    settings : Settings
    spaces : sequence of dict
    probe : Trial, optional
        A trial before its training, whose model is part of it: layers and initial parameters.
    search : str
        Description of the search.
    """
    make = {"make": digest(function_source(settings.make)), "space": described(list(spaces)), "search": search}
    data = {"training set": dataset_digest(settings.train), "validation set": dataset_digest(settings.validation)}
    shown = {name: described(getattr(settings, name)) for name in SHOWN}
    return {"kind": "rnnbp sweep", **make, "model that make returns": _model_digest(probe), **data, **shown}


def _model_digest(probe: Trial | None) -> str:
    if probe is None:
        return "none"
    model = probe.trainer.model
    return digest(described([to_config(layer) for layer in model.layers]), model.params.vector)
