"""Attributions of image networks, the sanity gate that they must pass, and their overlap with anatomy."""
