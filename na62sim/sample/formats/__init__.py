"""Formats of others: events of generators in, samples out."""
