"""What can go wrong, as exceptions that also fit Python's own hierarchy.

Each class stands for one of the store's error codes, which `code` names; catch the one you mean, the built-in that it
extends, or `DoliumError` for all. The message says what happened, to which object, and what to do about it.

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
        # KeyError would show the message's repr, OSError would look for an errno.
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
    """No room, and nothing (more) may be evicted."""

    code = "out_of_memory"


class TooLarge(DoliumError, ValueError):
    """Larger than the store, a limit or a quota can ever hold."""

    code = "too_large"


class StoreTimeout(DoliumError, TimeoutError):
    """The deadline passed first."""

    code = "timed_out"


class TypeMismatch(DoliumError, TypeError):
    """The object holds something else than what was asked for."""

    code = "type_mismatch"


class InvalidArgument(DoliumError, ValueError):
    """The call makes no sense as it stands."""

    code = "invalid_argument"


class PermissionDenied(DoliumError, PermissionError):
    """This client, or this user, may not do that."""

    code = "permission_denied"


class Disconnected(DoliumError, ConnectionError):
    """The daemon is gone, the store is closed, or this handle belongs to another process."""

    code = "disconnected"


class ProtocolError(DoliumError, ConnectionError):
    """The other side speaks another version, or nonsense."""

    code = "protocol_error"


class SystemFailure(DoliumError, OSError):
    """The operating system refused; the message carries its reason."""

    code = "system_error"


class PickleNotAllowed(DoliumError, pickle.UnpicklingError):
    """The object is a pickle, whose reading may run any code, and this store was not opened with allow_pickle=True."""

    code = "pickle_not_allowed"


# The extension finds the classes here.
BY_CODE = {kind.code: kind for kind in DoliumError.__subclasses__()}
