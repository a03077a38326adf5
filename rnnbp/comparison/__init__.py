"""Static against recurrent training on the same data: models, runs, the report and its plots."""

from rnnbp.runtime.lazy_imports import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
