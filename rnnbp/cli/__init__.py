"""The `rnnbp` command, one file per subcommand."""
