"""The paper's figures, tables and claims, from runs that are trained and games that are played."""
