"""Clinical tables to patients, labels, splits and flow counts."""
