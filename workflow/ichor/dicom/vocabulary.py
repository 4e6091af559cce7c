"""Names of kernels and manufacturers that may appear in public tables.

Tags are free text, and free text can hold a person's name. A value that matches no known pattern is ``other``.
"""

import re

MANUFACTURERS = {
    "GE": r"\bge\b|general electric",
    "Siemens": r"siemens",
    "Philips": r"philips|picker|marconi",
    "Canon": r"canon|toshiba",
    "Hitachi": r"hitachi|fujifilm",
    "Neusoft": r"neusoft",
    "United Imaging": r"united imaging|\buih\b",
    "Samsung": r"samsung|neurologica",
    "Ichor": r"ichor",
}
# Siemens H31s, Hr40f, J40s, B30f; GE STANDARD, BONE+; Philips UB, YA; Canon FC26; Hitachi 11; United H_SOFT_A
KERNELS = re.compile(
    r"(?-i:[A-Z][a-z]?\d{2}[a-z]{0,2})|STANDARD|STND|STD\+?|SOFT\+?|BRAIN|CEREBRUM|DETAIL|BONE(?:PLUS|\+)?|EDGE|LUNG|CHST|ULTRA"
    r"|U[ABC]|Y[A-D]|E[BC]|[A-E]|L|FC\d{2}|[A-Z]_(?:SOFT|SHARP|VSOFT|BONE)_[A-E]|SB|SHARP|SMOOTH|HEAD",
    re.IGNORECASE,
)
BONE_KERNELS = re.compile(
    r"BONE(?:PLUS|\+)?|EDGE|LUNG|ULTRA|SHARP|DETAIL|YC|YD|EC|[DEL]|FC(?:3\d|5[0-9]|8[0-9])|[A-Z]_(?:SHARP|BONE)_[A-E]"
    r"|(?-i:[A-Z][a-z]?(?:5[5-9]|[6-9]\d)[a-z]{0,2})",
    re.IGNORECASE,
)  # Siemens numbers from 55 up are sharp; Toshiba FC30s and FC80s are bone and lung


def _first(kernel: str) -> str:
    return kernel.split("\\")[0].strip()


def known_kernel(kernel: str) -> str:
    """Return the kernel's name if it is one, ``other`` if it is not, empty if there is none."""
    name = _first(kernel)
    if not name:
        return ""
    return name if KERNELS.fullmatch(name) else "other"


def is_bone_kernel(kernel: str) -> bool:
    """Tell whether the kernel (as `known_kernel` gives it) is a bone or another sharp one."""
    return bool(BONE_KERNELS.fullmatch(kernel))


def known_manufacturer(manufacturer: str) -> str:
    """Return the manufacturer's common name, ``other`` if it is not known, empty if there is none."""
    if not manufacturer.strip():
        return ""
    found = (name for name, pattern in MANUFACTURERS.items() if re.search(pattern, manufacturer, re.IGNORECASE))
    return next(found, "other")
