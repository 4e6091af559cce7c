"""Tables as columns and rows of text, ready for the macro ``frame`` of the templates."""

from ichor.report import numbers


def frame(heads: list[str], rows: list[list], numeric: tuple[str, ...] = ()) -> dict | None:
    """A table for the macro ``frame``; None without rows."""
    columns = [{"name": head, "num": head in numeric} for head in heads]
    return {"columns": columns, "rows": [{"cells": cells} for cells in rows]} if rows else None


def value(estimate: object, low: object, high: object, digits: int = 2) -> dict:
    """A number with its interval below it."""
    between = numbers.interval(low, high, digits)
    return {"text": numbers.plain(estimate, digits), "small": [between] if between else [], "code": False}
