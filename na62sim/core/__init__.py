"""What holds for any experiment: kernels, random numbers, kinematics, particles, units."""
