"""Workloads apart from the layers' own passes: each section a file, whose `contests` are run in turns."""
