"""Squared matrix elements, as what the chain samples from."""
