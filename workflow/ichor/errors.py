"""Errors that are for the user of a study to read, not for its programmer."""


class StudyError(ValueError):
    """Wrong config, sheet or table: the message says what, where, what was found and what to write instead."""
