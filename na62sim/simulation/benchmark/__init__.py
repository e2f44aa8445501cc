"""Events per second: stages, chains, machine."""
