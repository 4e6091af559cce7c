"""Synthetic cases: made from the train rows of one split, fenced to it, checked before they are used."""
