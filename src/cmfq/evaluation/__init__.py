"""Judging what was trained: opponents, matches, statistics, figures, reports."""
