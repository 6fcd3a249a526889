"""Reports of a store: frozen dataclasses. Each is a snapshot of one moment."""

from __future__ import annotations

import dataclasses
import datetime
from typing import List, NamedTuple, Optional, Tuple

from ._dolium import ObjectId

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def _moment(nanoseconds):
    return _EPOCH + datetime.timedelta(microseconds=nanoseconds // 1000) if nanoseconds else None


def _duration(milliseconds):
    return datetime.timedelta(milliseconds=milliseconds)


class Event(NamedTuple):
    """An object was sealed or removed."""

    kind: str  #: "sealed"; "removed"; "overflow": events were lost here; list the store to catch up
    id: Optional[ObjectId]  #: None for "overflow"
    data_size: int  #: bytes
    metadata_size: int  #: bytes
    cause: Optional[str]  #: of a removal: "removed", "evicted", "expired", "cleared" or "lost"
    label: str = ""  #: as given to put() or create()


@dataclasses.dataclass(frozen=True)
class ClientOrigin:
    """A client's description of its own process, for people. Not checked."""

    pid: int  #: in its own PID namespace; 0: not given
    host: str  #: its own host name
    pod: str  #: its environment variable POD_NAME


@dataclasses.dataclass(frozen=True)
class ClientUse:
    """One client's use of an object, or of the whole store."""

    session_id: int
    pid: int
    command: str  #: the program's name, as it was when the client connected
    name: str
    references: int  #: references held; 0 for a waiting client
    bytes_held: int  #: in the arena, each object once
    unsealed_bytes: int  #: being written
    leased_bytes: int  #: part of unsealed_bytes: leased for later puts
    origin: ClientOrigin  #: reported by the client itself

    @classmethod
    def _of(cls, row):
        row["origin"] = ClientOrigin(**row["origin"])
        return cls(**row)


def _uses(rows):
    return tuple(ClientUse._of(row) for row in rows)


@dataclasses.dataclass(frozen=True)
class Obstacles:
    """Memory that can be neither evicted nor moved at the moment. Each piece divides the arena."""

    count: int  #: number of pieces
    held_bytes: int  #: in use by clients
    writing_bytes: int  #: created and not sealed
    leased_bytes: int  #: leases in use, or that cannot be taken back
    abandoned_bytes: int  #: being written when the server, or the client, died
    pinned_bytes: int  #: pinned, not in use, and too large to be moved
    graced_bytes: int  #: kept for readers by a grace, not in use, and too large to be moved
    movable_bytes: int  #: no obstacle: pinned or in a grace, and not in use, so it can be moved
    largest_run: int  #: largest contiguous memory if all else were evicted or moved


@dataclasses.dataclass(frozen=True)
class Refusal:
    """A create or put that was refused because of room or a quota, or that waited for room in vain."""

    ago: datetime.timedelta
    id: ObjectId
    size: int  #: requested contiguous bytes
    code: str  #: "out_of_memory", "too_large" or "timed_out"
    cause: str  #: "room", "objects", "pins", "writing", "capacity", "description", "memory" or "disk"
    reason: str  #: the error's message
    by: ClientUse
    free_bytes: int  #: at that moment, like all fields below
    largest_free_extent: int
    obstacles: Obstacles  #: memory that stood in the way
    holders: Tuple[ClientUse, ...]  #: the clients that held or wrote most, largest first

    @classmethod
    def _of(cls, row):
        row["ago"] = _duration(row["ago"])
        row["by"] = ClientUse._of(row["by"])
        row["obstacles"] = Obstacles(**row["obstacles"])
        row["holders"] = _uses(row["holders"])
        return cls(**row)


@dataclasses.dataclass(frozen=True)
class ObjectMetadata:
    """One object, as the store sees it."""

    id: ObjectId
    data_size: int  #: bytes
    metadata_size: int  #: bytes
    state: str  #: "unsealed" or "sealed"
    created_at: datetime.datetime  #: UTC, like all times
    sealed_at: Optional[datetime.datetime]
    last_accessed: Optional[datetime.datetime]  #: the last get; before the first get, the seal
    ref_count: int  #: reference count: references of all clients together
    type_tag: int  #: 0: raw bytes
    type_name: str
    is_pinned: bool
    time_to_live: Optional[datetime.timedelta]
    time_to_idle: Optional[datetime.timedelta]
    creator_pid: int
    label: str  #: as given to put() or create()
    # Only metadata() fills these; list() leaves them empty.
    creator_command: str  #: only while the creator is connected
    holders: Tuple[ClientUse, ...]  #: at most 64, most references first
    waiters: Tuple[ClientUse, ...]  #: clients with a get that waits for the seal; likewise
    # Of metadata() and list().
    grace_left: Optional[datetime.timedelta]  #: how long a grace still keeps the object; None: no grace
    grace_readers_left: int  #: number of sessions whose gets end the grace
    seal_stamp: int  #: different for each object that was ever sealed in this store; 0: unsealed
    retention: str  #: "cache" or "keep"
    where: str  #: "memory", "memory_and_disk", "disk" or "reading_back"; on disk, type_name and label are not known

    @classmethod
    def _of(cls, row):
        for name in ("holders", "waiters"):
            row[name] = _uses(row[name])
        for name in ("created_at", "sealed_at", "last_accessed"):
            row[name] = _moment(row[name])
        for name in ("time_to_live", "time_to_idle", "grace_left"):
            row[name] = _duration(row[name]) if row[name] else None
        return cls(**row)


@dataclasses.dataclass(frozen=True)
class ClientInfo:
    """One connection to the daemon, with its objects."""

    session_id: int
    pid: int  #: in the daemon's PID namespace, from the kernel; 0: the daemon cannot see the process
    uid: int
    command: str
    user: str
    name: str
    access: str  #: "read_write" or "read_only"
    references: int  #: two references to one object count twice
    objects_held: int
    bytes_held: int
    unsealed_count: int
    unsealed_bytes: int
    hits: int
    misses: int
    waiting_gets: int
    waiting_creates: int
    connected_for: datetime.timedelta
    quarantined: bool  #: ended for misbehaviour; its memory is kept until its process ends
    left: bool  #: its Client is gone, but it still holds objects
    orphaned: bool  #: was connected to a server that crashed, and has not resumed with the new one
    unread_bytes: int  #: of replies and events that it has not read yet
    oldest_unsealed: datetime.timedelta  #: age of its oldest unsealed object
    longest_held: datetime.timedelta  #: age of its oldest reference
    origin: ClientOrigin  #: reported by the client itself
    graced_count: int  #: objects that are kept by graces that it gave, in use or not
    graced_bytes: int

    @classmethod
    def _of(cls, row):
        row["origin"] = ClientOrigin(**row["origin"])
        for name in ("connected_for", "oldest_unsealed", "longest_held"):
            row[name] = _duration(row[name])
        return cls(**row)


@dataclasses.dataclass(frozen=True)
class SpillTier:
    """The spill tier of a daemon: its process and its disk. Figures of the process are a second old."""

    state: str  #: "absent", "catalogue", "ready", "full", "read_only", "failed" or "stalled"
    reason: str  #: why it is not ready; may be empty
    pid: int  #: of doliumd-spill; 0: not connected
    directory: str
    io: str  #: "io_uring" or "threads"
    connected_for: datetime.timedelta
    oldest_work: datetime.timedelta  #: how long it has owed an answer to a write or a read
    writing_count: int  #: objects being written
    writing_bytes: int
    reading_bytes: int  #: being read back
    capacity_bytes: int  #: the quota; 2**64 - 1: none
    used_bytes: int  #: allocated on the disk
    live_bytes: int  #: of objects that are there
    records: int
    files: int
    written_bytes: int  #: since the process started, like those that follow
    read_bytes: int
    compacted_bytes: int
    write_errors: int
    read_errors: int
    damaged_count: int  #: records with a wrong checksum
    unreadable_count: int  #: reads that the disk refused
    lost_records: int  #: records whose files others have removed or cut
    last_sync: float  #: duration of the last sync, in seconds

    @classmethod
    def _of(cls, row):
        row["connected_for"] = _duration(row["connected_for"])
        row["oldest_work"] = _duration(row["oldest_work"])
        return cls(**row)


@dataclasses.dataclass(frozen=True)
class StoreStats:
    """How full the store is, why, and its counters. Always: capacity == used_bytes + free_bytes."""

    total_objects: int  #: sealed and visible
    total_size: int  #: their data and metadata, in bytes as their creators gave them
    size_histogram: List[Tuple[int, int]]  #: (at most this many bytes, number of objects)
    capacity: int
    used_bytes: int
    free_bytes: int
    largest_free_extent: int  #: the largest object that fits without evicting anything
    padding_bytes: int
    reserved_bytes: int  #: the part of the capacity that the kernel has provided
    max_objects: int
    pinned_count: int
    pinned_bytes: int
    in_use_count: int  #: objects with a reference count above 0
    in_use_bytes: int
    unsealed_count: int  #: being written
    unsealed_bytes: int
    retired_count: int  #: removed, but still held
    retired_bytes: int
    quarantined_count: int  #: pieces of memory of ended writers that I/O may still reach
    quarantined_bytes: int
    evictable_bytes: int
    obstacles: Obstacles  #: memory that divides the arena
    get_count: int
    hit_count: int
    miss_count: int
    put_count: int
    eviction_count: int
    evicted_bytes: int
    relocation_count: int
    relocated_bytes: int
    expired_count: int
    removed_count: int
    aborted_count: int
    out_of_memory_count: int
    client_count: int
    waiting_gets: int
    waiting_creates: int
    uptime: datetime.timedelta
    last_refusal: Optional[Refusal]  #: the last create that was refused; None: no create was refused
    server_pid: int  #: pid of the server; 0, and no version, in an InProcessStore
    server_version: str
    pid_namespace: int  #: PID namespace of the daemon's pids (inode of its /proc/self/ns/pid); 0: unknown
    graced_count: int  #: kept for readers by a grace alone: neither pinned nor in use
    graced_bytes: int
    dirty_count: int  #: of retention "keep": in memory, not on disk yet
    dirty_bytes: int
    clean_count: int  #: in memory and on disk
    clean_bytes: int
    spilled_count: int  #: on disk only
    spilled_bytes: int
    reading_count: int  #: of these: being read back
    spill_count: int  #: objects whose memory was given up, since the start of the store
    read_back_count: int
    tier: Optional[SpillTier]  #: None: the store has no spill tier
    eviction_policy: str  #: "lru", "lfu", "fifo" or "adaptive"

    @classmethod
    def _of(cls, row):
        row["uptime"] = _duration(row["uptime"])
        row["obstacles"] = Obstacles(**row["obstacles"])
        row["tier"] = SpillTier._of(row["tier"]) if row["tier"] else None
        row["last_refusal"] = Refusal._of(row["last_refusal"]) if row["last_refusal"] else None
        return cls(**row)

    @property
    def hit_ratio(self):
        """The share of gets that found their object; None before the first get."""
        return self.hit_count / self.get_count if self.get_count else None
