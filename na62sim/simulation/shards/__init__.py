"""A run in files of its own, which survives an interruption."""
