"""Texts of reports: read, decoded, cut into sections, and scrubbed of what may name a person."""
