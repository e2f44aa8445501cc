"""What the beam dump sees: acceptances, expected events, excluded regions."""
