"""One training loop, checkpoints and bundles for every model."""
