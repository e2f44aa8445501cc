"""Selections: named cuts on reconstructed candidates, counted into a cut-flow."""
