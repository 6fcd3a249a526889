"""The exceptions, which also extend Python's own exceptions.

Each class stands for one error code of the store, named by `code`. Catch the class, the built-in exception that it
extends, or `DoliumError` for all. The message says what happened, to which object, and what to do.

>>> import dolium
>>> store = dolium.InProcessStore("1MiB")
>>> try:
...     store.get(dolium.ObjectId.from_name("nobody"))
... except KeyError as error:
...     print(type(error).__name__, error.code)
ObjectNotFound not_found
"""

import pickle


class DoliumError(Exception):
    """Any failure of the store."""

    code = "error"

    def __str__(self):
        # KeyError would show the message's repr. OSError would look for an errno.
        return str(self.args[0]) if self.args else self.code


class ObjectNotFound(DoliumError, KeyError):
    """No sealed object has this id."""

    code = "not_found"


class ObjectExists(DoliumError, FileExistsError):
    """An object with this id exists, sealed or not."""

    code = "already_exists"


class NotSealed(DoliumError, RuntimeError):
    """The object exists, but is still being written."""

    code = "not_sealed"


class AlreadySealed(DoliumError, ValueError):
    """The builder was sealed or aborted before."""

    code = "already_sealed"


class StoreFull(DoliumError, MemoryError):
    """No room, and no (further) object can be evicted."""

    code = "out_of_memory"


class TooLarge(DoliumError, ValueError):
    """Larger than the store, a limit or a quota allows at all."""

    code = "too_large"


class StoreTimeout(DoliumError, TimeoutError):
    """The timeout passed first."""

    code = "timed_out"


class TypeMismatch(DoliumError, TypeError):
    """The object has another type than the requested one."""

    code = "type_mismatch"


class InvalidArgument(DoliumError, ValueError):
    """An argument of the call is invalid."""

    code = "invalid_argument"


class PermissionDenied(DoliumError, PermissionError):
    """This client, or this user, may not do that."""

    code = "permission_denied"


class Disconnected(DoliumError, ConnectionError):
    """The daemon is gone, the store is closed, or this handle belongs to another process."""

    code = "disconnected"


class ProtocolError(DoliumError, ConnectionError):
    """The other side has another protocol version, or sent an invalid message."""

    code = "protocol_error"


class SystemFailure(DoliumError, OSError):
    """The operating system refused. The message contains its reason."""

    code = "system_error"


class TierUnavailable(DoliumError, OSError):
    """The object is on disk, and the spill tier's disk does not answer, or failed."""

    code = "tier_unavailable"


class PickleNotAllowed(DoliumError, pickle.UnpicklingError):
    """The object is a pickle, which can run any code, and this store was not opened with allow_pickle=True."""

    code = "pickle_not_allowed"


# The extension finds the classes here.
BY_CODE = {kind.code: kind for kind in DoliumError.__subclasses__()}
