"""All tables that can be computed again, by name."""

from collections.abc import Sequence

import pandas as pd

import rnnbp
from rnnbp.reproduction import comparison_tables, nettalk_tables, speed_tables
from rnnbp.reproduction.figures import HEADING, Figure, names
from rnnbp.reproduction.side_by_side import Reproduction, Settings
from rnnbp.runtime import choice

FSDD = "spoken digits (FSDD): downloaded, or --data"
NETTALK = "NETtalk's corpus: downloaded, or --data"

REPRODUCTIONS = {
    "japanese-vowels": Reproduction(
        "static and recurrent networks on who speaks", "1 min", "-", comparison_tables.japanese_vowels, 5
    ),
    "mnist-1d": Reproduction("static and recurrent networks on MNIST-1D", "3 min", "-", comparison_tables.mnist_1d, 5),
    "suite": Reproduction(
        "where recurrence pays off, the quick suite", "3 min", "-", comparison_tables.suite, 4, heading="task"
    ),
    "spoken-digits": Reproduction(
        "one digit at a time, known speakers", "15 min", FSDD, comparison_tables.one_spoken_digit, takes_data=True
    ),
    "speakers": Reproduction(
        "each speaker left out in turn", "1 h", FSDD, comparison_tables.speakers, takes_data=True
    ),
    "nettalk-1987": Reproduction(
        "NETtalk's static networks", "1 h", NETTALK, nettalk_tables.of_1987, takes_data=True
    ),
    "nettalk-held-out": Reproduction(
        "NETtalk's words, a quarter held out", "30 min", NETTALK, nettalk_tables.on_held_out_words, takes_data=True
    ),
    "nettalk-cmudict": Reproduction(
        "everyday words, a tenth held out", "25 min", "-", nettalk_tables.on_cmudict, takes_data=True
    ),
    "checkpointing": Reproduction(
        "checkpointed BPTT over 1,000 steps", "4 min", "rnnbp[bench]", speed_tables.checkpointing, None, resumes=False
    ),
    "reservoirs": Reproduction(
        "echo-state networks beside reservoirpy", "2 min", "rnnbp[bench], reservoirpy", speed_tables.reservoirs, 5,
        resumes=False, heading="task",
    ),
    "speed": Reproduction(
        "recurrent layers, static networks, an epoch", "3 min", "rnnbp[fast,bench,torch]", speed_tables.layers, None,
        resumes=False,
    ),
    "speed-peers": Reproduction(
        "the rest, beside its peers", "5 min", "rnnbp[fast,bench], peers", speed_tables.peers, None, resumes=False
    ),
}  # fmt: skip


def reproductions() -> pd.DataFrame:
    """Return the tables that can be computed again: `name`, `what`, `time` on two cores, and `needs`.

    Examples
    --------
    >>> reproductions()["name"].tolist()[:2]
    ['japanese-vowels', 'mnist-1d']
    """
    rows = [(name, one.about, one.time, one.needs) for name, one in REPRODUCTIONS.items()]
    return pd.DataFrame(rows, columns=["name", "what", "time", "needs"])


def reproduction(name: str) -> Reproduction:
    """Return how a table is computed again.

    Raises
    ------
    ValueError
        If there is no table of that name that can be.

    Examples
    --------
    >>> reproduction("mnist1d")
    Traceback (most recent call last):
    ValueError: table must be one of ...; got 'mnist1d'. Did you mean 'mnist-1d'?
    """
    return REPRODUCTIONS[choice("table", name, REPRODUCTIONS)]


def reproduce(name: str, settings: Settings | None = None) -> Sequence[Figure]:
    """Compute the figures of a table again.

    Parameters
    ----------
    name : str
        A name in `reproductions`.
    settings : Settings, optional
        Default: as the recorded figures were computed, with one process.

    Returns
    -------
    sequence of Figure
        New figures, whose source is this command and whose version is this package's; before those of a table that the
        bundled file does not have, its heading.

    Raises
    ------
    ValueError
        If there is no table of that name.
    FileNotFoundError, OSError
        If its data is missing and cannot be downloaded.
    ImportError
        If a package is missing.

    Examples
    --------
    >>> reproduce("1987")
    Traceback (most recent call last):
    ValueError: ...
    >>> reproduce("speed")  # doctest: +SKIP
    """
    one = reproduction(name)
    settings = Settings(one.seeds or 1) if settings is None else settings
    source = f"rnnbp reproduce {name}" + (f" --seeds {settings.seeds}" if one.seeds else "")
    found = [measured.figure(source, rnnbp.__version__) for measured in one.run(settings)]
    new = dict.fromkeys(figure.table for figure in found if figure.table not in names())
    return [*(Figure(table, "", "", one.heading, "text", HEADING, "", "") for table in new), *found]
