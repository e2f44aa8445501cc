"""The named processes."""
