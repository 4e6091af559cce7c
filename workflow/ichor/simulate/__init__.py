"""The simulated cohort: heads, bleeds, scanners, centers and their clinical tables."""
