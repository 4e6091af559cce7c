"""Model-blind evaluation of a predictions table."""
