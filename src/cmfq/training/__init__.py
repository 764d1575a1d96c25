"""Training runs: settings, self-play, and the folder that a run lives in."""
