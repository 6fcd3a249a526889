"""What the store tells of itself: frozen dataclasses, each a snapshot that was true when it was taken."""

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
    """Something came into the store or left it."""

    kind: str  #: "sealed"; "removed"; "overflow": events were lost here, list the store to catch up
    id: Optional[ObjectId]  #: None for "overflow"
    data_size: int  #: bytes
    metadata_size: int  #: bytes
    cause: Optional[str]  #: of a removal: "removed", "evicted", "expired" or "cleared"


@dataclasses.dataclass(frozen=True)
class ClientOrigin:
    """What a client says of the process that it is. Not checked: it is for people."""

    pid: int  #: in its own PID namespace; 0: it did not say
    host: str  #: its own host name
    pod: str  #: its environment variable POD_NAME


@dataclasses.dataclass(frozen=True)
class ClientUse:
    """What one client has of an object, or of the store as a whole."""

    session_id: int
    pid: int
    command: str  #: the program's name, as it was when the client connected
    name: str
    references: int  #: held; 0 of one that waits
    bytes_held: int  #: in the arena, each object once
    unsealed_bytes: int  #: being written
    leased_bytes: int  #: part of it: for deferred puts to come
    origin: ClientOrigin  #: its own words

    @classmethod
    def _of(cls, row):
        row["origin"] = ClientOrigin(**row["origin"])
        return cls(**row)


def _uses(rows):
    return tuple(ClientUse._of(row) for row in rows)


@dataclasses.dataclass(frozen=True)
class Obstacles:
    """Memory that neither eviction nor moving can clear at the moment: each piece is a wall that cuts the arena."""

    count: int  #: pieces
    held_bytes: int  #: in use by clients
    writing_bytes: int  #: created and not sealed
    leased_bytes: int  #: leases of clients that use them now, or cannot give them back
    abandoned_bytes: int  #: what a client was writing when the server died, or the client itself
    pinned_bytes: int  #: pinned, not in use, and too large to be moved
    movable_bytes: int  #: no obstacle, but memory that only moves: pinned, and not in use
    largest_run: int  #: the most that could be free in one piece if all else were evicted or moved away


@dataclasses.dataclass(frozen=True)
class Refusal:
    """A create, or a put, that was refused for want of room or of quota, or waited for room in vain."""

    ago: datetime.timedelta
    id: ObjectId
    size: int  #: what it wanted in one piece, bytes
    code: str  #: "out_of_memory", "too_large" or "timed_out"
    cause: str  #: "room", "objects", "pins", "writing", "capacity", "description" or "memory"
    reason: str  #: what it was told
    by: ClientUse
    free_bytes: int  #: at that moment, as all below
    largest_free_extent: int
    obstacles: Obstacles  #: what stood in the way
    holders: Tuple[ClientUse, ...]  #: who held or wrote most, the largest first

    @classmethod
    def _of(cls, row):
        row["ago"] = _duration(row["ago"])
        row["by"] = ClientUse._of(row["by"])
        row["obstacles"] = Obstacles(**row["obstacles"])
        row["holders"] = _uses(row["holders"])
        return cls(**row)


@dataclasses.dataclass(frozen=True)
class ObjectMetadata:
    """What the store knows of one object."""

    id: ObjectId
    data_size: int  #: bytes
    metadata_size: int  #: bytes
    state: str  #: "unsealed" or "sealed"
    created_at: datetime.datetime  #: UTC, as all times
    sealed_at: Optional[datetime.datetime]
    last_accessed: Optional[datetime.datetime]  #: the last get; the seal, when nobody got it yet
    ref_count: int  #: references held by all clients together
    type_tag: int  #: 0: raw bytes
    type_name: str
    is_pinned: bool
    time_to_live: Optional[datetime.timedelta]
    time_to_idle: Optional[datetime.timedelta]
    creator_pid: int
    # Told by metadata() only; list() leaves them empty.
    creator_command: str  #: while the creator is connected
    holders: Tuple[ClientUse, ...]  #: most references first; the first 64 of them
    waiters: Tuple[ClientUse, ...]  #: whose gets wait until it is sealed; likewise

    @classmethod
    def _of(cls, row):
        for name in ("holders", "waiters"):
            row[name] = _uses(row[name])
        for name in ("created_at", "sealed_at", "last_accessed"):
            row[name] = _moment(row[name])
        for name in ("time_to_live", "time_to_idle"):
            row[name] = _duration(row[name]) if row[name] else None
        return cls(**row)


@dataclasses.dataclass(frozen=True)
class ClientInfo:
    """One connection to the daemon, and what it holds."""

    session_id: int
    pid: int  #: in the daemon's PID namespace, as the kernel says; 0: that does not see the process
    uid: int
    command: str
    user: str
    name: str
    access: str  #: "read_write" or "read_only"
    references: int  #: the same object twice counted twice
    objects_held: int
    bytes_held: int
    unsealed_count: int
    unsealed_bytes: int
    hits: int
    misses: int
    waiting_gets: int
    waiting_creates: int
    connected_for: datetime.timedelta
    quarantined: bool  #: ended for misbehaviour; its memory is kept until its process is gone
    left: bool  #: its Client is gone, but objects that it got are not
    orphaned: bool  #: was connected to a server that died, and has not come back to its successor
    unread_bytes: int  #: of replies and events that it has not taken yet
    oldest_unsealed: datetime.timedelta  #: since it created what it has been writing longest
    longest_held: datetime.timedelta  #: since it last got what it got before all others that it holds
    origin: ClientOrigin  #: its own words

    @classmethod
    def _of(cls, row):
        row["origin"] = ClientOrigin(**row["origin"])
        for name in ("connected_for", "oldest_unsealed", "longest_held"):
            row[name] = _duration(row[name])
        return cls(**row)


@dataclasses.dataclass(frozen=True)
class StoreStats:
    """How full the store is, why, and what happened. capacity == used_bytes + free_bytes, always."""

    total_objects: int  #: sealed and visible
    total_size: int  #: their data and metadata, in bytes as their creators gave them
    size_histogram: List[Tuple[int, int]]  #: (at most this many bytes, how many objects)
    capacity: int
    used_bytes: int
    free_bytes: int
    largest_free_extent: int  #: the largest object that fits without evicting anything
    padding_bytes: int
    reserved_bytes: int  #: how much of the capacity the kernel has really given
    max_objects: int
    pinned_count: int
    pinned_bytes: int
    in_use_count: int  #: held by somebody
    in_use_bytes: int
    unsealed_count: int  #: being written
    unsealed_bytes: int
    retired_count: int  #: removed, but still held
    retired_bytes: int
    quarantined_count: int  #: pieces of memory whose writer is gone, and to which I/O may be under way
    quarantined_bytes: int
    evictable_bytes: int
    obstacles: Obstacles  #: what cuts the arena
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
    last_refusal: Optional[Refusal]  #: the last create for which there was no room; None: there was none
    server_pid: int  #: who serves; 0, and no version, in an InProcessStore
    server_version: str
    pid_namespace: int  #: that the daemon's pids belong to (the inode of its /proc/self/ns/pid); 0: unknown

    @classmethod
    def _of(cls, row):
        row["uptime"] = _duration(row["uptime"])
        row["obstacles"] = Obstacles(**row["obstacles"])
        row["last_refusal"] = Refusal._of(row["last_refusal"]) if row["last_refusal"] else None
        return cls(**row)

    @property
    def hit_ratio(self):
        """The share of gets that found their object; None before the first."""
        return self.hit_count / self.get_count if self.get_count else None
