"""Ichor: intracerebral hemorrhage outcome and risk, from raw head CT to an honest cross-center validation."""

__version__ = "0.1.0"
