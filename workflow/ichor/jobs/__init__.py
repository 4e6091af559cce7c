"""One job of the workflow: what it depends on, its record, and the store that keeps what was made before."""
