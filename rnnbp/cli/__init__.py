"""The `rnnbp` command: one file a subcommand."""
