"""Statistics of results, as pure functions: the training seed is what is replicated."""
