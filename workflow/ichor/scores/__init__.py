"""Published clinical scores, one per file."""
