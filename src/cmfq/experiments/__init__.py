"""Experiments that train many runs: sweeps, and tournaments done again."""
