"""An early start of the processes that train side by side, while this one reads the data."""

from importlib.util import find_spec

from rnnbp.runtime.worker_process import start_server


def start_workers() -> None:
    """Begin to import what training takes in the process from which workers are forked.

    Examples
    --------
    >>> start_workers()
    """
    modules = ["rnnbp.comparison.training_run"]
    if find_spec("numba"):
        modules.append("rnnbp.kernels.compiled.loaded")
    start_server(modules)
