"""Tables that hold source paths and the centers' own patient ids: for the owner's eyes, below ``work/`` only."""

import os
from pathlib import Path

import pandas as pd


def write_private(data: pd.DataFrame, path: str | Path) -> None:
    """Write a table as Parquet that only its owner can read (mode 0600)."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    data.to_parquet(path, index=False)


def read_private(path: str | Path) -> pd.DataFrame:
    """Read a table written by `write_private`."""
    return pd.read_parquet(path)
