"""Particles on their way: through planes, fields and matter."""
