"""Experiments: many runs, planned and trained wherever there is room; sweeps; tournaments again."""
