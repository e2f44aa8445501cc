"""Sensitivities and limits of kaon decays."""
