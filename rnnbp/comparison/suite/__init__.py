"""Comparison of static, reservoir and recurrent networks on many tasks: tasks, models, run, statistics and report."""
