"""Recorded games: written as they are played, read as arrays, drawn, watched in a browser."""

from cmfq.replays.reading import Replay, read

__all__ = ["Replay", "read"]
