"""What the workflow asks of a cluster, and how it takes up what a run that died there left behind."""
