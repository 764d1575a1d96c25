"""Games to look at: recorded step by step, drawn without a display."""
