"""Programs that each answer one question; not part of the package (see README.md)."""
