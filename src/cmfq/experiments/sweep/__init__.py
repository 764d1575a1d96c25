"""Sweeps: planned experiments on how settings change the difference between two algorithms."""
