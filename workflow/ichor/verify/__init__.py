"""Comparison of two runs of the workflow: what differs, by how much, and what explains it."""
