"""Dolium: a shared-memory object store for one host.

One process puts a large immutable object. Any number of processes read it in place, without a copy.

>>> import dolium
>>> with dolium.start_store("64MiB") as path:           # or start doliumd, and call Client()
...     client = dolium.Client(path)
...     id = client.put("salve")                        # the value's type chooses the format
...     client.get(id)
'salve'

`Client` (the store of a daemon) and `InProcessStore` (a store of this process) have the same interface, `ObjectStore`.
Each value has an `ObjectId`. `put` and `get` convert values. `create` and `get_raw` give access to the memory itself:
an `ObjectBuilder` to write into, and an `Object` to read from. Both are buffers that numpy and others use in place.

>>> import numpy
>>> store = dolium.InProcessStore("64MiB")
>>> id = store.put(numpy.arange(12.0).reshape(3, 4))    # exactly one copy
>>> array = store.get(id)                               # no copy
>>> array.shape, array.flags.writeable
((3, 4), False)

To read a pickle runs code of its writer. So a store reads pickles only with allow_pickle=True:

>>> trusting = dolium.InProcessStore("64MiB", allow_pickle=True)
>>> trusting.get(trusting.put({"weights": numpy.ones(3)}))
{'weights': array([1., 1., 1.])}

With asyncio: `await client.get_async(id)`, `async for event in client.subscribe()`. All errors are `DoliumError`s. They
also extend Python's own exceptions: `ObjectNotFound` is a KeyError (see dolium.errors). `dolium.plasma` has the
interface of pyarrow.plasma.
"""

from . import _dolium

_dolium.check_interpreter()

from . import errors
from ._dolium import Object, ObjectBuilder, ObjectId, PrivateCopy
from . import dlpack as _dlpack
from .arrays import ArrayBuilder
from .codecs import Typed, register
from .errors import (
    AlreadySealed,
    Disconnected,
    DoliumError,
    InvalidArgument,
    NotSealed,
    ObjectExists,
    ObjectNotFound,
    PermissionDenied,
    PickleNotAllowed,
    ProtocolError,
    StoreFull,
    StoreTimeout,
    SystemFailure,
    TierUnavailable,
    TooLarge,
    TypeMismatch,
)
from .files import get_file, put_files
from .records import ClientInfo, ClientOrigin, ClientUse, Event, ObjectMetadata, Obstacles, Refusal, SpillTier, StoreStats
from .refs import ObjectRef
from .server import start_store
from .store import Client, InProcessStore, ObjectStore
from .subscription import Subscription

__version__ = "0.1.0"
__all__ = [
    "AlreadySealed", "ArrayBuilder", "Client", "ClientInfo", "ClientOrigin", "ClientUse", "Disconnected", "DoliumError", "Event", "InProcessStore",
    "InvalidArgument", "NotSealed", "Object", "ObjectBuilder", "ObjectExists", "ObjectId", "ObjectMetadata",
    "ObjectNotFound", "ObjectRef", "ObjectStore", "Obstacles", "PermissionDenied", "PickleNotAllowed", "PrivateCopy", "ProtocolError", "Refusal", "SpillTier", "StoreFull",
    "StoreStats", "StoreTimeout", "Subscription", "SystemFailure", "TierUnavailable", "TooLarge", "TypeMismatch", "Typed", "errors", "get_file", "put_files",
    "register", "start_store",
]
