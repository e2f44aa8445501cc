"""Event generation: the beam, the decay-chain engine and the processes declared on it."""
