"""What 400 GeV protons make in the dump: dark photons and axion-like particles, per proton and coupling squared."""
