"""Reconstruction: hits in, tracks, vertices, identified candidates out. No truth enters."""
