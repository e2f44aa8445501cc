"""What the detectors measure of the particles that cross them."""
