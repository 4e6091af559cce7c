"""Geometry, intensity, crops and measures of head CT volumes."""
