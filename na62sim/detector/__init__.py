"""Detector simulation: transport to the measuring planes, then one file per kind of response."""
