"""I/O without a user interface and without torch."""
