"""Where the mother of a chain comes from: the kaon beam, protons in the dump."""
