"""Settings of the fuzzing tests."""

collect_ignore = ["run.py"]  # a program
