"""Settings of the fuzzing tests."""

collect_ignore = ["run.py", "guided.py"]  # programs
