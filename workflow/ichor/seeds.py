"""Seeds derived from one study seed by name, so that adding a job never shifts another job's draws."""

import hashlib


def seed_for(seed: int, *names: object) -> int:
    """Derive a 32-bit seed from the study's seed and any names.

    Parameters
    ----------
    seed : int
        The study's one seed (config key ``seed``).
    *names : object
        What the draw is for, for example ``"expansion", "vit", "external"``; ``str`` of each is used.

    Returns
    -------
    int
        In ``[0, 2**32)``; the same on every machine and Python (SHA-256, not ``hash``).

    Examples
    --------
    >>> seed_for(1, "vit") == seed_for(1, "vit")
    True
    """
    text = "\x1f".join([str(int(seed)), *(str(name) for name in names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
