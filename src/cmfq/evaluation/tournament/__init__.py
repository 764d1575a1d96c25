"""Every entrant against every other one: games, their file, what follows from them."""
