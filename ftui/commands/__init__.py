"""One module per sub-command: `configure(parser)` declares its options, `run(args)` does it and gives the exit code."""
