"""Games between players: who plays, which games, the log that keeps them, what they come to."""
