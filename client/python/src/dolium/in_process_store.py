"""InProcessStore: a store of this process."""

from __future__ import annotations

from . import _dolium
from ._arguments import Size
from .store import ObjectStore
from .text import describe_store, parse_size


class InProcessStore(ObjectStore):
    """The same engine in one process, without a daemon: for tests, tools and programs of a single process.

    `eviction_policy` is "lru", "lfu", "fifo" or "adaptive".

    >>> InProcessStore("64MiB")
    <dolium.InProcessStore 0 objects, 0 B of 64.0 MiB used>
    """

    def __init__(self, capacity: Size = 1 << 30, *, max_objects: int = 0, eviction_policy: str = "lru",
                 low_water_mark: float = 0.0, relocation: bool = True, preallocate: bool = False, prefault: bool = True,
                 huge_pages: bool = False, allow_pickle: bool = False) -> None:
        self.allow_pickle = allow_pickle
        _dolium.open_in_process(self, parse_size(capacity), max_objects, eviction_policy, low_water_mark, relocation,
                                preallocate, prefault, huge_pages)

    def __reduce__(self):
        raise TypeError("an InProcessStore belongs to its process: use a daemon and a Client to share objects")

    def __repr__(self):
        return f"<dolium.InProcessStore {describe_store(self)}>"
