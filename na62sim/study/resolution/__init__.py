"""Resolutions as the reconstruction leaves them."""
