"""The report page and its figures, made from tables alone."""
