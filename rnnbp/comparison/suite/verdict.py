"""Where recurrence pays off, in two or three sentences."""

import numpy as np
import pandas as pd

LISTED = 5  # tasks named in a sentence


def verdict(margins: pd.DataFrame) -> str:
    """Return where recurrence pays off, where not, and what its training adds.

    Parameters
    ----------
    margins : DataFrame
        That of a `SuiteReport`.
    """
    compared = margins[margins["margin"].notna()]
    sentences = [_static(compared), _elsewhere(compared)] if len(compared) else [_nothing(margins)]
    return " ".join(filter(None, [*sentences, _training(margins)]))


def _nothing(margins: pd.DataFrame) -> str:
    return f"No task of {len(margins)} has both a static and a recurrent model."


def _static(compared: pd.DataFrame) -> str:
    """Return the sentence on the tasks where the best recurrent model is better than the best static one."""
    better = compared[compared["outcome"] == "recurrent"]
    of = f"of {len(compared)} task" + "s" * (len(compared) > 1)
    if better.empty:
        return f"Recurrence pays off on none {of}."
    reach = _reach(better["memory"])
    rest = _reach(compared.loc[compared["outcome"] != "recurrent", "memory"])
    memory = f"; 90 % of the gradient lies within {reach} there" if reach else ""
    memory += f", within {rest} on the others" if reach and rest else ""
    return f"Recurrence pays off on {len(better)} {of}: {_named(better, 'margin')}{memory}."


def _elsewhere(compared: pd.DataFrame) -> str:
    """Return the sentence on the tasks where a static model is better or none."""
    static, undecided = (compared[compared["outcome"] == outcome] for outcome in ("static", "undecided"))
    equal = undecided["margin"].abs() < 1e-12
    unsure = undecided["margin_low"].notna()
    parts = [
        f"a static model is better on {_named(static, 'margin')}" if len(static) else "",
        _on(undecided[unsure], "the difference may be chance"),
        _on(undecided[~unsure & equal], "the scores are equal"),
        _on(undecided[~unsure & ~equal], "the seeds are too few to tell"),
    ]
    text = "; ".join(filter(None, parts))
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _on(tasks: pd.DataFrame, what: str) -> str:
    return f"on {_named(tasks, 'margin')} {what}" if len(tasks) else ""


def _training(margins: pd.DataFrame) -> str:
    """Return the sentence on what backpropagation adds over random recurrence."""
    decided = margins["over_reservoir_outcome"] != "undecided"
    untrained = margins[margins["over_reservoir_low"].notna() | decided]
    if untrained.empty:
        return ""
    better = untrained[untrained["over_reservoir_outcome"] == "recurrent"]
    worse = int((untrained["over_reservoir_outcome"] == "reservoir").sum())
    loses = f"{' and' if better.empty else ';'} it is worse on {worse}" if worse else ""
    text = (
        f"Over the best reservoir, whose recurrent weights are random, the best trained recurrent network gains on "
        f"{len(better)} of {len(untrained)}"
    )
    if better.empty:
        return f"{text}{loses}."
    most = better.loc[[better["over_reservoir"].idxmax()]]
    return f"{text}, {'most ' if len(better) > 1 else ''}on {_named(most, 'over_reservoir')}{loses}."


def _named(tasks: pd.DataFrame, column: str) -> str:
    """Return the tasks with their values, the largest first."""
    ordered = tasks.sort_values(column, key=abs, ascending=False, kind="stable")
    names = [f"{row['task']} ({row[column]:+.2f})" for _, row in ordered.iterrows()]
    if len(names) > LISTED + 1:
        names = [*names[:LISTED], f"{len(names) - LISTED} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _reach(memory: pd.Series) -> str:
    """Return the range of lags as text, or '' if none is known."""
    if memory.isna().all():
        return ""
    low, high = int(np.nanmin(memory)), int(np.nanmax(memory))
    return f"{low} steps" if low == high else f"{low} to {high} steps"
