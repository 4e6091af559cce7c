"""Overlays of segmented scans, and the page in which they are scrolled through."""
