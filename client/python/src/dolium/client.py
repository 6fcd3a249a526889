"""Client: the store of a daemon."""

from __future__ import annotations

import os
from typing import Optional, Union

from . import _dolium
from ._arguments import Timeout
from .errors import InvalidArgument
from .store import ObjectStore
from .text import describe_store


class Client(ObjectStore):
    """A connection to doliumd. Its objects are shared with all processes of this host that connect to the same daemon.

    `path` is the daemon's socket. With None, it is the environment variable DOLIUM_SOCKET, or else the default path.
    A `read_only` client gets no writable memory. `dolium clients` shows `name`. `connect_timeout` limits the wait for a
    daemon that is not there yet. `allow_pickle` lets get() read pickles: use it only if you trust all writers.
    `retention`, "cache" or "keep", is that of all objects that are made without one: see create().

    If the server crashes, it is restarted with all sealed objects, and the client resumes. If the daemon is stopped or
    dies as a whole, its store is gone. Objects that are held stay readable, and every call raises Disconnected.

    With `reconnect`, the client connects to the next store at that path, which is another store:

    - Reads are repeated there, for `connect_timeout` or their own timeout.
    - Calls that change the store raise Disconnected once and are not repeated.
    - Builders, pins and all objects of the old store are lost.
    - Subscriptions get an `overflow` event.

    get_raw(), exists() and the release of an Object make no system call. If the process dies, for any reason, the
    daemon takes back all that it held or was writing. A pickled client (multiprocessing with "spawn") connects again where it
    is unpickled, from any working directory, and keeps its subclass.

    >>> import dolium
    >>> with dolium.start_store("16MiB") as path:
    ...     with dolium.Client(path) as client:
    ...         client.get(client.put([1, 2.5, "III"]), timeout=5)
    Traceback (most recent call last):
        ...
    dolium.errors.PickleNotAllowed: object ... is a pickle, ...
    """

    def __init__(self, path: Union[str, os.PathLike, None] = None, *, read_only: bool = False, name: str = "",
                 connect_timeout: Timeout = 5, allow_pickle: bool = False, reconnect: bool = False,
                 retention: Optional[str] = None) -> None:
        where = os.fsdecode(path) if path is not None else os.fsdecode(_dolium.default_socket_path())
        if "\0" in where:
            raise InvalidArgument(f"a socket's path cannot contain a NUL: {where!r}")
        self.allow_pickle = allow_pickle
        self.retention = retention
        self._connect(os.path.abspath(where), {"read_only": read_only, "name": name, "reconnect": reconnect}, connect_timeout)

    def _connect(self, path, how, timeout):
        self.path, self._how = path, how
        _dolium.connect(self, os.fsencode(path), how["read_only"], how["name"], timeout, how["reconnect"])

    @property
    def read_only(self) -> bool:
        """Whether the daemon granted read-only access."""
        return _dolium.is_read_only(self)

    @property
    def connected(self) -> bool:
        """Whether the store still exists, as far as this process knows. Makes no system call."""
        return _dolium.is_connected(self)

    @property
    def session_id(self) -> int:
        """The daemon's number for this connection, as `dolium clients` shows it."""
        return _dolium.session_id(self)

    def __reduce__(self):
        # A subclass keeps its attributes; its __init__ is not called again.
        kept = {name: value for name, value in self.__dict__.items() if name not in ("path", "_how", "_aio")}
        return _reconnect, (type(self), self.path, self._how), kept

    def __repr__(self):
        return f"<dolium.Client {self.path}, {describe_store(self)}>"


def _reconnect(kind, path, how):
    client = kind.__new__(kind)
    client._connect(path, how, 5)
    return client
