"""Hyperparameter search: spaces, trials, folders from which a search resumes, Optuna's samplers, and the report."""
