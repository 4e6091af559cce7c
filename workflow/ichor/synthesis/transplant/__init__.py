"""A bleed cut out of one patient's scan and blended into another one's brain."""
