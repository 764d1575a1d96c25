"""Studies of whole algorithms, each by one command, and what they say."""
