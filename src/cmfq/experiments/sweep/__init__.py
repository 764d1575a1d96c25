"""What settings do to the difference between two algorithms: a planned experiment."""
