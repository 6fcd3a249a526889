"""Sizes in text form, and the repr of stores and of the compiled types."""

import contextlib
import re

from .errors import Disconnected

_UNITS = {"": 1, "B": 1}
for _power, _letter in enumerate("KMGT", start=1):
    _UNITS[_letter] = _UNITS[_letter + "IB"] = 1024**_power
    _UNITS[_letter + "B"] = 1000**_power


def parse_size(size):
    """Bytes: from an int, or from text such as `"64MiB"`, `"1.5G"` (powers of 1024) or `"10GB"` (powers of 1000).

    >>> parse_size("64MiB"), parse_size(4096)
    (67108864, 4096)
    """
    if not isinstance(size, str):
        return int(size)
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", size)
    if match is None or match[2].upper() not in _UNITS:
        raise ValueError(f"not a size: {size!r}; write it as 64MiB, 1.5G or 4096")
    return round(float(match[1]) * _UNITS[match[2].upper()])


def size_text(size):
    """
    >>> size_text(100), size_text(1536), size_text(64 << 20)
    ('100 B', '1.5 KiB', '64.0 MiB')
    """
    if size < 1024:
        return f"{size} B"
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        size /= 1024
        if size < 1024 or unit == "TiB":
            return f"{size:.1f} {unit}"


def describe_object(obj):
    from . import codecs

    return f"<dolium.{type(obj).__name__} {obj.id.hex()[:12]} {size_text(obj.size)}, {codecs.describe(obj)}, sealed>"


def describe_builder(builder):
    written = f", {size_text(builder.written)} written" if builder.written else ""
    return f"<dolium.ObjectBuilder {builder.id.hex()[:12]} {size_text(builder.size)}{written}, {builder.state}>"


def describe_store(store):
    if store.closed:
        return "closed"
    with contextlib.suppress(Disconnected):
        stats = store.stats()
        used, capacity = size_text(stats.used_bytes), size_text(stats.capacity)
        return f"{stats.total_objects} objects, {used} of {capacity} used"
    return "disconnected"
