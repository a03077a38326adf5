"""A task as it is performed in any process: with one thread, its error recorded."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rnnbp.runtime.threads import one_thread


@dataclass(frozen=True)
class Outcome:
    """Result of a task, or the error that ended it.

    Attributes
    ----------
    result : object
        What the function returned; None where it failed.
    error : str, or None
        Traceback of the exception, or how the worker process ended; None where the function returned.
    exception : Exception, or None
        The exception itself.

    Examples
    --------
    >>> attempted(len, "four"), attempted(len, 4).exception
    (Outcome(result=4, error=None, exception=None), TypeError("object of type 'int' has no len()"))
    """

    result: Any = None
    error: str | None = None
    exception: Exception | None = None

    @property
    def reason(self) -> str:
        """Error in a line, without the traceback; '' where there is none."""
        return (self.error or "").strip().rpartition("\n")[2]


def attempted(function: Callable[[Any], Any], task: Any) -> Outcome:
    """Return the outcome of ``function(task)``, computed with one thread.

    Examples
    --------
    >>> attempted(len, 4).error.splitlines()[-1]
    "TypeError: object of type 'int' has no len()"
    """
    try:
        with one_thread():
            return Outcome(function(task))
    except Exception as error:
        return Outcome(error="".join(traceback.format_exception(error)).rstrip(), exception=error)
