"""Recorded games: written as they are played, read as arrays, drawn, watched in a browser."""

from cmfq.recordings.reading import Recording, read

__all__ = ["Recording", "read"]
